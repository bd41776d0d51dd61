"""Healthy slices made abnormal, for a network that learns to undo it: coarse noise, and patches that do not belong.

Coarse noise after Kascenas, Pugeault, O'Neil, *Denoising Autoencoders for Unsupervised Anomaly Detection in Brain MRI*
(MIDL 2022).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

COARSE_MM = 14.0
NOISE = 0.2


def coarse_noise(
    shape: tuple[int, ...], spacing: float, rng: np.random.Generator, coarse: float = COARSE_MM
) -> FloatArray:
    """Smooth noise (k, rows, columns), alike in the k slices, of deviation about 1 and wavelength ``coarse`` mm."""
    from scipy import ndimage

    rows, columns = (max(2, round(n * spacing / coarse)) for n in shape[-2:])
    noise = rng.standard_normal((rows + 3, columns + 3))
    zoomed = ndimage.zoom(noise, (-(-shape[-2] // rows) + 1, -(-shape[-1] // columns) + 1), order=1)
    row, column = (int(rng.integers(0, have - want + 1)) for have, want in zip(zoomed.shape, shape[-2:], strict=True))
    patch = zoomed[row : row + shape[-2], column : column + shape[-1]].astype(np.float32)
    return np.broadcast_to(patch, shape).copy()


def corrupted(
    slices: FloatArray, other: FloatArray, spacing: float, rng: np.random.Generator
) -> tuple[FloatArray, Mask]:
    """Slices (k, rows, columns) with blots in which they are brighter, darker, flat, shuffled or from ``other`` slices.

    The blots are where smooth noise is high, and fade at their edges. Also the place of the blots (rows, columns).
    """
    shape = slices.shape
    field = coarse_noise((1, *shape[-2:]), spacing, rng, float(rng.uniform(10, 40)))[0]
    cut = float(np.quantile(field, rng.uniform(0.85, 0.985)))
    weight = np.clip((field - cut) / max(float(rng.uniform(0.05, 0.5)), 1e-3), 0, 1).astype(np.float32)
    kind = rng.random()
    if kind < 0.45:
        shift = float(rng.uniform(0.08, 0.6)) * (1 if rng.random() < 0.5 else -1)
        changed = slices + shift
    elif kind < 0.6:
        changed = float(rng.uniform(0, 1.3)) + 0.3 * (slices - slices.mean())
    elif kind < 0.8:
        changed = np.roll(other, tuple(int(n) for n in rng.integers(-20, 21, 2)), axis=(-2, -1))
    else:
        order = rng.permutation(slices[:, weight > 0].shape[1])
        changed = slices.copy()
        changed[:, weight > 0] = slices[:, weight > 0][:, order]
    return (slices + weight * (changed - slices)).astype(np.float32), weight > 0.15
