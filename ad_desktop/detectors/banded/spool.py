"""Prepared slices on the disk, until their band is learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ad_desktop.data.samples import SliceSample
from ad_desktop.detectors.base import Prepared
from ad_desktop.detectors.rows import RowStore


class Spool:
    """Prepared slices in the order they came; grey ones take a third of the room."""

    def __init__(self) -> None:
        self.slices: list[Prepared] = []
        self._places: list[tuple[RowStore, int]] = []
        self._stores: dict[tuple[tuple[int, ...], str], RowStore] = {}

    def add(self, item: Prepared) -> None:
        """Put a slice on the disk; ``UserError`` where there is no room."""
        pixels = item.pixels
        if pixels.ndim == 3 and all(np.array_equal(pixels[..., 0], pixels[..., c]) for c in range(1, pixels.shape[2])):
            pixels = pixels[..., :1]
        key = (pixels.shape, pixels.dtype.str)
        store = self._stores.setdefault(key, RowStore(*key))
        self._places.append((store, len(store)))
        store.append(pixels)
        sample = replace(item.sample, picture=None) if isinstance(item.sample, SliceSample) else item.sample
        # As wide as it was: a view, which takes no memory.
        wide = np.broadcast_to(np.zeros(1, pixels.dtype), item.pixels.shape)
        self.slices.append(replace(item, sample=sample, pixels=wide))

    def read(self, index: int) -> Prepared:
        """The slice that was added as number ``index``."""
        store, row = self._places[index]
        item = self.slices[index]
        pixels = np.ascontiguousarray(np.broadcast_to(store.read(row, row + 1)[0], item.pixels.shape))
        return replace(item, pixels=pixels)
