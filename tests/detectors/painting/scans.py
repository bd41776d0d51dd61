"""Small artificial scans: ellipsoids with layers, alike but for place, size and noise."""

from __future__ import annotations

import numpy as np

from ad_desktop.detectors.painting.batches import Scan, leave_one_out

SHAPE = (8, 32, 32)


def aligned(count: int, seed: int = 0) -> list[Scan]:
    """``count`` aligned scans on one grid."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    images, masks = [], []
    for _ in range(count):
        radius = np.sqrt(z**2 * 0.5 + y**2 + x**2) + rng.normal(0, 0.02)
        mask = radius < 0.9
        image = np.where(radius < 0.5, 0.8, 0.4) + rng.normal(0, 0.02, SHAPE) + 0.05 * rng.standard_normal() * x
        images.append(np.where(mask, image, 0).astype(np.float32))
        masks.append(mask)
    return leave_one_out(images, masks)
