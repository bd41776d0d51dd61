"""Where in a picture to look: regions of interest, regions to ignore, and an ignored border."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.tiles import Tile
from ad_desktop.errors import UserError

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Point = tuple[float, float]
MAX_POINTS = 100_000
CELL_PIXELS = 8


class ShapeKind(StrEnum):
    """How the points of a shape are meant."""

    RECTANGLE = "rectangle"
    POLYGON = "polygon"
    BRUSH = "brush"


class Purpose(StrEnum):
    """What a shape is for."""

    EXAMINE = "examine"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Shape:
    """One drawn shape.

    ``points`` are (x, y) as shares (0–1) of width and height, so that a shape fits pictures of any
    size: two opposite corners of a rectangle, the corners of a polygon, or the path of a brush whose
    ``radius`` is a share of the shorter side. ``folder`` limits the shape to pictures in that folder
    or below; empty: all pictures.
    """

    kind: ShapeKind
    points: tuple[Point, ...]
    purpose: Purpose = Purpose.EXAMINE
    radius: float = 0.0
    folder: str = ""

    def __post_init__(self) -> None:
        least = {ShapeKind.RECTANGLE: 2, ShapeKind.POLYGON: 3, ShapeKind.BRUSH: 1}[self.kind]
        if not least <= len(self.points) <= (2 if self.kind is ShapeKind.RECTANGLE else MAX_POINTS):
            raise UserError(f"A {self.kind} needs {least} points; this one has {len(self.points)}.")
        numbers = [value for point in self.points for value in point]
        if not all(math.isfinite(value) for value in [*numbers, self.radius]):
            raise UserError(f"The points of a {self.kind} have to be finite numbers.")
        if self.kind is ShapeKind.BRUSH and self.radius <= 0:
            raise UserError("A brush needs a radius above 0.")

    def applies_to(self, path: Path) -> bool:
        """Whether the shape counts for the picture at ``path``."""
        return not self.folder or Path(self.folder).absolute() in path.absolute().parents


@dataclass(frozen=True)
class RegionOfInterest:
    """All shapes, and the width of the ``border`` to ignore, in pixels of the picture.

    Examined is what lies in any shape to examine (everything, where there is none), in no shape to
    ignore, and not in the border.
    """

    shapes: tuple[Shape, ...] = ()
    border: int = 0

    def __post_init__(self) -> None:
        if self.border < 0:
            raise UserError(f"border={self.border}: the ignored border cannot be negative.")

    @property
    def everything(self) -> bool:
        """Whether every pixel of every picture is examined."""
        return not self.shapes and not self.border

    def mask(self, path: Path, size: tuple[int, int], tile: Tile | None = None) -> NDArray[np.bool_] | None:
        """Which pixels of the picture at ``path`` are examined, H×W of ``size``; None where all are.

        With ``tile`` only that piece of the mask is made.
        """
        shapes = [shape for shape in self.shapes if shape.applies_to(path)]
        if not shapes and not self.border:
            return None
        from PIL import Image

        place = tile or Tile(0, 0, *size, size)
        examined = [shape for shape in shapes if shape.purpose is Purpose.EXAMINE]
        canvas = Image.new("L", (place.width, place.height), 0 if examined else 255)
        for shape in examined:
            _draw(canvas, shape, 255, place)
        for shape in shapes:
            if shape.purpose is Purpose.IGNORE:
                _draw(canvas, shape, 0, place)
        mask = np.asarray(canvas) > 0
        if self.border:
            rows, columns = (
                (first + np.arange(count) >= self.border) & (first + np.arange(count) < length - self.border)
                for first, count, length in zip(place[:2], place.size, size, strict=True)
            )
            mask = mask & rows[:, None] & columns
        return mask

    def bounds(self, path: Path, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """A box (top, left, bottom, right; the last two exclusive) around all that is examined; it may be empty."""
        height, width = size
        box = (self.border, self.border, height - self.border, width - self.border)
        shapes = [s for s in self.shapes if s.applies_to(path) and s.purpose is Purpose.EXAMINE]
        if not shapes:
            return box
        reach = [shape.radius * min(size) + 1 for shape in shapes]
        ys = [(y * height, r) for s, r in zip(shapes, reach, strict=True) for _, y in s.points]
        xs = [(x * width, r) for s, r in zip(shapes, reach, strict=True) for x, _ in s.points]
        return (
            max(box[0], math.floor(min(y - r for y, r in ys))), max(box[1], math.floor(min(x - r for x, r in xs))),
            min(box[2], math.ceil(max(y + r for y, r in ys))), min(box[3], math.ceil(max(x + r for x, r in xs))),
        )  # fmt: skip

    def cells(self, path: Path, size: tuple[int, int], side: int) -> NDArray[np.bool_] | None:
        """Which cells of a ``side`` × ``side`` grid over the picture are examined by half or more; None where all are.

        A region smaller than half a cell has the cells it covers most. Large pictures are drawn small:
        a grid needs no more.
        """
        from PIL import Image

        scale = min(1.0, side * CELL_PIXELS / min(size))
        drawn = (max(side, round(size[0] * scale)), max(side, round(size[1] * scale)))
        mask = replace(self, border=round(self.border * min(drawn) / min(size))).mask(path, drawn)
        if mask is None:
            return None
        share = Image.fromarray(mask.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
        covered = np.asarray(share)
        return covered >= min(0.5, float(covered.max())) if covered.any() else np.zeros((side, side), bool)

    def everywhere(self) -> RegionOfInterest:
        """The part that holds for all pictures alike: shapes of no particular folder."""
        return RegionOfInterest(tuple(shape for shape in self.shapes if not shape.folder))

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that ``from_json`` takes back."""
        return {"border": self.border, "shapes": [{**asdict(shape)} for shape in self.shapes]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> RegionOfInterest:
        """The region that ``to_json`` described; ``UserError`` says what is wrong with it."""
        try:
            shapes = tuple(_shape(entry) for entry in told.get("shapes", ()))
            return cls(shapes, int(told.get("border", 0)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"The region of interest cannot be read: {error}.") from error


def read_roi(path: Path | None, border: int = 0) -> RegionOfInterest:
    """The region in a JSON file (None: everything), with ``border`` if that is wider; ``UserError`` if unreadable."""
    if path is None:
        return RegionOfInterest(border=border)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: the region of interest cannot be read ({error.strerror or error}).") from error
    except ValueError as error:
        raise UserError(f"{path}: the region of interest is not JSON ({error}).") from error
    try:
        region = RegionOfInterest.from_json(told)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return replace(region, border=max(border, region.border))


def _shape(entry: Mapping[str, Any]) -> Shape:
    points = tuple((float(x), float(y)) for x, y in entry["points"])
    purpose = Purpose(entry.get("purpose", Purpose.EXAMINE))
    return Shape(
        ShapeKind(entry["kind"]), points, purpose, float(entry.get("radius", 0.0)), str(entry.get("folder", ""))
    )


def _draw(canvas: Image.Image, shape: Shape, value: int, place: Tile) -> None:
    from PIL import ImageDraw

    height, width = place.of
    # A share of 1 is the far edge of the last pixel, whose index is one less.
    points = [(x * width - 0.5 - place.left, y * height - 0.5 - place.top) for x, y in shape.points]
    draw = ImageDraw.Draw(canvas)
    if shape.kind is ShapeKind.RECTANGLE:
        (x0, y0), (x1, y1) = points
        left, right = sorted((x0, x1))
        top, bottom = sorted((y0, y1))
        # Pixels whose centre lies inside.
        box = (math.ceil(left), math.ceil(top), math.floor(right), math.floor(bottom))
        if box[0] <= box[2] and box[1] <= box[3]:
            draw.rectangle(box, fill=value)
    elif shape.kind is ShapeKind.POLYGON:
        draw.polygon([(math.floor(x), math.floor(y)) for x, y in points], fill=value)
    else:
        _draw_brush(draw, points, shape.radius * min(place.of), value)


def _draw_brush(draw: ImageDraw.ImageDraw, points: Sequence[Point], radius: float, value: int) -> None:
    # Whole numbers, and downwards: Pillow cuts towards 0, which would move what begins left of a tile.
    line = [(math.floor(x), math.floor(y)) for x, y in points]
    if len(line) > 1:
        draw.line(line, fill=value, width=max(1, round(2 * radius)), joint="curve")
    for x, y in points:
        draw.ellipse(tuple(math.floor(v) for v in (x - radius, y - radius, x + radius, y + radius)), fill=value)
