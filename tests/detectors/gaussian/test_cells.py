"""The local Gaussian against plain statistics of all its samples, and held-out distances against refits."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from scipy.stats import chi2, kstest
from sklearn.covariance import OAS

from ad_desktop.detectors.gaussian import cells as cells_module
from ad_desktop.detectors.gaussian.cells import CellGaussian
from ad_desktop.errors import UserError

PRIOR = 5.0


def samples(n: int, cells: int, d: int, seed: int = 0) -> np.ndarray:
    """Samples (n, cells, d) with means of their own in every cell, correlated within a cell."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(7)
    mixing, means = fixed.normal(size=(d, d)) * np.geomspace(1, 0.05, d), fixed.normal(2, 1, (cells, d))
    return (rng.normal(size=(n, cells, d)) @ mixing.T + means).astype(np.float32)


def fitted(rows: np.ndarray) -> CellGaussian:
    gaussian = CellGaussian(*rows.shape[1:])
    for row in rows:
        gaussian.add(row)
    gaussian.factorise()
    return gaussian


def shrunk_centres(rows: np.ndarray) -> np.ndarray:
    """Cell means drawn towards the mean of all cells by n/(n+5)."""
    means = rows.mean(axis=0, dtype=np.float64)
    weight = len(rows) / (len(rows) + PRIOR)
    return weight * means + (1 - weight) * means.mean(axis=0)


def residual_covariance(rows: np.ndarray) -> np.ndarray:
    """Covariance over all samples and cells about the shrunk centres."""
    residuals = (rows - shrunk_centres(rows)).reshape(-1, rows.shape[2])
    return residuals.T @ residuals / len(residuals)


def explicit_distances(
    rows: np.ndarray, new: np.ndarray, rho: float | None = None, mu: float | None = None
) -> np.ndarray:
    """Mahalanobis distances (b, cells) of ``new`` to the Gaussian of ``rows``, computed one by one."""
    covariance = residual_covariance(rows)
    if rho is None:
        whitened = (rows - shrunk_centres(rows)).reshape(-1, rows.shape[2])
        rho = OAS(assume_centered=True).fit(whitened).shrinkage_
    mu = np.trace(covariance) / len(covariance) if mu is None else mu
    inverse = np.linalg.inv((1 - rho) * covariance + rho * mu * np.eye(len(covariance)))
    centres = shrunk_centres(rows)
    return np.array([[mahalanobis(x, c, inverse) for x, c in zip(one, centres, strict=True)] for one in new])


@pytest.mark.parametrize(("n", "cells", "d"), [(2, 9, 3), (3, 4, 30), (12, 16, 10), (40, 1, 6), (8, 64, 24)])
def test_distances_are_mahalanobis_distances(n: int, cells: int, d: int) -> None:
    rows, new = samples(n, cells, d), samples(4, cells, d, seed=1)
    gaussian = fitted(rows)
    found = gaussian.distances(new)
    assert found.dtype == np.float32
    assert found.shape == (4, cells)
    np.testing.assert_allclose(found, explicit_distances(rows, new), rtol=2e-5)


def test_centres_and_covariance_are_those_of_the_samples() -> None:
    rows = samples(15, 9, 5)
    gaussian = fitted(rows)
    np.testing.assert_allclose(gaussian.centres, shrunk_centres(rows), rtol=1e-12)
    covariance = residual_covariance(rows)
    assert gaussian.mu == pytest.approx(np.trace(covariance) / 5, rel=1e-12)
    shrunk = (1 - gaussian.rho) * covariance + gaussian.rho * gaussian.mu * np.eye(5)
    precision = gaussian.whitener.T @ gaussian.whitener
    np.testing.assert_allclose(precision, np.linalg.inv(shrunk), rtol=1e-5, atol=1e-5 * np.abs(precision).max())


