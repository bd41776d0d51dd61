"""Standards of held-out distances against loops over samples, cells and groups."""

from __future__ import annotations

import numpy as np
import pytest

from ad_desktop.detectors.gaussian.standardise import CellStandard, ScoreStandard, held_out_standard


def distances(n: int = 24, cells: int = 9) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.gamma(4, 1, (n, cells)) * rng.uniform(0.5, 2, cells) + 5).astype(np.float32)


def explicit(rows: np.ndarray, cell: int) -> tuple[float, float]:
    """Mean and deviation of one cell, shrunk by n/(n+10) towards those of all."""
    values = rows.astype(np.float64)
    weight = len(values) / (len(values) + 10)
    mean = weight * values[:, cell].mean() + (1 - weight) * values.mean()
    deviation = weight * values[:, cell].std() + (1 - weight) * values.std()
    return mean, deviation


@pytest.mark.parametrize("n", [2, 3, 24, 500])
def test_cells_are_standardised_by_their_own_figures(n: int) -> None:
    rows, new = distances(n), distances(5) + 1
    standard = CellStandard.fit(rows)
    found = standard.apply(new)
    assert found.dtype == standard.mean.dtype == standard.deviation.dtype == np.float32
    for cell in range(9):
        mean, deviation = explicit(rows, cell)
        np.testing.assert_allclose(found[:, cell], (new[:, cell] - mean) / deviation, rtol=1e-5, atol=1e-5)
    assert standard.spread == pytest.approx(rows.astype(np.float64).std(), rel=1e-6)


@pytest.mark.parametrize("groups", [range(24), [i // 4 for i in range(24)], [0] * 20 + [1] * 4, [0, 1] * 12])
def test_held_out_cells_are_standardised_by_the_other_groups(groups: list[int]) -> None:
    rows = distances()
    numbers = np.array(groups)
    found = CellStandard.held_out(rows, list(groups))
    for index in range(24):
        others = rows[numbers != numbers[index]]
        for cell in range(9):
            mean, deviation = explicit(others, cell)
            assert found[index, cell] == pytest.approx((rows[index, cell] - mean) / deviation, rel=1e-5, abs=1e-5)


def test_equal_distances_do_not_divide_by_zero() -> None:
    rows = np.full((6, 4), 3.0, np.float32)
    assert np.array_equal(CellStandard.fit(rows).apply(rows), np.zeros((6, 4)))
    assert np.array_equal(CellStandard.held_out(rows, range(6)), np.zeros((6, 4)))
    assert np.array_equal(held_out_standard(np.full(6, 3.0), range(6)), np.zeros(6))


def test_a_cell_that_never_varies_keeps_part_of_the_spread_of_all() -> None:
    rows = distances()
    rows[:, 0] = 5
    standard = CellStandard.fit(rows)
    assert standard.deviation[0] == pytest.approx(10 / 34 * rows.std(), rel=1e-5)


def test_scores_are_standardised_by_mean_and_deviation() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    standard = ScoreStandard.fit(values)
    np.testing.assert_allclose(standard.apply(values), (values - 4.0) / np.sqrt(38 / 4), rtol=1e-12)


@pytest.mark.parametrize(("n", "groups"), [(12, range(12)), (12, [i // 3 for i in range(12)]), (12, [0] * 8 + [1] * 4)])
def test_held_out_scores_are_standardised_by_the_other_groups(n: int, groups: list[int]) -> None:
    values = np.random.default_rng(0).gamma(3, 1, n)
    numbers = np.array(groups)
    expected = [
        (value - values[numbers != group].mean()) / values[numbers != group].std()
        for value, group in zip(values, numbers, strict=True)
    ]
    np.testing.assert_allclose(held_out_standard(values, list(groups)), expected, rtol=1e-12)


def test_where_fewer_than_three_others_are_left_all_are_taken() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found = held_out_standard(values, [0, 0, 1, 2])
    assert found[:2] == pytest.approx((values[:2] - 4.0) / values.std())
    assert found[2] == pytest.approx((4 - 4.0) / np.std([1, 2, 9]))
    assert found[3] == pytest.approx((9 - 7 / 3) / np.std([1, 2, 4]))
