"""Where what a mask marks lies in the patient's space, and how far it reaches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import Affine, Array


class Placement(NamedTuple):
    """Where the middle of a mask lies, its spread, and how far it reaches from there: LPS (x, y, z) in mm."""

    centre: NDArray[np.float64]
    deviation: NDArray[np.float64]
    reach: NDArray[np.float64]


def place(mask: Array, affine: Affine) -> Placement:
    """Placement of a mask (z, y, x); ``ValueError`` for an empty one."""
    index = np.argwhere(mask)[:, ::-1]
    if not len(index):
        raise ValueError("the mask is empty")
    positions = index @ affine[:3, :3].T + affine[:3, 3]
    centre = positions.mean(axis=0)
    reach = np.abs(positions - centre).max(axis=0)
    return Placement(centre, np.maximum(positions.std(axis=0), 1e-3), reach)
