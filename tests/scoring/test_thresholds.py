from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ad_desktop.errors import UserError
from ad_desktop.scoring.thresholds import (
    achieved_rate,
    chi2_distance_threshold,
    conformal_threshold,
    percentile,
    samples_needed,
    sigma_to_fpr,
    threshold_at,
)

scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
rates = st.floats(1e-12, 1 - 1e-6)


def singles(n: int) -> range:
    """Groups of one."""
    return range(n)


@pytest.mark.parametrize(
    ("n", "fpr"), [(39, "0.05"), (199, "0.01"), (19, "0.1"), (100, "0.05"), (601, "0.01"), (3, "0.9")]
)
def test_rank_of_the_sorted_scores(n: int, fpr: str) -> None:
    values = np.random.default_rng(0).permutation(n).astype(float)
    rank = math.ceil((n + 1) * (1 - Fraction(fpr)))
    found = conformal_threshold(values, singles(n), float(fpr))
    assert found.rule == "rank"
    assert found.value == sorted(values)[rank - 1]
    assert (found.n, found.groups, found.fpr) == (n, n, float(fpr))


@pytest.mark.parametrize(("n", "fpr"), [(38, 0.05), (198, 0.01), (18, 0.1), (10, 0.05), (2, 0.05)])
def test_extrapolated_where_fewer_than_two_normals_may_lie_above(n: int, fpr: float) -> None:
    assert conformal_threshold(np.arange(n), singles(n), fpr).rule == "extrapolated"
    assert conformal_threshold(np.arange(n), singles(n), 2 / (n + 1)).rule == "rank"


@pytest.mark.parametrize("fpr", [0.5, 0.1, 0.07, 0.05, 0.01, 0.001])
def test_as_many_samples_as_measure_a_rate(fpr: float) -> None:
    needed = samples_needed(fpr)
    assert conformal_threshold(np.arange(needed), singles(needed), fpr).rule == "rank"
    assert conformal_threshold(np.arange(needed - 1), singles(needed - 1), fpr).rule == "extrapolated"


@given(scores, rates, rates)
def test_never_rises_with_the_rate_and_is_always_finite(values: list[float], one: float, other: float) -> None:
    groups = singles(len(values))
    strict, loose = (conformal_threshold(values, groups, f).value for f in sorted([one, other]))
    assert math.isfinite(strict)
    assert strict >= loose >= min(values)


@given(scores)
def test_never_rises_across_the_switch_of_rules(values: list[float]) -> None:
    n = len(values)
    steps = [k / (n + 1) * (1 + e) for k in range(1, min(n, 4) + 1) for e in (-1e-6, 0, 1e-6)]
    found = [conformal_threshold(values, singles(n), f).value for f in sorted(steps) if f < 1]
    assert found == sorted(found, reverse=True)


@given(scores, st.floats(0.001, 0.999), st.floats(0.01, 100), st.floats(-1000, 1000))
def test_follows_the_scale_of_the_scores(values: list[float], fpr: float, scale: float, offset: float) -> None:
    values = np.round(values, 3).tolist()
    plain = conformal_threshold(values, singles(len(values)), fpr).value
    moved = conformal_threshold(np.array(values) * scale + offset, singles(len(values)), fpr).value
    size = scale * (abs(plain) + np.ptp(values) + max(map(abs, values))) + abs(offset)
    assert moved == pytest.approx(plain * scale + offset, abs=1e-6 * max(size, 1e-6))


@pytest.mark.parametrize("values", [[3.0], [3.0] * 5, [3.0] * 50, [0.0, 1e-300], [-5.0, -5.0, 7.0]])
def test_few_or_equal_scores_stay_finite(values: list[float]) -> None:
    for fpr in (1e-15, 0.001, 0.01, 0.05, 0.2, 0.5, 0.99):
        found = conformal_threshold(values, singles(len(values)), fpr)
        assert math.isfinite(found.value)
        assert min(values) <= found.value
        assert found.value >= max(values) or (len(values) + 1) * fpr >= 1


@pytest.mark.parametrize("fpr", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("n", [5, 20, 60, 250])
@pytest.mark.parametrize(
    "law", [stats.expon(), stats.gamma(2), stats.lognorm(0.5)], ids=["exponential", "gamma", "lognormal"]
)
def test_mean_rate_on_new_samples_is_the_rate_asked_for(n: int, fpr: float, law: stats.rv_continuous) -> None:
    repeats = 400
    rng = np.random.default_rng(n)
    draws = law.rvs((repeats, n), random_state=rng)
    achieved = np.array([law.sf(conformal_threshold(d, singles(n), fpr).value) for d in draws])
    noise = 3.5 * achieved.std() / math.sqrt(repeats)
    # The rank rule keeps below the rate by less than one rank; few samples know the tail's form only roughly.
    slack = 0.35 * fpr if (n + 1) * fpr < 2 else 0
    assert achieved.mean() < fpr + noise + slack
    lowest = fpr - 1 / (n + 1) if (n + 1) * fpr >= 2 else 0.1 * fpr
    assert achieved.mean() > lowest - noise


@pytest.mark.parametrize(("n", "fpr"), [(20, 0.05), (100, 0.005), (100, 0.01), (180, 0.01)])
def test_gaussian_scores_are_extrapolated_with_little_bias(n: int, fpr: float) -> None:
    rng = np.random.default_rng(7)
    achieved = [stats.norm.sf(conformal_threshold(rng.normal(size=n), singles(n), fpr).value) for _ in range(600)]
    assert 0.7 * fpr < np.mean(achieved) < 1.1 * fpr


def test_two_exponential_scores_already_give_the_rate_asked_for() -> None:
    # One excess over one base: the predictive tail is exact here, however long.
    draws = np.random.default_rng(5).exponential(size=(8000, 2))
    achieved = np.exp([-conformal_threshold(d, singles(2), 0.05).value for d in draws])
    assert achieved.mean() == pytest.approx(0.05, abs=4 * achieved.std() / math.sqrt(8000))


def test_interval_holds_the_achieved_rate_nine_times_in_ten() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(1000):
        found = conformal_threshold(rng.random(99), singles(99), 0.1)
        inside += found.low <= 1 - found.value <= found.high
    assert 0.87 < inside / 1000 < 0.93


def test_interval_counts_groups_not_samples() -> None:
    values = np.arange(600)
    found = conformal_threshold(values, values // 6, 0.05)
    assert (found.n, found.groups) == (600, 100)
    law = stats.beta(5, 96)
    assert (found.low, found.high) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))
    assert found.smallest == 1 / 101


