"""Drawing a region on a plane of a scan: what is drawn, how it looks, and which voxels it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Volume

Place = tuple[float, float, float]
"""A voxel index, x first, not rounded."""

SMALLEST_MM, LARGEST_MM, FIRST_MM = 1.0, 60.0, 8.0
_FILL, _EDGE = QColor(255, 209, 102, 70), QColor(255, 209, 102)
_STEP = 0.5
"""Balls of a brush follow each other at this share of their radius."""


class Tool(Enum):
    """A brush paints a ball around each place, an ellipse spans a rectangle and is as deep as it is wide."""

    BRUSH = "brush"
    ELLIPSE = "ellipse"


@dataclass(frozen=True)
class Pen:
    """What the mouse draws with; ``radius`` of the brush in mm."""

    tool: Tool
    radius: float = FIRST_MM


@dataclass(frozen=True)
class Drawn:
    """A stroke on a plane through ``places``; an ellipse lies between the first and the last."""

    plane: Plane
    pen: Pen
    places: tuple[Place, ...]


def voxels(drawn: Drawn, volume: Volume) -> NDArray[np.bool_]:
    """The voxels (z, y, x) of a volume on patient axes that a stroke means."""
    spacing = np.array(volume.spacing)
    region = np.zeros(volume.shape, bool)
    if drawn.pen.tool is Tool.BRUSH:
        half = drawn.pen.radius / spacing
        for place in _spread(np.array(drawn.places)[:, ::-1], drawn.pen.radius * _STEP / spacing):
            _mark(region, place, half)
        return region
    first, last = (np.array(place)[::-1] for place in (drawn.places[0], drawn.places[-1]))
    half_mm = np.abs(last - first) / 2 * spacing
    axes = (drawn.plane.rows, drawn.plane.columns)
    half_mm[drawn.plane.axis] = np.mean([half_mm[axis] for axis in axes])
    _mark(region, (first + last) / 2, np.maximum(half_mm / spacing, 0.5))
    return region


def draw(painter: QPainter, pen: Pen, places: Sequence[QPointF], scale: float) -> None:
    """A stroke under way, through places of the widget; ``scale`` in pixels per mm."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)
    if pen.tool is Tool.ELLIPSE:
        path.addEllipse(QRectF(places[0], places[-1]).normalized())
    else:
        for place in places:
            path.addEllipse(place, pen.radius * scale, pen.radius * scale)
        path = path.simplified()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(_EDGE, 1.5))
    painter.setBrush(_FILL)
    painter.drawPath(path)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _spread(places: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places along a line through these, close enough for balls to run into each other."""
    found = [places[:1]]
    for start, end in pairwise(places):
        count = max(1, int(np.ceil(np.abs((end - start) / step).max())))
        found.append(start + (end - start) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(found)


def _mark(region: NDArray[np.bool_], middle: NDArray[np.float64], half: NDArray[np.float64]) -> None:
    """Set an ellipsoid by its middle and half axes in voxels; what lies outside the volume is left out."""
    low = np.clip(np.ceil(middle - half), 0, region.shape).astype(int)
    high = np.clip(np.floor(middle + half) + 1, 0, region.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    offsets = np.ogrid[box]
    distance = sum(((o - m) / h) ** 2 for o, m, h in zip(offsets, middle, half, strict=True))
    region[box] |= np.asarray(distance) <= 1
