"""Shrinkage against scikit-learn, and the linear algebra against plain inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import OAS, LedoitWolf

from ad_desktop.detectors.gaussian.shrinkage import (
    inverse_factor,
    inverse_of_lower,
    ledoit_wolf,
    oas,
    quadratic_forms,
    squared_norms,
)


def samples(n: int, d: int, kind: str = "spread") -> np.ndarray:
    rng = np.random.default_rng(n * 1000 + d)
    rows = rng.normal(size=(n, d)) * np.geomspace(1, 1e-3, d)
    if kind == "correlated":
        rows = rows @ rng.normal(size=(d, d)) + 100
    if kind == "constant":
        rows[:, ::3] = 7.25
    if kind == "offset":
        rows += 1e4
    return rows


SHAPES = [(2, 2), (2, 40), (3, 7), (5, 300), (30, 424), (60, 20), (400, 12), (9, 9)]


@pytest.mark.parametrize("kind", ["spread", "correlated", "constant", "offset"])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_ledoit_wolf_is_that_of_scikit_learn(n: int, d: int, kind: str) -> None:
    rows = samples(n, d, kind)
    expected = LedoitWolf(store_precision=False).fit(rows).shrinkage_
    assert ledoit_wolf(rows - rows.mean(axis=0)) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("kind", ["spread", "correlated", "constant", "offset"])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_oas_is_that_of_scikit_learn(n: int, d: int, kind: str) -> None:
    rows = samples(n, d, kind)
    expected = OAS(store_precision=False).fit(rows).shrinkage_
    assert oas(np.cov(rows.T, bias=True), n) == pytest.approx(expected, rel=1e-7)


def test_one_feature_is_its_own_target() -> None:
    rows = samples(20, 1)
    assert ledoit_wolf(rows - rows.mean()) == LedoitWolf().fit(rows).shrinkage_ == 0.0
    variance = np.atleast_2d(rows.var())
    rho = oas(variance, 20)
    assert (1 - rho) * variance + rho * variance == pytest.approx(OAS().fit(rows).covariance_)


def test_a_single_feature_that_varies_and_none_that_does() -> None:
    rows = np.zeros((10, 5))
    assert ledoit_wolf(rows) == 0.0
    rows[:, 2] = np.random.default_rng(0).normal(size=10)
    rows -= rows.mean(axis=0)
    assert ledoit_wolf(rows) == pytest.approx(LedoitWolf().fit(rows).shrinkage_, rel=1e-9)


def test_copies_count_as_the_one_sample_they_come_from() -> None:
    rows = samples(40, 15)
    rows -= rows.mean(axis=0)
    copied = np.repeat(rows, 5, axis=0)
    assert ledoit_wolf(copied, 40) == pytest.approx(LedoitWolf().fit(rows).shrinkage_, rel=1e-9)
    assert ledoit_wolf(copied) == pytest.approx(ledoit_wolf(rows) / 5, rel=1e-9)


def covariance_of(d: int) -> np.ndarray:
    rows = np.random.default_rng(d).normal(size=(3 * d, d))
    return rows.T @ rows / len(rows) + 1e-3 * np.eye(d)


@pytest.mark.parametrize("d", [1, 2, 30])
def test_factor_and_norms_give_the_inverse(d: int) -> None:
    covariance, rows = covariance_of(d), np.random.default_rng(1).normal(size=(7, d))
    factor = inverse_factor(covariance)
    np.testing.assert_allclose(factor.T @ factor, np.linalg.inv(covariance), rtol=1e-9, atol=1e-12)
    expected = np.diag(rows @ np.linalg.inv(covariance) @ rows.T)
    np.testing.assert_allclose(squared_norms(covariance, rows), expected, rtol=1e-10)


def test_an_indefinite_matrix_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        inverse_factor(np.diag([1.0, -1.0]))


@pytest.mark.parametrize("d", [1, 63, 64, 65, 200])
def test_a_lower_triangle_is_inverted_by_halves(d: int) -> None:
    factor = np.linalg.cholesky(covariance_of(d))
    inverse = inverse_of_lower(factor)
    assert np.array_equal(inverse, np.tril(inverse))
    np.testing.assert_allclose(inverse @ factor, np.eye(d), atol=1e-11)


@given(n=st.integers(1, 3), d=st.integers(1, 12), r=st.integers(1, 20), seed=st.integers(0, 1000))
def test_forms_with_rows_taken_out(n: int, d: int, r: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    diagonal, update, rows = rng.uniform(1, 3, d), rng.normal(size=(n, r, d)), rng.normal(size=(n, 4, d))
    # At most half of what is there is taken out, so that the rest stays positive definite.
    update *= np.sqrt(0.5 / np.linalg.norm(update, 2, axis=(1, 2)) ** 2)[:, None, None]
    inverses = np.linalg.inv(np.diag(diagonal) - update.swapaxes(1, 2) @ update)
    expected = np.einsum("nij,njk,nik->ni", rows, inverses, rows)
    np.testing.assert_allclose(quadratic_forms(rows, diagonal, update), expected, rtol=1e-8)
