from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ad_desktop.scoring import histogram
from ad_desktop.scoring.histogram import Histogram, ordered_keys

float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(hnp.arrays(np.float32, st.integers(2, 50), elements=float32s))
def test_keys_have_the_order_of_the_values(values: np.ndarray) -> None:
    keys = ordered_keys(values)
    order = np.argsort(keys, kind="stable")
    assert (np.diff(values[order]) >= 0).all()
    assert ((keys[:, None] == keys[None]) == (values[:, None] == values[None])).all()


def test_both_zeros_are_one_value() -> None:
    assert len(set(ordered_keys(np.array([0.0, -0.0], np.float32)).tolist())) == 1


@settings(deadline=None)
@given(st.lists(hnp.arrays(np.float32, st.integers(0, 30), elements=float32s), max_size=6))
def test_exact_counts_and_weights(batches: list[np.ndarray]) -> None:
    table = Histogram(columns=3)
    for i, values in enumerate(batches):
        if i % 2:
            table.add(values, 1, 2, np.full(len(values), 0.25))
        else:
            table.add(values, 0)
        assert table.values.shape[0] == 3
    everything = np.concatenate([*batches, np.empty(0, np.float32)])
    distinct = np.unique(everything)
    expected = np.zeros((3, len(distinct)))
    for i, values in enumerate(batches):
        at = np.searchsorted(distinct, values)
        np.add.at(expected[i % 2], at, 1)
        np.add.at(expected[2], at, 0.25 * (i % 2))
    assert table.exact
    np.testing.assert_allclose(table.values, expected)


@settings(deadline=None)
@given(st.integers(0, 1000), st.permutations(range(8)))
def test_same_bins_in_any_order_when_full(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    batches = [(rng.normal(size=40) * 10.0 ** rng.integers(-3, 3)).astype(np.float32) for _ in range(8)]
    tables = []
    for sequence in (range(8), order):
        table = Histogram(columns=1, capacity=64)
        for i in sequence:
            table.add(batches[i], 0)
            if i % 3 == 0:
                _ = table.values
        tables.append(table)
    assert not tables[0].exact
    assert tables[0].values.shape[1] <= 64
    assert tables[0].values.sum() == 320
    np.testing.assert_array_equal(tables[0].values, tables[1].values)


def test_bins_keep_as_many_bits_as_fit() -> None:
    values = np.random.default_rng(0).normal(size=500).astype(np.float32)
    keys = ordered_keys(values)
    bits = next(b for b in range(32) if len(np.unique(keys >> np.uint32(b))) <= 100)
    expected = np.unique(keys >> np.uint32(bits), return_counts=True)[1]
    table = Histogram(columns=1, capacity=100)
    table.add(values, 0)
    np.testing.assert_array_equal(table.values[0], expected)


def test_arrays_longer_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histogram, "CHUNK", 7)
    values = np.random.default_rng(0).integers(0, 9, 100).astype(np.float32)
    weights = np.arange(100.0)
    table = Histogram(columns=2)
    table.add(values, 0, 1, weights)
    np.testing.assert_array_equal(table.values[0], np.bincount(values.astype(int)))
    np.testing.assert_allclose(table.values[1], np.bincount(values.astype(int), weights))
