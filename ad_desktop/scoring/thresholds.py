"""Thresholds from held-out normal scores, and what is known of the false-positive rate they promise.

A sample is flagged where its score is strictly greater than the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ad_desktop.errors import UserError

Rule = Literal["rank", "extrapolated", "chi2", "manual", "uncalibrated"]

TAIL_SHARE = 0.15
MIN_TAIL = 5
# Exceedances' worth of belief in an exponential tail, against which the fitted shape is weighed.
SHAPE_PRIOR = 10.0
# Rates below this are not told apart; it keeps the extrapolated threshold finite.
SMALLEST_FPR = 1e-9
# (n + 1)·fpr is a whole number for the rates people ask for, and rounding must not lose that.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Threshold:
    """A threshold on the anomaly score, and what is known of the false-positive rate it gives.

    ``value``: flagged means score > value. ``fpr``: the rate asked for. ``rule``: how the value came
    about: ``rank`` of the held-out normal scores, ``extrapolated`` beyond what they resolve, ``chi2``
    of the Gaussian model, ``manual``, or ``uncalibrated`` where there are no normal scores.
    ``low``, ``high``: 5–95 % interval of the rate achieved on new normal samples (shares, 0–1).
    ``smallest``: the smallest rate the groups can vouch for. ``n``, ``groups``: how many samples and
    groups of samples the value rests on.
    """

    value: float
    fpr: float
    rule: Rule
    low: float
    high: float
    smallest: float
    n: int
    groups: int


class Rate(NamedTuple):
    """A share (0–1) and its confidence interval."""

    rate: float
    low: float
    high: float


def conformal_threshold(scores: ArrayLike, groups: Sequence[int], fpr: float) -> Threshold:
    """The score that a new normal sample exceeds with probability at most ``fpr``.

    ``scores`` (n,) are held-out scores of normal samples, ``groups`` one integer per score (samples of
    one group were held out together). The value is the score of rank ⌈(n+1)(1−fpr)⌉ (split conformal
    prediction: Vovk et al. 2005); where (n+1)·fpr < 2 that rank does not exist or hangs on the single
    largest score, and a generalised Pareto tail takes over (rule ``extrapolated``). The value is finite
    and never rises with ``fpr``, across both rules. A single score is its own threshold at small rates.

    ``low`` and ``high`` are the 5 % and 95 % points of Beta(k, m+1−k), k = ⌊(m+1)·fpr⌋, m the number of
    groups; where k = 0 the groups vouch for no such rate: ``low`` is 0, ``high`` that of Beta(1, m).

    ``UserError`` for scores that are not finite; ``ValueError`` for no scores, lengths that differ, or a
    rate outside (0, 1).
    """
    ordered = _sorted_scores(scores)
    n = len(ordered)
    if n == 0 or len(groups) != n:
        raise ValueError(f"{n} scores and {len(groups)} groups: at least one score, and one group for each, are needed")
    if not 0 < fpr < 1:
        raise ValueError(f"false-positive rate {fpr}: a number between 0 and 1 is needed")
    fpr = float(fpr)
    value, rule = conformal_value(ordered, fpr)
    return _threshold(value, fpr, rule, n, groups)


def conformal_value(ordered: NDArray[np.float64], fpr: float) -> tuple[float, Rule]:
    """The value and rule of ``conformal_threshold``, for scores (n,) in ascending order."""
    n = len(ordered)
    allowed = (n + 1) * fpr + ROUNDING
    if allowed < 2:
        return _tail_quantile(ordered, fpr), "extrapolated"
    rank = min(max(n + 1 - math.floor(allowed), 1), n)
    return float(ordered[rank - 1]), "rank"


def samples_needed(fpr: float) -> int:
    """How many independent normal samples measure a false-positive rate; below that ``conformal_threshold`` guesses."""
    return max(1, math.ceil((2 - ROUNDING) / max(fpr, SMALLEST_FPR)) - 1)


def threshold_at(value: float, scores: ArrayLike, groups: Sequence[int], rule: Rule = "manual") -> Threshold:
    """Describe a threshold that was set by hand or by theory, from the held-out normal scores.

    Its ``fpr`` is (1 + number of scores above ``value``)/(n + 1): the inverse of the rank rule of
    ``conformal_threshold``, so a threshold dragged onto a conformal one shows the same rate. With no
    scores the rate is 1: nothing is known.
    """
    ordered = _sorted_scores(scores)
    n = len(ordered)
    if len(groups) != n:
        raise ValueError(f"{n} scores and {len(groups)} groups: one group for each score is needed")
    above = n - int(np.searchsorted(ordered, value, side="right"))
    return _threshold(float(value), (above + 1) / (n + 1), rule, n, groups)


def uncalibrated_threshold(value: float, fpr: float) -> Threshold:
    """A detector's own default ``value``, where no normal scores say what rate it gives: the interval is not known."""
    return Threshold(value, fpr, "uncalibrated", math.nan, math.nan, 1.0, 0, 0)


def chi2_distance_threshold(fpr: float, dof: int) -> float:
    """The Mahalanobis distance that a Gaussian sample in ``dof`` dimensions exceeds with probability ``fpr``.

    Rippel et al. 2020: √χ²_dof.isf(fpr). Computed from the upper tail, so small rates keep their digits.
    """
    from scipy.special import chdtri

    return math.sqrt(float(chdtri(dof, fpr)))


