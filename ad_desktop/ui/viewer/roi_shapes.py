"""Geometry of drawn shapes: paths to paint, what lies under the cursor, and what a drag makes of a shape."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPainterPathStroker, QPolygonF

from ad_desktop.data.roi import Point, Shape, ShapeKind

Size = tuple[int, int]
"""Height and width of a picture."""


def relative(place: QPointF, size: Size) -> Point:
    """A place in picture coordinates as shares of width and height, kept inside the picture."""
    height, width = size
    return (min(max(place.x() / width, 0.0), 1.0), min(max(place.y() / height, 0.0), 1.0))


def absolute(point: Point, size: Size) -> QPointF:
    """Shares of width and height as a place in picture coordinates."""
    return QPointF(point[0] * size[1], point[1] * size[0])


def shape_path(shape: Shape, size: Size) -> QPainterPath:
    """The area of a shape on a picture, in picture coordinates."""
    points = [absolute(point, size) for point in shape.points]
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)
    if shape.kind is ShapeKind.RECTANGLE:
        path.addRect(QRectF(points[0], points[1]).normalized())
    elif shape.kind is ShapeKind.POLYGON:
        path.setFillRule(Qt.FillRule.OddEvenFill)
        path.addPolygon(QPolygonF(points))
        path.closeSubpath()
    elif len(points) == 1:
        radius = shape.radius * min(size)
        path.addEllipse(points[0], radius, radius)
    else:
        line = QPainterPath()
        line.addPolygon(QPolygonF(points))
        stroker = QPainterPathStroker()
        stroker.setWidth(2 * shape.radius * min(size))
        stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
        stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        path = stroker.createStroke(line)
        path.setFillRule(Qt.FillRule.WindingFill)
    return path


def corners(shape: Shape) -> tuple[Point, ...]:
    """The points of a shape that can be dragged on their own."""
    if shape.kind is ShapeKind.BRUSH:
        return ()
    if shape.kind is ShapeKind.POLYGON:
        return shape.points
    (x0, y0), (x1, y1) = shape.points
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def hits(shape: Shape, place: QPointF, size: Size, reach: float) -> bool:
    """Whether a shape lies under ``place``, or within ``reach`` picture pixels of it where it is thin."""
    if shape.kind is not ShapeKind.BRUSH:
        path = shape_path(shape, size)
        return path.contains(place) or path.intersects(
            QRectF(place.x() - reach / 2, place.y() - reach / 2, reach, reach)
        )
    points = np.array([[p.x(), p.y()] for p in (absolute(point, size) for point in shape.points)])
    return _distance(np.array([place.x(), place.y()]), points) <= max(shape.radius * min(size), reach)


def corner_at(shape: Shape, place: QPointF, size: Size, reach: float) -> int | None:
    """Which of its ``corners`` is within ``reach`` picture pixels of ``place``."""
    spots = [absolute(corner, size) for corner in corners(shape)]
    away = [math.hypot(spot.x() - place.x(), spot.y() - place.y()) for spot in spots]
    nearest = min(range(len(away)), key=away.__getitem__, default=None)
    return nearest if nearest is not None and away[nearest] <= reach else None


def with_corner(shape: Shape, corner: int, point: Point) -> Shape:
    """The shape with one of its ``corners`` elsewhere."""
    if shape.kind is ShapeKind.POLYGON:
        return replace(shape, points=(*shape.points[:corner], point, *shape.points[corner + 1 :]))
    opposite = corners(shape)[(corner + 2) % 4]
    return replace(shape, points=(opposite, point))


def moved(shape: Shape, by: Point) -> Shape:
    """The shape moved by shares of width and height, no farther than the picture's edges."""
    xs, ys = zip(*shape.points, strict=True)
    dx, dy = _within(by[0], min(xs), max(xs)), _within(by[1], min(ys), max(ys))
    return replace(shape, points=tuple((x + dx, y + dy) for x, y in shape.points))


def thinned(points: list[Point], step: float) -> list[Point]:
    """The path of a brush with points at least ``step`` apart; first and last stay."""
    kept = points[:1]
    for point in points[1:]:
        if math.dist(point, kept[-1]) >= step:
            kept.append(point)
    return kept if len(points) < 2 or kept[-1] == points[-1] else [*kept, points[-1]]


def _within(by: float, low: float, high: float) -> float:
    return min(max(by, min(-low, 0.0)), max(1.0 - high, 0.0))


def _distance(place: np.ndarray, points: np.ndarray) -> float:
    """Distance of a place from a line through points."""
    if len(points) == 1:
        return float(np.hypot(*(points[0] - place)))
    start, along = points[:-1], np.diff(points, axis=0)
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip(((place - start) * along).sum(axis=1) / length, 0, 1)
    return float(np.hypot(*(start + share[:, None] * along - place).T).min())
