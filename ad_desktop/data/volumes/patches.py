"""Regions of a scan that were painted by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Patch:
    """What a scan differs in from what was painted: ``where`` are flat indices on its own voxels."""

    where: NDArray[np.intp]
    residual: NDArray[np.float32]


def patched(residual: NDArray[np.float32], patches: Iterable[Patch]) -> NDArray[np.float32]:
    """A residual (z, y, x) on the scan's own voxels with what was painted by hand in its place, the latest on top."""
    found = residual.copy()
    for patch in patches:
        found.ravel()[patch.where] = patch.residual
    return found
