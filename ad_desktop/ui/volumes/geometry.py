"""Where a plane's millimetres are on the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QTransform

_MARGIN = 0.96
_LARGEST_MM = 200.0
"""How large a millimetre can get on the screen, in pixels."""
_NICE_MM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class Eye:
    """What part of a plane is seen: ``centre`` (mm along columns and rows) and ``scale`` in pixels per mm."""

    centre: QPointF
    scale: float
    mirrored: bool
    upward: bool

    @classmethod
    def fitting(cls, area: QRectF, size: QSizeF, mirrored: bool, upward: bool) -> Eye:
        """The whole ``area`` (mm) in a view of ``size`` pixels."""
        scale = _MARGIN * min(size.width() / max(area.width(), 1e-6), size.height() / max(area.height(), 1e-6))
        return cls(area.center(), max(scale, 1e-3), mirrored, upward)

    def transform(self, size: QSizeF) -> QTransform:
        """From mm in the plane to pixels of a view."""
        across = -self.scale if self.mirrored else self.scale
        down = -self.scale if self.upward else self.scale
        return QTransform(
            across, 0, 0, down, size.width() / 2 - across * self.centre.x(), size.height() / 2 - down * self.centre.y()
        )

    def moved(self, pixels: QPointF) -> Eye:
        """As if the picture had been dragged by so many pixels."""
        across = -1 if self.mirrored else 1
        down = -1 if self.upward else 1
        shift = QPointF(across * pixels.x() / self.scale, down * pixels.y() / self.scale)
        return replace(self, centre=self.centre - shift)

    def zoomed(self, factor: float, around: QPointF, size: QSizeF) -> Eye:
        """Enlarged by a factor while the place under ``around`` (pixels) stays where it is."""
        inverse, _ = self.transform(size).inverted()
        place = inverse.map(around)
        scale = min(max(self.scale * factor, 0.02), _LARGEST_MM)
        share = self.scale / scale
        return replace(self, scale=scale, centre=place + (self.centre - place) * share)


def scale_bar(scale: float, room: float) -> tuple[float, str]:
    """The longest round length in mm that is at most ``room`` pixels long, and its text."""
    fitting = [length for length in _NICE_MM if length * scale <= room]
    length = fitting[-1] if fitting else _NICE_MM[0]
    return length, f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
