"""Small pictures drawn for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def plain(random: np.random.Generator) -> np.ndarray:
    return random.integers(90, 130, (64, 80)).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
