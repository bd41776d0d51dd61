"""Cutting a large picture into equal overlapping tiles, and the weights that blend what is said of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.errors import UserError

SMALLEST = 32
"""Pixels; a smaller tile would be nothing but enlargement."""
MARK = "#tile="
_TAG = re.compile(r"(\d+),(\d+),(\d+),(\d+) of (\d+),(\d+)")


@dataclass(frozen=True)
class Tiling:
    """How large pictures are cut: side of a tile and overlap of neighbours, in pixels of the picture.

    A ``size`` of 0 cuts nothing. An ``overlap`` of None becomes a quarter of the tile. ``UserError`` for
    tiles below 32 pixels, and for an overlap above half a tile.
    """

    size: int = 0
    overlap: int | None = None

    def __post_init__(self) -> None:
        if self.size and self.size < SMALLEST:
            raise UserError(f"tile={self.size}: a tile needs at least {SMALLEST} pixels; 0 cuts nothing.")
        if self.overlap is None:
            object.__setattr__(self, "overlap", self.size // 4)
        elif self.size and not 0 <= self.overlap <= self.size // 2:
            raise UserError(f"overlap={self.overlap}: it has to lie between 0 and {self.size // 2}, half a tile.")

    @property
    def step(self) -> int:
        """Pixels from one tile to the next."""
        return self.size - (self.overlap or 0)

    def to_json(self) -> dict[str, int]:
        """A JSON-able form that ``from_json`` takes back."""
        return {"size": self.size, "overlap": self.overlap or 0}

    @classmethod
    def from_json(cls, told: dict[str, Any] | None) -> Tiling:
        """The tiling that ``to_json`` described; none where a model file from before tiles says nothing."""
        return cls(int(told["size"]), int(told["overlap"])) if told and told["size"] else cls()


class Tile(NamedTuple):
    """A rectangle of a picture: its corner and extent, and the picture's height and width, all in pixels."""

    top: int
    left: int
    height: int
    width: int
    of: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def key(self, picture: str) -> str:
        """The key of this tile of the picture with the key ``picture``."""
        numbers = ",".join(map(str, (self.top, self.left, self.height, self.width)))
        return f"{picture}{MARK}{numbers} of {self.of[0]},{self.of[1]}"


def split_key(key: str) -> tuple[str, Tile | None]:
    """The picture's key, and which tile of it ``key`` names (None: the whole)."""
    picture, mark, tag = key.rpartition(MARK)
    found = _TAG.fullmatch(tag) if mark else None
    if found is None:
        return key, None
    top, left, height, width, full_height, full_width = map(int, found.groups())
    return picture, Tile(top, left, height, width, (full_height, full_width))


def cut(size: tuple[int, int], tiling: Tiling, within: tuple[int, int, int, int] | None = None) -> list[Tile]:
    """The tiles of a picture of ``size`` (height, width), row by row; empty where it is not larger than one.

    ``within`` (top, left, bottom, right) is what has to be covered: tiles lie there, or reach beyond it
    where it is narrower than a tile. Neighbours overlap; the last one is shifted inwards, so that all are equal.
    """
    if not tiling.size or max(size) <= tiling.size:
        return []
    top, left, bottom, right = within or (0, 0, *size)
    rows = _starts(top, bottom, size[0], tiling)
    columns = _starts(left, right, size[1], tiling)
    height, width = (min(tiling.size, length) for length in size)
    return [Tile(y, x, height, width, size) for y in rows for x in columns]


def _starts(first: int, last: int, length: int, tiling: Tiling) -> list[int]:
    side = min(tiling.size, length)
    if last - first <= side:
        return [min(max((first + last - side) // 2, 0), length - side)]
    count = math.ceil((last - first - side) / tiling.step) + 1
    return [min(first + index * tiling.step, last - side) for index in range(count)]


def blending(spans: Sequence[tuple[int, int]], length: int) -> NDArray[np.float32]:
    """Weights (n, length) of n spans (start, end; ascending) along an axis: smooth across overlaps.

    They sum to one wherever there is a span, and are zero elsewhere. Each overlap of neighbours has a sin² ramp.
    """
    weights = np.zeros((len(spans), length))
    for index, (start, end) in enumerate(spans):
        weights[index, start:end] = 1.0
        if index:
            shared = max(min(spans[index - 1][1], end) - start, 0)
            weights[index, start : start + shared] *= _rise(shared)
        if index + 1 < len(spans):
            shared = max(end - max(spans[index + 1][0], start), 0)
            weights[index, end - shared : end] *= _rise(shared)[::-1]
    total = weights.sum(axis=0)
    return np.asarray(np.divide(weights, total, out=weights, where=total > 0), np.float32)


def _rise(length: int) -> NDArray[np.float64]:
    return np.asarray(np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(length, 1)) ** 2)
