"""Windows: which values are shown from black to white, and the usual ones for each kind of scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import HU, SUV, Array, Volume

_SAMPLE = 200_000
_LOW, _HIGH = 0.5, 99.5
"""The percentiles that an automatic window reaches from and to."""


@dataclass(frozen=True)
class Window:
    """``width`` and ``level`` in the volume's unit; ``inverted`` shows high values dark."""

    width: float
    level: float
    inverted: bool = False

    @classmethod
    def between(cls, low: float, high: float, inverted: bool = False) -> Window:
        """The window that reaches from ``low`` to ``high``."""
        return cls(max(high - low, 1e-6), (low + high) / 2, inverted)

    @property
    def low(self) -> float:
        """The value shown black."""
        return self.level - self.width / 2

    @property
    def high(self) -> float:
        """The value shown white."""
        return self.level + self.width / 2


@dataclass(frozen=True)
class Preset:
    """A window with a name; None: found from the volume's own values."""

    title: str
    window: Window | None


AUTOMATIC = Preset("Automatic", None)
PRESETS = (
    Preset("Soft tissue", Window(350, 50)),
    Preset("Lung", Window(1500, -500)),
    Preset("Bone", Window(2000, 500)),
    Preset("Brain", Window(80, 40)),
    AUTOMATIC,
    Preset("SUV 0–10", Window.between(0, 10, inverted=True)),
)
"""In the order of their keys, 1 to 6; widths and levels in HU but for the last."""


def applies(preset: Preset, unit: str) -> bool:
    """Whether a preset makes sense for values in ``unit``."""
    if preset.window is None:
        return True
    return unit == (SUV if preset.window.inverted else HU)


def first_preset(volume: Volume) -> Preset:
    """What a scan is shown with when nothing is known of the user's wishes."""
    if volume.unit == HU:
        return PRESETS[0]
    return PRESETS[-1] if volume.unit == SUV else AUTOMATIC


def sample_values(array: Array) -> NDArray[np.float32]:
    """Up to 200,000 finite values (n,) evenly spread over an array (z, y, x)."""
    step = max(1, round((array.size / _SAMPLE) ** (1 / 3)))
    values = np.asarray(array[step // 2 :: step, step // 2 :: step, step // 2 :: step], np.float32).ravel()
    if not values.size:
        values = np.asarray(array, np.float32).ravel()
    return values[np.isfinite(values)]


def automatic_window(array: Array) -> Window:
    """From the 0.5th to the 99.5th percentile of what is not the background, by a sample; slow for a main thread."""
    values = sample_values(array)
    if not values.size:
        return Window.between(0, 1)
    ground = values.min()
    inside = values[values > ground]
    values = inside if inside.size >= values.size // 50 else values
    low, high = np.percentile(values, (_LOW, _HIGH)) if values.size else (ground, ground)
    if high <= low:
        # One value besides the background, as in masks.
        return Window.between(float(ground), float(high) if high > ground else float(ground) + 1.0)
    return Window.between(float(low), float(high))


def to_codes(values: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Values as codes, 0 up to ``low`` and 255 from ``high`` on, C-contiguous; what is not a number gets 0."""
    scaled = np.subtract(values, np.float32(low), dtype=np.float32)
    scaled *= np.float32(255 / max(high - low, 1e-12))
    # A third of the time of fmax and fmin; but what is not a number is let through.
    np.clip(scaled, 0, 255, out=scaled)
    if scaled.size and np.isnan(scaled.min()):
        scaled[np.isnan(scaled)] = 0
    return np.ascontiguousarray(scaled.astype(np.uint8))
