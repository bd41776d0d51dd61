"""The Gaussian of the paper against scikit-learn and scipy, and held-out distances against refits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from ad_desktop.detectors.gaussian.pooled import PooledGaussian, Reduction
from ad_desktop.errors import UserError


def vectors(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Correlated vectors far from the origin, float32 as a network gives them."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(d, d)) * np.geomspace(1, 0.01, d)
    return (rng.normal(size=(n, d)) @ mixing.T + 3).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(3, 2), (3, 50), (20, 272), (60, 424), (300, 40), (25, 1)])
@pytest.mark.parametrize("constant", [False, True])
def test_distances_are_those_of_scikit_learn(n: int, d: int, constant: bool) -> None:
    normal, new = vectors(n, d), vectors(15, d, seed=1)
    if constant and d > 1:
        normal[:, ::4] = new[:, ::4] = 0.1
        new[0, 0] = 0.2
    reference = LedoitWolf().fit(normal.astype(np.float64))
    model = PooledGaussian().fit(normal)
    for rows in (normal, new):
        expected = np.sqrt(reference.mahalanobis(rows.astype(np.float64)))
        np.testing.assert_allclose(model.distances(rows), expected, rtol=1e-5)
    assert model.rho_ == pytest.approx(reference.shrinkage_, rel=1e-7)
    assert model.dof_ == d


def test_two_samples() -> None:
    # Ledoit and Wolf do not shrink here, and the inverse exists along the one line through both.
    normal = vectors(2, 30).astype(np.float64)
    line = normal[1:] - normal[:1]
    reference = LedoitWolf().fit(normal)
    assert reference.shrinkage_ == pytest.approx(0, abs=1e-9)
    model = PooledGaussian().fit(normal)
    between = normal[:1] + np.linspace(-1, 2, 7)[:, None] * line
    expected = np.sqrt(reference.mahalanobis(between))
    np.testing.assert_allclose(model.distances(between), expected, rtol=1e-5, atol=1e-8)
    # What leaves the line is far away, by the least shrinkage there is.
    aside = between[3:4] + 1e-2 * np.linalg.svd(line)[2][[3, 3]] * [[1], [2]]
    step = 1e-2 / np.sqrt(1e-6 * normal.var(axis=0).mean())
    np.testing.assert_allclose(model.distances(aside), [step, 2 * step], rtol=1e-5)


def test_identical_samples_are_refused() -> None:
    with pytest.raises(UserError, match="look identical"):
        PooledGaussian().fit(np.repeat(vectors(1, 12), 7, axis=0))
    with pytest.raises(UserError, match="do not differ at all"):
        PooledGaussian(Reduction("pca")).fit(np.repeat(vectors(1, 12), 7, axis=0))


def test_a_sample_scores_the_same_alone_and_among_others() -> None:
    for reduction in (Reduction(), Reduction("pca", 0.95)):
        model, rows = PooledGaussian(reduction).fit(vectors(50, 100)), vectors(37, 100, seed=1)
        together = model.distances(rows)
        assert all(model.distances(row[None])[0] == distance for row, distance in zip(rows, together, strict=True))


def cut(ratios: np.ndarray, t: float) -> int:
    """The first 0-based index at which the cumulative explained variance exceeds ``t``."""
    total = 0.0
    for index, ratio in enumerate(ratios):
        total += ratio
        if total > t:
            return index
    return len(ratios) - 1


@pytest.mark.parametrize("kind", ["pca", "npca"])
@pytest.mark.parametrize("variance", [0.05, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999])
@pytest.mark.parametrize(("n", "d"), [(200, 30), (12, 40)])
def test_components_are_cut_as_in_the_paper(kind: str, variance: float, n: int, d: int) -> None:
    normal, new = vectors(n, d).astype(np.float64), vectors(9, d, seed=1).astype(np.float64)
    pca = PCA().fit(normal)
    real = int((pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]).sum())
    k = cut(pca.explained_variance_ratio_, variance)
    kept = slice(0, k + 1) if kind == "pca" else slice(max(k - 1, 0), real)
    # Ledoit and Wolf shrink inside the reduced space.
    reduce = lambda rows: (rows - pca.mean_) @ pca.components_[kept].T  # noqa: E731
    reference = LedoitWolf().fit(reduce(normal))
    model = PooledGaussian(Reduction(kind, variance)).fit(normal)
    assert model.dof_ == len(range(*kept.indices(real)))
    assert model.rho_ == pytest.approx(reference.shrinkage_, rel=1e-6)
    np.testing.assert_allclose(model.distances(new), np.sqrt(reference.mahalanobis(reduce(new))), rtol=1e-5)


def test_npca_with_the_first_component_above_the_cut_keeps_all() -> None:
    normal = vectors(100, 6) * np.float32([100, 1, 1, 1, 1, 1])
    assert PCA().fit(normal).explained_variance_ratio_[0] > 0.9
    assert PooledGaussian(Reduction("npca", 0.5)).fit(normal).dof_ == 6
    assert PooledGaussian(Reduction("pca", 0.5)).fit(normal).dof_ == 1


@pytest.mark.parametrize(("kind", "kept"), [("pca", 4), ("npca", 2)])
def test_everything_explained_at_the_last_component(kind: str, kept: int) -> None:
    # Variances 8, 4, 2, 2 parts of 16: cumulative .5, .75, .875, 1.
    normal = np.concatenate([np.diag(np.sqrt([8.0, 4, 2, 2])), -np.diag(np.sqrt([8.0, 4, 2, 2]))])
    assert PooledGaussian(Reduction(kind, 0.9)).fit(normal).dof_ == kept


def test_a_tail_of_rounding_noise_is_not_kept() -> None:
    line = np.outer(np.random.default_rng(0).normal(size=40), np.ones(5)) + 1e-12 * vectors(40, 5)
    assert PooledGaussian(Reduction("npca", 0.5)).fit(line).dof_ == 1
    plane = np.random.default_rng(0).normal(size=(40, 2)) @ np.random.default_rng(1).normal(size=(2, 8))
    assert PooledGaussian(Reduction("npca", 0.9999)).fit(plane).dof_ <= 2


def test_shrinkage_counts_sources_and_not_copies() -> None:
    sources = vectors(20, 30).astype(np.float64)
    copies = np.repeat(sources, 4, axis=0)
    expected = LedoitWolf().fit(sources)
    model = PooledGaussian().fit(copies, sources=20)
    assert model.rho_ == pytest.approx(expected.shrinkage_, rel=1e-9)
    np.testing.assert_allclose(model.distances(sources), np.sqrt(expected.mahalanobis(sources)), rtol=1e-6)
    assert PooledGaussian().fit(copies).rho_ < model.rho_ / 2


def refit_distances(model: PooledGaussian, rows: np.ndarray, groups: Sequence[int], copies: int) -> np.ndarray:
    """Each first copy's distance to mean and covariance of the other groups, at the model's own ρ and μ."""
    group_of_row = np.repeat(groups, copies)
    found = []
    for index, group in enumerate(groups):
        others = rows[group_of_row != group].astype(np.float64)
        ridge = max(model.rho_, 1e-6) * model.mu_
        covariance = (1 - model.rho_) * np.cov(others.T, bias=True) + ridge * np.eye(rows.shape[1])
        found.append(mahalanobis(rows[index * copies], others.mean(axis=0), np.linalg.inv(covariance)))
    return np.array(found)


GROUPS = {
    "each alone": lambda n: list(range(n)),
    "threes": lambda n: [i // 3 for i in range(n)],
    "halves, interleaved": lambda n: [i % 2 for i in range(n)],
    "one large, many alone": lambda n: [max(0, i - n // 2) for i in range(n)],
    "all but one": lambda n: [int(i == 2) for i in range(n)],
}


@pytest.mark.parametrize("grouping", GROUPS)
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize(("n", "d"), [(30, 8), (30, 120), (5, 40)])
def test_held_out_distances_are_those_of_a_refit(grouping: str, copies: int, n: int, d: int) -> None:
    rows = np.repeat(vectors(n, d), copies, axis=0) + 0.3 * vectors(n * copies, d, seed=5)
    model = PooledGaussian().fit(rows, sources=n)
    assert 0.01 < model.rho_ <= 1
    groups = GROUPS[grouping](n)
    found = model.held_out(rows, groups, copies)
    np.testing.assert_allclose(found, refit_distances(model, rows, groups, copies), rtol=1e-9)


@pytest.mark.parametrize("rho", [0.0, 1.0])
@pytest.mark.parametrize("grouping", ["each alone", "threes", "halves, interleaved"])
def test_held_out_distances_without_and_with_nothing_but_shrinkage(rho: float, grouping: str) -> None:
    rows = vectors(60, 10)
    model = PooledGaussian().fit(rows)
    model.rho_ = rho
    groups = GROUPS[grouping](60)
    expected = refit_distances(model, rows, groups, 1)
    np.testing.assert_allclose(model.held_out(rows, groups), expected, rtol=1e-8)


@pytest.mark.parametrize("d", [3, 40, 1280])
def test_held_out_distances_of_two_samples(d: int) -> None:
    rows = vectors(2, d)
    model = PooledGaussian().fit(rows)
    # One other sample has no covariance, and what is left is the least shrinkage.
    distance = np.linalg.norm(np.float64(rows[0]) - rows[1]) / np.sqrt(1e-6 * model.mu_)
    np.testing.assert_allclose(model.held_out(rows, [0, 1]), [distance, distance], rtol=1e-5)


def test_held_out_distances_do_not_depend_on_the_order() -> None:
    rows = vectors(20, 30)
    groups = np.arange(20) // 4
    order = np.random.default_rng(0).permutation(20)
    plain = PooledGaussian().fit(rows).held_out(rows, groups.tolist())
    mixed = PooledGaussian().fit(rows[order]).held_out(rows[order], groups[order].tolist())
    np.testing.assert_allclose(mixed, plain[order], rtol=1e-10)
