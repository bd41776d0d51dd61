"""Slices of an array that lie scattered in its memory, copied ahead in blocks: scrolling need not collect them."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Array

_BLOCK = 32
"""Slices of a block: a line of the processor's cache or two, which a single slice would fetch as well."""
_BLOCK_BYTES = 32 << 20
_MEMORY = 3 * _BLOCK_BYTES
"""Bytes that the blocks of an array may take; two are kept in any case."""
_SMALL = 50_000
"""Slices of up to so many voxels are collected within a millisecond anyway."""


class Cuts:
    """The slices of one array (z, y, x): ``get`` is quick where ``fetch``, for another thread, was before."""

    def __init__(self, array: Array) -> None:
        self._array = array
        self._blocks: OrderedDict[tuple[Plane, int], Array] = OrderedDict()
        self._lock = threading.Lock()

    def scattered(self, plane: Plane) -> bool:
        """Whether the plane's slices are large and have no values side by side in memory."""
        strides, shape = self._array.strides, self._array.shape
        along = min(abs(strides[plane.rows]), abs(strides[plane.columns]))
        return along > self._array.itemsize and shape[plane.rows] * shape[plane.columns] > _SMALL

    def get(self, plane: Plane, index: int) -> Array:
        """The slice at ``index``: from a block, or else a view."""
        number, place = divmod(index, self._length(plane))
        with self._lock:
            block = self._blocks.get((plane, number))
            if block is not None:
                self._blocks.move_to_end((plane, number))
        return plane.cut(self._array, index) if block is None else np.asarray(block[place])

    def missing(self, plane: Plane, index: int) -> list[int]:
        """The blocks around ``index`` that are worth fetching, the nearest first; none where a view is as quick."""
        if not self.scattered(plane):
            return []
        length = self._length(plane)
        last = (self._array.shape[plane.axis] - 1) // length
        here, place = divmod(index, length)
        beside = here + (1 if 2 * place >= length else -1)
        with self._lock:
            return [n for n in (here, beside) if 0 <= n <= last and (plane, n) not in self._blocks]

    def fetch(self, plane: Plane, number: int) -> None:
        """Copy a block; the longest unused ones are dropped."""
        length = self._length(plane)
        chosen = [slice(None)] * 3
        chosen[plane.axis] = slice(number * length, (number + 1) * length)
        part = self._array[tuple(chosen)].transpose(plane.axis, plane.rows, plane.columns)
        block = np.empty(part.shape, part.dtype)
        # Row by row: what is read and what is written then fits into the processor's cache.
        for row in range(part.shape[1]):
            block[:, row] = part[:, row]
        with self._lock:
            self._blocks[plane, number] = block
            total = sum(kept.nbytes for kept in self._blocks.values())
            while total > _MEMORY and len(self._blocks) > 2:
                total -= self._blocks.popitem(last=False)[1].nbytes

    def _length(self, plane: Plane) -> int:
        fitting: int = _BLOCK_BYTES * self._array.shape[plane.axis] // self._array.nbytes
        return max(4, min(_BLOCK, fitting))
