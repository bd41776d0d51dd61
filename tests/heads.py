"""Small artificial heads on anisotropic, turned grids."""

from __future__ import annotations

import numpy as np

from ad_desktop.data.volumes.volume import Volume, make_affine

SHAPE = (14, 40, 36)


def head(seed: int, angle: float = 0.0) -> tuple[Volume, np.ndarray]:
    """A layered ellipsoid on an anisotropic, turned grid, with its mask."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2) + rng.normal(0, 0.01)
    values = 500 * np.where(radius < 0.45, 0.8, 0.4) + rng.normal(0, 15, SHAPE)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = make_affine((3.0, 2.5, 6.0), rng.uniform(-50, 50, 3), turn)
    return Volume(values.astype(np.float32), affine, modality="MR"), radius < 0.85
