"""Brings an anomaly map from the detector's grid to the size of the picture."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Where a Gaussian kernel is cut, in standard deviations; scipy.ndimage cuts there, too.
_TRUNCATE = 4.0
POINTS_PER_CELL = 9
"""An odd number, so that cells' centres are among the points."""


def upsample(grid: FloatArray, size: tuple[int, int], smoothing: float = 0.0, mirrored: bool = False) -> FloatArray:
    """Interpolate ``grid`` (…, h, w) bilinearly to ``size`` (H, W) and blur it with a Gaussian.

    Sample points are pixel centres and edges are clamped, as in torch's ``interpolate`` without
    ``align_corners``. ``smoothing`` is the Gaussian's standard deviation in cells of the grid, so that it
    does not depend on the picture's size; 0 does not blur. Beyond the edges the blur sees their values, or what
    lies inside ``mirrored`` (as scipy.ndimage does unless told otherwise). Both steps are linear in each axis, hence
    two products with cached matrices.
    """
    rows = axis_matrix(grid.shape[-2], size[0], float(smoothing), mirrored)
    columns = axis_matrix(grid.shape[-1], size[1], float(smoothing), mirrored)
    return np.asarray((rows @ np.asarray(grid, dtype=np.float32)) @ columns.T)


def map_peak(grid: FloatArray, size: tuple[int, int], smoothing: float) -> float:
    """The largest value of the map that ``grid`` (S, S) makes at ``size``; large maps are sampled at fewer points."""
    height, width = (min(length, POINTS_PER_CELL * len(grid)) for length in size)
    return float(upsample(grid, (height, width), smoothing).max())


@lru_cache(maxsize=16)
def axis_matrix(cells: int, pixels: int, smoothing: float, mirrored: bool = False) -> FloatArray:
    """The pixels×cells matrix that interpolates, then blurs, one axis."""
    positions = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    left = np.minimum(positions.astype(np.intp), max(cells - 2, 0))
    weight = positions - left
    matrix = np.zeros((pixels, cells))
    matrix[np.arange(pixels), left] = 1 - weight
    matrix[np.arange(pixels), np.minimum(left + 1, cells - 1)] += weight
    if smoothing > 0:
        matrix = _blur(matrix, smoothing * pixels / cells, "symmetric" if mirrored else "edge")
    result = matrix.astype(np.float32)
    result.flags.writeable = False
    return result


def _blur(matrix: NDArray[np.float64], sigma: float, edges: Literal["edge", "symmetric"]) -> NDArray[np.float64]:
    """Convolve the columns with a Gaussian of ``sigma`` rows; ``edges`` are clamped or mirrored."""
    radius = int(_TRUNCATE * sigma + 0.5)
    if radius == 0:
        return matrix
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(matrix, ((radius, radius), (0, 0)), mode=edges)
    # By Fourier transform: a kernel as long as the picture would otherwise take seconds.
    length = len(padded) + 2 * radius
    spectrum = np.fft.rfft(kernel / kernel.sum(), length)[:, np.newaxis] * np.fft.rfft(padded, length, axis=0)
    return np.asarray(np.fft.irfft(spectrum, length, axis=0)[2 * radius : 2 * radius + len(matrix)])
