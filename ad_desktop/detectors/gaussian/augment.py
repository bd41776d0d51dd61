"""Augmented copies of a normal picture, the same ones whenever the same file is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_TURN = 15.0
BRIGHTNESS = 0.1


def augmented(pixels: NDArray[Any], sha256: str, passes: int) -> list[NDArray[Any]]:
    """``passes`` random variants of ``pixels`` (S, S, 3): mirrored, turned by up to 15°, up to 10 % brighter or darker.

    The random numbers come from the file's own hash, so that a fit does not depend on the order
    of its samples, and an update equals a refit.
    """
    if passes == 0:
        return []  # without the import, which takes longer than to score a picture
    from scipy.ndimage import affine_transform

    generator = np.random.default_rng(int(sha256[:16], 16))
    side = pixels.shape[0]
    centre = (side - 1) / 2
    variants: list[NDArray[Any]] = []
    for _ in range(passes):
        angle = np.deg2rad(generator.uniform(-MAX_TURN, MAX_TURN))
        mirror = np.diag(generator.choice([-1.0, 1.0], 2))
        turn = mirror @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.eye(3)
        matrix[:2, :2] = turn
        offset = np.array([centre, centre, 0.0])
        offset[:2] -= turn @ [centre, centre]
        moved = affine_transform(pixels.astype(np.float32), matrix, offset, order=1, mode="mirror")
        variants.append(np.clip(moved * generator.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS), 0, 255).astype(np.float32))
    return variants
