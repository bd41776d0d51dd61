"""A histogram of float32 values of any scale in bounded memory, exact as long as it can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CAPACITY = 1 << 19
CHUNK = 1 << 20

Keys = NDArray[np.uint32]
Values = NDArray[np.float64]
Starts = NDArray[np.intp]


class Histogram:
    """Counts and weights per distinct float32 value, in ascending order of value.

    Every finite float32 has an integer key of the same order. While there are at most ``capacity``
    distinct keys the histogram is exact. When there are more, the lowest bit of every key is dropped,
    so pairs of neighbouring bins merge, until they fit: the bit that is reached is the lowest
    at which all values fit, whatever the order in which they came.
    """

    def __init__(self, columns: int, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._shift = 0
        self._keys: Keys = np.empty(0, np.uint32)
        self._values: Values = np.empty((columns, 0))
        self._waiting: dict[tuple[int, int | None], list[tuple[Keys, Values | None]]] = {}
        self._n_waiting = 0

    @property
    def values(self) -> Values:
        """(columns, bins) float64 sums, bins in ascending order of value."""
        self._fold()
        return self._values

    @property
    def exact(self) -> bool:
        """Whether each bin still holds a single value."""
        self._fold()
        return self._shift == 0

    def add(
        self, values: NDArray[np.float32], count_column: int, weight_column: int = 0, weights: Values | None = None
    ) -> None:
        """Add finite ``values`` (n,): 1 each to ``count_column`` and, if given, ``weights`` to ``weight_column``."""
        for start in range(0, len(values), CHUNK):
            piece = slice(start, start + CHUNK)
            keys = ordered_keys(values[piece])
            column = (count_column, None if weights is None else weight_column)
            self._waiting.setdefault(column, []).append((keys, None if weights is None else weights[piece]))
            self._n_waiting += len(keys)
            if self._n_waiting >= CHUNK:
                self._fold()

    def _fold(self) -> None:
        """Count what waits and merge it into the table."""
        waiting, self._waiting, self._n_waiting = self._waiting, {}, 0
        for (count_column, weight_column), pieces in waiting.items():
            keys = np.concatenate([keys for keys, _ in pieces]) >> np.uint32(self._shift)
            if weight_column is None:
                keys.sort()
                keys, starts = self._fit(keys)
                self._merge(keys[starts], {count_column: _run_lengths(starts, len(keys))})
            else:
                order = np.argsort(keys)
                weights = np.concatenate([weights for _, weights in pieces if weights is not None])[order]
                keys, starts = self._fit(keys[order])
                sums = {count_column: _run_lengths(starts, len(keys)), weight_column: np.add.reduceat(weights, starts)}
                self._merge(keys[starts], sums)

    def _fit(self, keys: Keys) -> tuple[Keys, Starts]:
        """Drop bits of ascending keys until they alone would fit; the keys, and where each distinct one begins."""
        starts = _run_starts(keys)
        while len(starts) > self._capacity:
            keys = keys >> np.uint32(1)
            starts = _run_starts(keys)
            self._halve()
        return keys, starts

    def _merge(self, keys: Keys, sums: dict[int, Values]) -> None:
        """Add sums of distinct ascending keys to the table, dropping bits until it fits."""
        at = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), bool)
        inside = at < len(self._keys)
        known[inside] = self._keys[at[inside]] == keys[inside]
        if not known.all():
            self._insert(keys[~known], at[~known])
            at = np.searchsorted(self._keys, keys)
        for column, values in sums.items():
            self._values[column, at] += values
        while len(self._keys) > self._capacity:
            self._halve()

    def _insert(self, keys: Keys, at: Starts) -> None:
        """Make room for new keys, each before position ``at`` of the table."""
        place = at + np.arange(len(at))
        old = np.ones(len(self._keys) + len(keys), bool)
        old[place] = False
        merged, values = np.empty(len(old), np.uint32), np.zeros((len(self._values), len(old)))
        merged[place], merged[old] = keys, self._keys
        values[:, old] = self._values
        self._keys, self._values = merged, values

    def _halve(self) -> None:
        """Drop the lowest bit of every key and merge the bins that are equal then."""
        self._shift += 1
        halved = self._keys >> np.uint32(1)
        starts = _run_starts(halved)
        if len(starts):
            self._keys, self._values = halved[starts], np.add.reduceat(self._values, starts, axis=1)


def ordered_keys(values: NDArray[np.float32]) -> Keys:
    """Integers in the same order as the finite float32 ``values``, equal exactly where the values are equal."""
    # Adding zero turns −0 into +0. The bits of a float count upwards with its magnitude, so a positive
    # value needs its sign bit set, and a negative one all bits turned over.
    bits = (values.astype(np.float32, copy=False) + np.float32(0)).view(np.int32)
    flips = (bits >> 31) | np.int32(-(2**31))
    return (bits ^ flips).view(np.uint32)


def _run_starts(ascending: Keys) -> Starts:
    """Where each run of equal keys begins."""
    new = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=new[1:])
    return np.flatnonzero(new)


def _run_lengths(starts: Starts, end: int) -> Values:
    return np.diff(starts, append=end).astype(np.float64)