def sigma_to_fpr(n: float) -> float:
    """The false-positive rate of a two-sided ``n``-sigma rule, erfc(n/√2); exact where 1 − erf would round to 0."""
    return math.erfc(n / math.sqrt(2))


def percentile(score: float, normal_scores: ArrayLike) -> float:
    """The share of normal scores below ``score``, 0–100; equal scores count half.

    ``ValueError`` where there are no normal scores.
    """
    normal = np.asarray(normal_scores, np.float64)
    if normal.size == 0:
        raise ValueError("no normal scores to compare with")
    below = np.count_nonzero(normal < score)
    equal = np.count_nonzero(normal == score)
    return 100.0 * (below + 0.5 * equal) / normal.size


def achieved_rate(flagged: int, n: int) -> Rate:
    """The share ``flagged``/``n`` with its 95 % interval (Clopper and Pearson 1934), for reports.

    ``ValueError`` unless 0 ≤ flagged ≤ n and n > 0.
    """
    from scipy.special import betaincinv

    if n <= 0 or not 0 <= flagged <= n:
        raise ValueError(f"{flagged} flagged of {n}: a share of at least one sample is needed")
    low = float(betaincinv(flagged, n - flagged + 1, 0.025)) if flagged > 0 else 0.0
    high = float(betaincinv(flagged + 1, n - flagged, 0.975)) if flagged < n else 1.0
    return Rate(flagged / n, low, high)


def _sorted_scores(scores: ArrayLike) -> NDArray[np.float64]:
    ordered = np.sort(np.asarray(scores, np.float64).ravel())
    if not np.isfinite(ordered).all():
        raise UserError("Some scores of the normal samples are not finite numbers; fit the model again.")
    return ordered


def _threshold(value: float, fpr: float, rule: Rule, n: int, groups: Sequence[int]) -> Threshold:
    m = len(set(groups))
    low, high = _rate_interval(fpr, m)
    return Threshold(value, fpr, rule, low, high, 1 / (m + 1), n, m)


@lru_cache(maxsize=64)
def _rate_interval(fpr: float, m: int) -> tuple[float, float]:
    """5–95 % interval of the achieved rate of a threshold that ⌊(m+1)·fpr⌋ of m + 1 gaps lie above."""
    if m == 0:
        return 0.0, 1.0
    k = min(math.floor((m + 1) * fpr + ROUNDING), m)
    if k == 0:
        return 0.0, 1 - 0.05 ** (1 / m)
    return _beta_quantile(k, m, 0.05), _beta_quantile(k, m, 0.95)


def _beta_quantile(k: int, m: int, share: float) -> float:
    """The point that a Beta(k, m+1−k) variable stays below with probability ``share``, for whole 1 ≤ k ≤ m.

    It stays below x as often as k or more of m uniform numbers do, by bisection of that binomial tail.
    Not by scipy, whose special functions take longer to import than a model to update.
    """
    counts = np.arange(1, m + 1)
    # Of k or more, from the logarithms of the binomial coefficients.
    ways = np.cumsum(np.log((m + 1 - counts) / counts))[k - 1 :]
    counts = counts[k - 1 :]
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        tail = np.exp(ways + counts * math.log(middle) + (m - counts) * math.log1p(-middle)).sum()
        low, high = (middle, high) if tail < share else (low, middle)
    return high


def _tail_quantile(ordered: NDArray[np.float64], fpr: float) -> float:
    """The threshold for a rate of less than two in n + 1, from a generalised Pareto tail.

    The k largest scores (15 %, at least five) exceed the one before them by e. Their shape comes from
    probability-weighted moments (Hosking and Wallis 1987), drawn towards the exponential tail, which a
    handful of points cannot tell from others; the scale then keeps the mean of e. The scale is known
    from k points only: integrating over it adds 1/k to the shape, exactly so for exponential tails, and
    keeps the mean achieved rate at ``fpr`` for few samples.
    """
    n = len(ordered)
    if n == 1:
        return float(ordered[0])
    k = min(n - 1, max(MIN_TAIL, math.ceil(TAIL_SHARE * n)))
    base = float(ordered[n - k - 1])
    excess = ordered[n - k :] - base
    mean = float(excess.mean())
    shape = _tail_shape(excess, mean)
    scale = mean * (1 - shape)
    shape += 1 / k
    # On average, new samples exceed the base with probability (k+1)/(n+1).
    log_ratio = math.log(max(fpr, SMALLEST_FPR) * (n + 1) / (k + 1))
    reach = math.expm1(-shape * log_ratio) / shape if abs(shape) > 1e-9 else -log_ratio
    # The rank rule's own value at the next larger rate it resolves: never less than that.
    floor = ordered[n - 2] if (n + 1) * fpr + ROUNDING >= 1 else ordered[n - 1]
    return max(base + scale * reach, float(floor))


def _tail_shape(excess: NDArray[np.float64], mean: float) -> float:
    """Shape ξ of a generalised Pareto distribution of ascending ``excess``, within ±½ and shrunk towards 0."""
    k = len(excess)
    if k == 1 or mean <= 0:
        return 0.0
    weights = (k - np.arange(1, k + 1)) / (k - 1)
    spread = 1 - 2 * float((weights * excess).mean()) / mean
    # No spread at all is the shape with the hardest end.
    raw = 2 - 1 / spread if spread > 1e-9 else -math.inf
    shrunk = max(raw, -1e6) * k / (k + SHAPE_PRIOR)
    return min(max(shrunk, -0.5), 0.5)