def batch_statistics(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cell means, and the scatter within cells, two-pass."""
    means = rows.mean(axis=0, dtype=np.float64)
    offsets = (rows - means).reshape(-1, rows.shape[2])
    return means, offsets.T @ offsets


@given(
    n=st.integers(1, 12), cells=st.integers(1, 5), d=st.integers(1, 6),
    offset=st.sampled_from([0.0, 3.0, 1e3]), data=st.data(),
)  # fmt: skip
def test_statistics_do_not_depend_on_order_or_detours(n: int, cells: int, d: int, offset: float, data) -> None:
    rows = (samples(n, cells, d, seed=n) + offset).astype(np.float32)
    others = samples(3, cells, d, seed=50)
    order = data.draw(st.permutations(range(n)))
    detours = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, 2)), max_size=4))
    gaussian = CellGaussian(cells, d)
    pending = []
    for place, index in enumerate(order):
        gaussian.add(rows[index])
        for after, other in detours:
            if after == place:
                gaussian.add(others[other])
                pending.append(others[other])
    for sample in pending:
        gaussian.remove(sample)
    means, scatter = batch_statistics(rows)
    assert gaussian.n == n
    # Rounding is relative to what was there, the detours' differences included.
    largest = max(np.abs(scatter).max(), n * (offset + 5) ** 2 * (len(detours) > 0))
    np.testing.assert_allclose(gaussian.means, means, rtol=1e-12, atol=1e-12 * (offset + 5))
    np.testing.assert_allclose(gaussian.scatter, scatter, rtol=1e-12, atol=1e-12 * max(largest, 1))


def test_removing_undoes_adding() -> None:
    rows = samples(30, 16, 20)
    gaussian, before = fitted(rows[:25]), fitted(rows[:25])
    for row in rows[25:]:
        gaussian.add(row)
    for row in rows[25:]:
        gaussian.remove(row)
    assert gaussian.n == 25
    np.testing.assert_allclose(gaussian.means, before.means, rtol=1e-12, atol=1e-12)
    scale = np.abs(before.scatter).max()
    np.testing.assert_allclose(gaussian.scatter, before.scatter, rtol=1e-12, atol=1e-12 * scale)


def test_samples_without_any_difference_are_refused_and_constant_features_are_not() -> None:
    with pytest.raises(UserError, match="look identical"):
        fitted(np.ones((6, 4, 5), np.float32))
    rows, new = samples(6, 4, 5), samples(3, 4, 5, seed=1)
    rows[:, :, 2] = new[:, :, 2] = 0.1
    np.testing.assert_allclose(fitted(rows).distances(new), explicit_distances(rows, new), rtol=2e-5)


def test_a_sample_scores_the_same_alone_and_among_others() -> None:
    gaussian, new = fitted(samples(12, 16, 40)), samples(7, 16, 40, seed=1)
    together = gaussian.distances(new)
    assert all(np.array_equal(gaussian.distances(x[None])[0], row) for x, row in zip(new, together, strict=True))


def held_out(gaussian: CellGaussian, members: np.ndarray) -> np.ndarray:
    """Held-out distances in single precision, as of large sets."""
    with mock.patch.object(cells_module, "SMALL_SET", 0):
        return gaussian.held_out(members[None], gaussian.leaving(len(members)))[0]


def test_small_sets_take_double_precision() -> None:
    rows = samples(20, 6, 5)
    gaussian, rest = fitted(rows), fitted(rows[3:])
    rest.rho, rest.mu = gaussian.rho, gaussian.mu
    found = gaussian.held_out(rows[None, :3], gaussian.leaving(3))
    np.testing.assert_array_equal(found[0], gaussian.without(gaussian.sums(rows[:3])).distances(rows[:3]))


# (n, cells, d, group): few cells and many features go by way of the group's rows, the others through the features.
HELD_OUT = [
    (20, 4, 60, [3]), (20, 4, 60, [0, 7, 9]), (20, 4, 60, list(range(10))), (20, 1, 60, [2, 3, 4]),
    (20, 25, 6, [3]), (20, 25, 6, [0, 7, 9]), (20, 25, 6, list(range(10))), (20, 25, 6, list(range(19))),
    (2, 4, 60, [1]), (2, 25, 6, [0]), (3, 16, 40, [0, 2]), (6, 3, 1, [1]), (300, 25, 6, [3]), (300, 25, 6, [0, 7, 9]),
    (300, 64, 40, [1]), (300, 64, 40, list(range(12))), (300, 4, 60, [5]), (300, 4, 60, [5, 6]), (300, 2, 200, [1]),
]  # fmt: skip


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize(("n", "cells", "d", "group"), HELD_OUT)
def test_held_out_distances_are_those_of_a_refit(n: int, cells: int, d: int, group: list[int], refit: bool) -> None:
    rows = samples(n, cells, d)
    gaussian = fitted(rows)
    expected = explicit_distances(np.delete(rows, group, axis=0), rows[group], gaussian.rho, gaussian.mu)
    if refit:
        found = gaussian.without(gaussian.sums(rows[group])).distances(rows[group])
    else:
        found = held_out(gaussian, rows[group])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-7 if refit else 1e-5)


@pytest.mark.parametrize("cuts", [(7,), (0, 7), (1, 4, 6)])
def test_a_group_may_leave_in_parts(cuts: tuple[int, ...]) -> None:
    rows = samples(20, 25, 6)
    gaussian = fitted(rows)
    parts = [gaussian.sums(part) for part in np.split(rows[:7], cuts)]
    group = parts[0]
    for part in parts[1:]:
        group = group.plus(part)
    assert group.size == 7
    expected = explicit_distances(rows[7:], rows[:7], gaussian.rho, gaussian.mu)
    np.testing.assert_allclose(gaussian.without(group).distances(rows[:7]), expected, rtol=2e-7)


@pytest.mark.parametrize("rho", [1e-12, 1e-3, 1.0])
@pytest.mark.parametrize(("cells", "d"), [(2, 30), (25, 6)])
def test_held_out_distances_with_little_and_nothing_but_shrinkage(rho: float, cells: int, d: int) -> None:
    rows = samples(60, cells, d)
    gaussian = fitted(rows)
    gaussian.rho = rho
    expected = explicit_distances(rows[3:], rows[:3], rho, gaussian.mu)
    np.testing.assert_allclose(held_out(gaussian, rows[:3]), expected, rtol=1e-5)


def test_distances_of_gaussian_data_follow_chi_squared() -> None:
    rng = np.random.default_rng(0)
    spread, means = rng.uniform(0.5, 2, 10), rng.normal(size=(4, 10))
    gaussian = fitted((rng.normal(size=(3000, 4, 10)) * spread + means).astype(np.float32))
    new = (rng.normal(size=(1000, 4, 10)) * spread + means).astype(np.float32)
    squared = gaussian.distances(new).ravel().astype(np.float64) ** 2
    assert kstest(squared, chi2(10).cdf).pvalue > 0.01


@pytest.mark.parametrize("group", [[3], [0, 7, 9], list(range(12))])
@pytest.mark.parametrize(("cells", "d"), [(25, 6), (64, 40), (4, 60)])
def test_groups_that_change_little_need_no_refit(cells: int, d: int, group: list[int], monkeypatch) -> None:
    rows = samples(300, cells, d)
    gaussian = fitted(rows)
    monkeypatch.setattr(gaussian, "without", None)
    assert held_out(gaussian, rows[group]).shape == (len(group), cells)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("factor", [3.0, 30.0, 1e4])
def test_a_group_that_is_most_of_the_variance_is_left_out_exactly(size: int, factor: float) -> None:
    rows = samples(100, 25, 6)
    rows[:size] *= factor
    gaussian = fitted(rows)
    expected = explicit_distances(rows[size:], rows[:size], gaussian.rho, gaussian.mu)
    np.testing.assert_allclose(held_out(gaussian, rows[:size]), expected, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("cells", "d"), [(25, 6), (4, 60)])
@pytest.mark.parametrize("factor", [1.0, 30.0, 1e4])
def test_groups_together_are_held_out_as_each_alone(size: int, cells: int, d: int, factor: float) -> None:
    rows = samples(120, cells, d)
    rows[:size] *= factor
    gaussian = fitted(rows)
    together = rows[: 4 * size].reshape(4, size, cells, d)
    found = gaussian.held_out(together, gaussian.leaving(size))
    for index, members in enumerate(together):
        others = np.delete(rows, range(index * size, (index + 1) * size), axis=0)
        expected = explicit_distances(others, members, gaussian.rho, gaussian.mu)
        np.testing.assert_allclose(found[index], expected, rtol=1e-5)
