"""Values of a scan brought to about 0–1: percentiles inside the mask, a CT window, or a range of SUV."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import HU, SUV, Array, Volume

HIGHEST = 1.6
"""Scaled values are cut here, so that a single hot voxel does not drown the rest."""


@dataclass(frozen=True)
class Scaling:
    """``percentiles`` of the values inside the mask, or a ``window`` of absolute values, to 0 and 1."""

    kind: str
    low: float
    high: float

    @classmethod
    def for_unit(cls, unit: str, window: tuple[float, float] | None = None) -> Scaling:
        """The ``window`` if there is one, or what suits a unit: −1000…800 HU, SUV 0…12, percentiles for no unit."""
        if window is not None:
            return cls("window", *window)
        if unit == HU:
            return cls("window", -1000.0, 800.0)
        if unit == SUV:
            return cls("window", 0.0, 12.0)
        return cls("percentiles", 1.0, 99.0)

    def describe(self, unit: str) -> str:
        """In words."""
        if self.kind == "percentiles":
            return f"each scan's own percentiles {self.low:g} and {self.high:g} inside the mask became 0 and 1"
        return f"{self.low:g} and {self.high:g} {unit or 'of no known unit'} became 0 and 1"

    def ends(self, array: Array, mask: Array) -> tuple[float, float]:
        """The values that become 0 and 1."""
        if self.kind != "percentiles":
            return self.low, self.high
        low, high = (float(v) for v in np.percentile(array[mask], [self.low, self.high]))
        return low, high

    def contrast(self, array: Array, mask: Array) -> float:
        """How far they lie apart."""
        low, high = self.ends(array, mask)
        return high - low

    def apply(self, array: Array, mask: Array) -> NDArray[np.float32]:
        """Scaled values (z, y, x), 0 outside the mask; ``ValueError`` where all values in it are equal."""
        low, high = self.ends(array, mask)
        if not high > low:
            raise ValueError("all its values are equal")
        scaled = (np.asarray(array, np.float32) - np.float32(low)) / np.float32(high - low)
        return np.where(mask, np.clip(scaled, -0.2, HIGHEST), 0).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def usable(volume: Volume, mask: Array) -> str | None:
    """Why a scan cannot be worked on, or None."""
    if min(volume.shape) < 2:
        return "it has one slice only; AutoPaint needs a volume. Choose the whole series."
    if not np.isfinite(volume.array).all():
        return "it holds values that are not numbers (NaN or infinite). Export the scan again."
    if not mask.any():
        return "nothing in it lies inside the body mask: is it empty?"
    return None
