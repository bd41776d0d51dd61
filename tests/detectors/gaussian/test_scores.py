"""The five image scores against the same rules written out with scikit-learn, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from ad_desktop.detectors.gaussian.pooled import Reduction
from ad_desktop.detectors.gaussian.scores import LOCAL_GLOBAL, RULES, ImageScore, top_mean
from ad_desktop.errors import UserError

LEVELS = {"level 4": slice(0, 6), "level 5": slice(6, 16)}
WHOLE = {"all": slice(0, 16)}


def vectors(n: int, seed: int = 0) -> np.ndarray:
    mixing = np.random.default_rng(99).normal(size=(16, 16))
    return (np.random.default_rng(seed).normal(size=(n, 16)) @ mixing + 2).astype(np.float32)


def local_evidence(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + 100).gamma(3, 1, n)


def made(rule: str, n: int, groups: list[int], reduction: Reduction | None = None) -> tuple[ImageScore, np.ndarray]:
    score = ImageScore(rule, LEVELS, reduction or Reduction())
    score.fit(vectors(n), n)
    return score, score.calibrate(vectors(n), local_evidence(n), groups, groups)


def pieces_of(rule: str) -> list[slice]:
    return list((LEVELS if "sum" in rule else WHOLE).values())


def new_distances(rule: str, n: int, new: np.ndarray) -> np.ndarray:
    """One column per Gaussian of the rule: distances of ``new`` to the ``n`` normal vectors, by scikit-learn."""
    columns = []
    for piece in pieces_of(rule):
        fitted = LedoitWolf().fit(vectors(n)[:, piece].astype(np.float64))
        columns.append(np.sqrt(fitted.mahalanobis(new[:, piece].astype(np.float64))))
    return np.stack(columns, 1)


def held_out_distances(rule: str, n: int, groups: np.ndarray) -> np.ndarray:
    """The same for the normal vectors themselves, each to those of the other groups, ρ and μ of all."""
    columns = []
    for piece in pieces_of(rule):
        rows = vectors(n)[:, piece].astype(np.float64)
        fitted = LedoitWolf().fit(rows)
        target = fitted.shrinkage_ * rows.var(axis=0).mean() * np.eye(rows.shape[1])
        column = []
        for index in range(n):
            others = rows[groups != groups[index]]
            covariance = (1 - fitted.shrinkage_) * np.cov(others.T, bias=True) + target
            column.append(mahalanobis(rows[index], others.mean(axis=0), np.linalg.inv(covariance)))
        columns.append(column)
    return np.array(columns).T


def in_deviations(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    return (values - usual.mean(axis=0)) / usual.std(axis=0)


def by_others(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.array([in_deviations(v, values[groups != g]) for v, g in zip(values, groups, strict=True)])


def expected_scores(rule: str, n: int, groups: np.ndarray, new: np.ndarray, top: np.ndarray) -> tuple[np.ndarray, ...]:
    """Held-out scores and scores of new vectors, written out."""
    mine, theirs = held_out_distances(rule, n, groups), new_distances(rule, n, new)
    local = local_evidence(n)
    if rule in ("global", "sum"):
        return mine.sum(axis=1), theirs.sum(axis=1)
    if rule == "standardised-sum":
        return by_others(mine, groups).sum(axis=1), in_deviations(theirs, mine).sum(axis=1)
    if rule == "local":
        return by_others(local, groups), in_deviations(top, local)
    weight = 0.25 if n >= 30 else 0.0
    held_out = by_others(local, groups) + weight * by_others(mine, groups)[:, 0]
    total = in_deviations(top, local) + weight * in_deviations(theirs, mine)[:, 0]
    return by_others(held_out, groups), in_deviations(total, held_out)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [12, 29, 30, 60])
@pytest.mark.parametrize("group_size", [1, 4])
def test_scores_follow_their_rule(rule: str, n: int, group_size: int) -> None:
    groups = [i // group_size for i in range(n)]
    score, held_out = made(rule, n, groups)
    new, top = vectors(8, seed=1), local_evidence(8, seed=1)
    expected_held_out, expected = expected_scores(rule, n, np.array(groups), new, top)
    np.testing.assert_allclose(held_out, expected_held_out, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(score.score(new, top)[0], expected, rtol=1e-5, atol=1e-6)


PARTS = {
    LOCAL_GLOBAL: ["local", "global"], "local": ["local"], "global": ["global"],
    "sum": ["level 4", "level 5"], "standardised-sum": ["level 4", "level 5"],
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [20, 40])
def test_parts_are_the_summands(rule: str, n: int) -> None:
    score, _ = made(rule, n, list(range(n)))
    scores, parts = score.score(vectors(8, seed=1), local_evidence(8, seed=1))
    assert [list(part) for part in parts] == [PARTS[rule]] * 8
    sums = np.array([sum(part.values()) for part in parts])
    if rule == LOCAL_GLOBAL:
        # The sum is brought to standard deviations, which keeps the differences in proportion.
        assert np.corrcoef(sums, scores)[0, 1] == pytest.approx(1, abs=1e-9)
    else:
        np.testing.assert_allclose(sums, scores, rtol=1e-12)


@pytest.mark.parametrize("rule", ["global", "sum"])
@pytest.mark.parametrize("kind", ["pca", "npca"])
def test_components_are_found_anew_without_each_fold(rule: str, kind: str) -> None:
    n, folds = 24, np.arange(24) // 6
    score = ImageScore(rule, LEVELS, Reduction(kind, 0.8))
    score.fit(vectors(n), n)
    held_out = score.calibrate(vectors(n), local_evidence(n), list(range(n)), folds.tolist())
    expected = np.zeros(n)
    for fold in range(4):
        out = folds == fold
        for piece in pieces_of(rule):
            rows = vectors(n)[:, piece].astype(np.float64)
            pca = PCA().fit(rows[~out])
            k = int(np.argmax(np.cumsum(pca.explained_variance_ratio_) > 0.8))
            kept = pca.components_[: k + 1] if kind == "pca" else pca.components_[max(k - 1, 0) :]
            reduced = (rows - pca.mean_) @ kept.T
            expected[out] += np.sqrt(LedoitWolf().fit(reduced[~out]).mahalanobis(reduced[out]))
    np.testing.assert_allclose(held_out, expected, rtol=1e-6)


def test_copies_join_the_fit_and_only_sources_are_scored() -> None:
    n, copies = 20, 3
    rows = np.repeat(vectors(n), copies, axis=0) + 0.2 * vectors(n * copies, seed=3)
    groups = np.arange(n) // 2
    score = ImageScore("global", LEVELS, Reduction(), copies)
    score.fit(rows, n)
    held_out = score.calibrate(rows, local_evidence(n), groups.tolist(), groups.tolist())
    # ρ from the number of sources: the same β as of all rows, over n instead of n·copies.
    plain = LedoitWolf().fit(rows.astype(np.float64)).shrinkage_
    rho = min(plain * copies, 1)
    assert score.models[0].rho_ == pytest.approx(rho, rel=1e-6)
    of_row = np.repeat(groups, copies)
    for index in range(n):
        others = rows[of_row != groups[index]].astype(np.float64)
        target = rho * rows.astype(np.float64).var(axis=0).mean() * np.eye(16)
        inverse = np.linalg.inv((1 - rho) * np.cov(others.T, bias=True) + target)
        assert held_out[index] == pytest.approx(mahalanobis(rows[index * copies], others.mean(axis=0), inverse))


def test_components_of_held_out_scores_leave_out_copies_with_their_source() -> None:
    n, copies = 12, 2
    rows = np.repeat(vectors(n), copies, axis=0) + 0.2 * vectors(n * copies, seed=3)
    folds = np.arange(n) // 3
    score = ImageScore("global", LEVELS, Reduction("pca", 0.9), copies)
    score.fit(rows, n)
    held_out = score.calibrate(rows, local_evidence(n), folds.tolist(), folds.tolist())
    for fold in range(4):
        others = rows[np.repeat(folds, copies) != fold].astype(np.float64)
        pca = PCA().fit(others)
        k = int(np.argmax(np.cumsum(pca.explained_variance_ratio_) > 0.9))
        reduced = (others - pca.mean_) @ pca.components_[: k + 1].T
        rho = min(LedoitWolf().fit(reduced).shrinkage_ * copies, 1)
        covariance = np.cov(reduced.T, bias=True)
        covariance = (1 - rho) * covariance + rho * np.trace(covariance) / (k + 1) * np.eye(k + 1)
        for index in np.flatnonzero(folds == fold):
            own = (rows[index * copies].astype(np.float64) - pca.mean_) @ pca.components_[: k + 1].T
            assert held_out[index] == pytest.approx(mahalanobis(own, np.zeros(k + 1), np.linalg.inv(covariance)))


def test_two_samples_are_too_few_for_components() -> None:
    with pytest.raises(UserError, match=r"at least three normal pictures.*reduction=none"):
        ImageScore("global", LEVELS, Reduction("pca")).fit(vectors(2), 2)
    ImageScore("local", LEVELS, Reduction("pca")).fit(vectors(2), 2)


def test_local_evidence_is_the_mean_of_the_highest_cells() -> None:
    rng = np.random.default_rng(0)
    for side, count in ((16, 4), (8, 1), (4, 1), (1, 1), (32, 15)):
        grids = rng.normal(size=(5, side, side)).astype(np.float32)
        expected = [np.sort(grid.ravel())[-count:].mean(dtype=np.float64) for grid in grids]
        np.testing.assert_allclose(top_mean(grids), expected, rtol=1e-12)
        assert [top_mean(grid[None])[0] for grid in grids] == top_mean(grids).tolist()
