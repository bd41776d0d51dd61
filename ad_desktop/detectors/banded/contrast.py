"""How far the maps of a scan's slices stand out from their surroundings.

One scan is more unusual than another one as a whole, by its noise, its sharpness or the shape of a head, and a small
lesion adds less than that. But it adds it to one place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AROUND = 0.25
"""How wide the surroundings are, in parts of a slice's side; what is larger than half of them counts among them."""
THICK = 0.05
"""Over what distance along the axis a map is averaged, in parts of a slice's side: a lesion shows in several slices."""
PERCENTILES = (10, 90)
"""Between them lies what a scan's contrasts are spread over: no lesion takes a tenth of it."""
_CELLS = 16
_SLICES = 25
"""Surroundings are looked at no finer than in so many cells of a slice, and so many slices."""

Grids = NDArray[np.float32]


def contrast(grids: Grids, gap: float, thick: float = THICK) -> Grids:
    """Maps (n, h, w) of neighbouring slices, each cell less the median of its surroundings, averaged along the axis.

    ``gap`` is the distance of the slices in parts of their side, ``thick`` over how much is averaged.
    """
    from scipy.ndimage import uniform_filter1d

    found = grids - _surroundings(grids, gap)
    return np.asarray(uniform_filter1d(found, _odd(thick / gap), axis=0, mode="nearest"), np.float32)


def thickness(gap: float) -> float:
    """Over how much the maps of normal slices with this distance are averaged; 0 where they lie too far apart."""
    return THICK if _odd(THICK / gap) > 1 else 0.0


def spread(contrasts: Grids) -> float:
    """How far apart the 10th and 90th percentiles of a scan's contrasts are."""
    low, high = np.percentile(contrasts, PERCENTILES)
    return float(high - low)


def damped(contrasts: Grids, usual: float) -> Grids:
    """Contrasts of a scan in which more stands out everywhere than the ``usual`` spread, brought to that spread.

    A scan of another scanner is more unusual in every place; a lesion is in one. Calmer scans stay as they are.
    """
    own = spread(contrasts)
    return contrasts if own <= usual else np.asarray(contrasts * np.float32(usual / own), np.float32)


def slice_peaks(grids: Grids) -> NDArray[np.float64]:
    """The highest value of each slice, (n,)."""
    return np.asarray(grids.reshape(len(grids), -1).max(axis=1), np.float64)


def _surroundings(grids: Grids, gap: float) -> Grids:
    from scipy.ndimage import median_filter, uniform_filter1d

    steps = [max(1, -(-_odd(AROUND / gap) // _SLICES)), *(max(1, length // _CELLS) for length in grids.shape[1:])]
    coarse = grids
    for axis, step in enumerate(steps):
        if step > 1:
            coarse = uniform_filter1d(coarse, step, axis=axis, mode="nearest")
            coarse = coarse.take(np.arange(min(step // 2, coarse.shape[axis] - 1), coarse.shape[axis], step), axis=axis)
    size = [_odd(AROUND / gap / steps[0]), *(_odd(AROUND * length) for length in coarse.shape[1:])]
    found = median_filter(coarse, size=size, mode="nearest")
    for axis, (step, length) in enumerate(zip(steps, grids.shape, strict=True)):
        if step > 1:
            nearest = np.rint((np.arange(length) - step // 2) / step).astype(int)
            found = found.take(np.clip(nearest, 0, found.shape[axis] - 1), axis=axis)
    return np.asarray(found, np.float32)


def _odd(length: float) -> int:
    """The odd whole number next to a length, 1 at least."""
    return 2 * (int(length) // 2) + 1