def test_interval_takes_the_new_sample_into_account() -> None:
    # 39 groups and the new one: 5 % of 40 is two, of 39 only one.
    law = stats.beta(2, 38)
    found = conformal_threshold(np.arange(39), singles(39), 0.05)
    assert (found.low, found.high) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))


def test_interval_where_the_groups_cannot_vouch_for_the_rate() -> None:
    found = conformal_threshold(np.arange(10), singles(10), 0.05)
    assert found.low == 0
    assert found.high == pytest.approx(stats.beta(1, 10).ppf(0.95))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(UserError, match="not finite"):
        conformal_threshold([1.0, bad], [0, 1], 0.05)


@pytest.mark.parametrize(
    ("values", "groups", "fpr"), [([], [], 0.05), ([1.0], [], 0.05), ([1.0], [0], 0), ([1.0], [0], 1)]
)
def test_wrong_use_is_refused(values: list[float], groups: list[int], fpr: float) -> None:
    with pytest.raises(ValueError, match="needed"):
        conformal_threshold(values, groups, fpr)


def test_thresholds_are_values() -> None:
    found = conformal_threshold([1.0, 2.0], [0, 1], 0.05)
    assert found == conformal_threshold([2.0, 1.0], [1, 0], 0.05)
    with pytest.raises(FrozenInstanceError):
        found.value = 3.0  # type: ignore[misc]


@given(st.lists(st.integers(0, 10**6), min_size=20, max_size=60, unique=True), st.floats(0.1, 0.95))
def test_a_threshold_set_by_hand_shows_the_rate_that_would_have_given_it(values: list[int], fpr: float) -> None:
    groups = singles(len(values))
    chosen = conformal_threshold(values, groups, fpr)
    by_hand = threshold_at(chosen.value, values, groups)
    assert by_hand.rule == "manual"
    assert by_hand.fpr <= fpr < by_hand.fpr + 1 / (len(values) + 1) + 1e-6
    assert conformal_threshold(values, groups, by_hand.fpr).value == chosen.value


def test_a_threshold_without_normal_scores_promises_nothing() -> None:
    found = threshold_at(0.5, [], [], "uncalibrated")
    assert (found.value, found.fpr, found.rule, found.low, found.high, found.n) == (0.5, 1, "uncalibrated", 0, 1, 0)


@pytest.mark.parametrize("dof", [1, 10, 272, 1792])
@pytest.mark.parametrize("fpr", [0.5, 0.05, 1e-4, 1e-15, 1e-60])
def test_chi2_threshold_equals_scipy(dof: int, fpr: float) -> None:
    assert chi2_distance_threshold(fpr, dof) == pytest.approx(math.sqrt(stats.chi2.isf(fpr, dof)), rel=1e-9)


@pytest.mark.parametrize("n", [0, 1, 3, 8, 10, 20])
def test_sigma_rule_keeps_its_digits(n: float) -> None:
    assert sigma_to_fpr(n) == pytest.approx(2 * stats.norm.sf(n), rel=1e-12)


def test_sigma_rule_gives_a_finite_distance_beyond_eight_sigma() -> None:
    distances = [chi2_distance_threshold(sigma_to_fpr(n), 272) for n in (7, 8, 9, 10, 20)]
    assert distances == sorted(set(distances))
    assert all(map(math.isfinite, distances))


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.integers(-6, 6))
def test_percentile_equals_scipy_mean_rank(values: list[int], score: int) -> None:
    assert percentile(score, values) == pytest.approx(stats.percentileofscore(values, score, kind="mean"))


def test_percentile_needs_normals() -> None:
    with pytest.raises(ValueError, match="no normal scores"):
        percentile(1.0, [])


@pytest.mark.parametrize(("flagged", "n"), [(0, 10), (10, 10), (3, 50), (57, 1000)])
def test_achieved_rate_equals_scipy(flagged: int, n: int) -> None:
    expected = stats.binomtest(flagged, n).proportion_ci(0.95, "exact")
    found = achieved_rate(flagged, n)
    assert found.rate == flagged / n
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("flagged", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_achieved_rate_of_nothing_is_refused(flagged: int, n: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        achieved_rate(flagged, n)


@pytest.mark.parametrize("m", [1, 2, 7, 60, 1000, 100_000])
@pytest.mark.parametrize("fpr", [1e-6, 0.01, 0.05, 0.5, 0.999])
def test_the_interval_is_that_of_the_beta_distribution(fpr: float, m: int) -> None:
    k = min(int((m + 1) * fpr + 1e-9), m)
    expected = stats.beta(k, m + 1 - k).ppf([0.05, 0.95]) if k else [0.0, stats.beta(1, m).ppf(0.95)]
    found = conformal_threshold(np.arange(m), range(m), fpr)
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-9)
