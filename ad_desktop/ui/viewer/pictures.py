"""What the viewer shows, made ready off the main thread: pictures with their pyramid, maps as 8-bit codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

from ad_desktop.data.images import load, to_display
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Prediction
from ad_desktop.ui.viewer.contour import segments

OVERLAY_EDGE = 1024
"""Longest side of an overlay in pixels; anomaly maps are far smoother than that."""

_CONTOUR_EDGE = 512
_STRETCH = 4.0
_SMALLEST_LEVEL = 512


@dataclass(frozen=True)
class Shown:
    """A decoded picture: ``levels`` are its full size, half, quarter and so on; ``size`` is (height, width).

    ``pixels`` are the file's own values (H×W or H×W×C) where they are not 8-bit, for the value under
    the cursor; ``truth`` the outline of the known defect as (2k, 2) points x, y of k line segments.
    """

    key: str
    size: tuple[int, int]
    levels: tuple[QImage, ...]
    pixels: NDArray[Any] | None
    truth: NDArray[np.float32] | None

    @cached_property
    def nbytes(self) -> int:
        """Memory it holds."""
        return sum(level.sizeInBytes() for level in self.levels) + (0 if self.pixels is None else self.pixels.nbytes)


@dataclass(frozen=True)
class Scale:
    """Which map values the 256 codes of an overlay stand for."""

    low: float
    high: float

    @classmethod
    def over(cls, grids: list[NDArray[np.float32]]) -> Scale:
        """The range of some maps, for a model that has none of its own."""
        low, high = min(float(grid.min()) for grid in grids), max(float(grid.max()) for grid in grids)
        return cls(low, max(high, low + 1e-6))

    def code(self, value: float) -> int:
        """The code of a value, 0–255."""
        return int(np.clip(np.ceil((value - self.low) / (self.high - self.low) * 255), 0, 255))

    def codes(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The codes of many values."""
        scaled = (values - np.float32(self.low)) * np.float32(255 / (self.high - self.low))
        return np.clip(scaled, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Overlay:
    """An anomaly map ready to be painted: ``codes`` uint8 and ``values`` float32, both at most 1024 pixels a side.

    ``size`` is that of the picture it covers, ``scale`` what the codes stand for. ``examined`` is false
    where the model did not look (None: it looked everywhere).
    """

    key: str
    scale: Scale
    size: tuple[int, int]
    codes: NDArray[np.uint8]
    values: NDArray[np.float32]
    examined: NDArray[np.bool_] | None = None

    def outline(self, values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
        """Line segments along ``level`` of ``values`` (as large as its own) in picture coordinates, (2k, 2) x, y."""
        step = max(1, -(-max(values.shape) // _CONTOUR_EDGE))
        values = values[::step, ::step]
        return _to_picture(segments(values, level), values.shape, self.size)


def make_shown(sample: Sample, mask: Path | None = None) -> Shown:
    """Decode a picture and make its pyramid; ``InputError`` if it cannot be read."""
    picture = load(sample, finite=False)
    image = to_qimage(to_display(picture.pixels, None))
    pixels = None if picture.pixels.dtype == np.uint8 else picture.pixels
    size = (image.height(), image.width())
    return Shown(sample.key, size, _pyramid(image), pixels, None if mask is None else _outline(mask, size))


def make_overlay(key: str, prediction: Prediction, scale: Scale) -> Overlay:
    """Turn an anomaly map into codes; ``scale`` is stretched to the map's peak, fourfold at most."""
    height, width = prediction.size
    step = max(1.0, max(height, width) / OVERLAY_EDGE)
    small = (max(1, round(height / step)), max(1, round(width / step)))
    values = np.ascontiguousarray(prediction.map_at(small), dtype=np.float32)
    mask = prediction.examined() if prediction.examined else None
    examined = None if mask is None else _reduced(np.asarray(mask, bool), small)
    if examined is not None:
        # As in the map itself: 0 where nothing was examined.
        values = np.where(examined, values, np.float32(0))
    # A strong defect gets its own top, or all around it would be painted as strong as itself.
    farthest = scale.low + _STRETCH * (scale.high - scale.low)
    scale = Scale(scale.low, min(max(scale.high, float(values.max())), farthest))
    codes = scale.codes(values)
    if examined is not None:
        codes[~examined] = 0
    return Overlay(key, scale, (height, width), codes, values, examined)


def to_qimage(display: NDArray[np.uint8]) -> QImage:
    """An 8-bit picture (H×W grey or H×W×3) as a 32-bit QImage that owns its memory."""
    display = np.ascontiguousarray(display)
    height, width = display.shape[:2]
    grey = display.ndim == 2
    form = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    image = QImage(display.data, width, height, display.strides[0], form)
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _reduced(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask's values at the middles of a smaller grid's cells."""
    rows, columns = (
        ((np.arange(n) + 0.5) * full / n).astype(np.intp) for n, full in zip(size, mask.shape, strict=True)
    )
    return np.asarray(mask[rows][:, columns])


def _pyramid(image: QImage) -> tuple[QImage, ...]:
    levels = [image]
    while max(levels[-1].width(), levels[-1].height()) > _SMALLEST_LEVEL:
        last = levels[-1]
        half = QSize(max(1, last.width() // 2), max(1, last.height() // 2))
        mode = Qt.TransformationMode.SmoothTransformation
        levels.append(last.scaled(half, Qt.AspectRatioMode.IgnoreAspectRatio, mode))
    return tuple(levels)


def _outline(mask: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    from ad_desktop.data.datasets import load_mask

    drawn = load_mask(mask, size)
    step = max(1, -(-max(size) // OVERLAY_EDGE))
    small = drawn[::step, ::step].astype(np.float32)
    return _to_picture(segments(np.pad(small, 1), 0.5) - 1, small.shape, size)


def _to_picture(points: NDArray[np.float32], shape: tuple[int, ...], size: tuple[int, int]) -> NDArray[np.float32]:
    """From positions between the centres of an array's cells to picture coordinates."""
    ratio = np.array([size[1] / shape[1], size[0] / shape[0]], np.float32)
    return (points + np.float32(0.5)) * ratio
