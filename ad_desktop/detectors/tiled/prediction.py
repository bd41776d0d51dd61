"""What is said of a picture from what was said of its tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ad_desktop.data.tiles import Tile, blending
from ad_desktop.detectors.base import Array, FloatArray, Prediction

MOST_KEPT = 64
"""Tiles of a picture whose features are kept for scoring it again; with more it is scored from its pixels."""


class TileFeatures(NamedTuple):
    """What to score a picture from again: its ``tiles`` and the features of each (None: too many to keep).

    ``highest`` are the features of the tile with the highest score.
    """

    key: str
    size: tuple[int, int]
    tiles: tuple[Tile, ...]
    features: tuple[Any, ...] | None
    highest: Any


@dataclass
class TiledPrediction(Prediction):
    """A picture's score is its highest tile's, and so are the ``parts``; the map is the tiles' maps, blended.

    ``grid`` is the blended map at about the resolution of the tiles' grids; the map itself is made from
    the ``tiles`` only when asked for.
    """

    tiles: tuple[tuple[Tile, Prediction], ...] = ()

    def map_at(self, size: tuple[int, int]) -> FloatArray:
        """The tiles' maps blended at ``size`` (H, W): weights sum to one, 0 where there is no tile."""
        found = np.zeros(size, np.float32)
        rows = _Axis([(t.top, t.top + t.height) for t, _ in self.tiles], self.size[0], size[0])
        columns = _Axis([(t.left, t.left + t.width) for t, _ in self.tiles], self.size[1], size[1])
        for tile, said in self.tiles:
            (top, bottom), down = rows.of(tile.top)
            (left, right), across = columns.of(tile.left)
            piece = said.map_at((bottom - top, right - left))
            found[top:bottom, left:right] += piece * down[:, None] * across
        return found


class _Axis:
    """Where tiles lie along an axis of ``full`` pixels that is shown with ``length``, and their weights there."""

    def __init__(self, spans: Sequence[tuple[int, int]], full: int, length: int) -> None:
        self._starts = sorted(set(spans))
        self._spans = [(a * length // full, -(-b * length // full)) for a, b in self._starts]
        self._weights = blending(self._spans, length)

    def of(self, start: int) -> tuple[tuple[int, int], FloatArray]:
        """Start and end, and the weights between them, of the tile that starts at ``start``."""
        index = [first for first, _ in self._starts].index(start)
        first, last = self._spans[index]
        return (first, last), self._weights[index, first:last]


def combined(
    key: str,
    size: tuple[int, int],
    tiles: Sequence[Tile],
    said: Sequence[Prediction],
    examined: Callable[[], Array | None] | None,
) -> TiledPrediction:
    """Put together what a detector ``said`` of the ``tiles`` of the picture with the key ``key``."""
    highest = max(said, key=lambda one: one.anomaly_score)
    kept = tuple(one.features for one in said) if len(said) <= MOST_KEPT else None
    features = None
    if highest.features is not None:
        features = TileFeatures(key, size, tuple(tiles), kept, highest.features)
    # Without their features, which would all stay alive with the map.
    maps = tuple((tile, replace(one, features=None, examined=None)) for tile, one in zip(tiles, said, strict=True))
    found = TiledPrediction(
        highest.anomaly_score, highest.grid, size, highest.parts, features, highest.smoothing,
        examined=examined, tiles=maps,
    )  # fmt: skip
    (height, width), (rows, columns) = size, highest.grid.shape
    found.grid = found.map_at(
        (max(1, round(height * rows / tiles[0].height)), max(1, round(width * columns / tiles[0].width)))
    )
    return found
