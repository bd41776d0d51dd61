"""What is kept of a picture that the network has looked at."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ad_desktop.detectors.base import Array, FloatArray


class Place(NamedTuple):
    """Where features come from: the file, its height and width, and the examined cells (None: all)."""

    path: Path
    size: tuple[int, int]
    examined: Array | None = None


class Seen(NamedTuple):
    """Probabilities of being abnormal (g, g) by words alone, and the global feature (d,)."""

    grid: FloatArray
    whole: FloatArray
    place: Place


class NormalRow(NamedTuple):
    """One normal sample: key, hash of its file, and what the network said."""

    key: str
    sha256: str
    seen: Seen
