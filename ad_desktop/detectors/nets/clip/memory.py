"""Distances of patches to those of normal pictures. Numpy only.

Source: WinCLIP+ (Jeong et al., CVPR 2023, arXiv 2303.14814) and AnomalyDINO (arXiv 2405.14529).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ad_desktop.detectors.base import Array, FloatArray
from ad_desktop.detectors.blas import single_threaded
from ad_desktop.detectors.nets.clip.scores import unit
from ad_desktop.detectors.rows import RowStore
from ad_desktop.task import Task


def kept(patches: Array) -> Array:
    """Unit patch features (t, d) as they are kept, in half precision."""
    return unit(patches).astype(np.float16)


@single_threaded
def distances(patches: Array, rows: RowStore) -> FloatArray:
    """Half of one minus the cosine to the nearest normal patch, (t,) in [0, 1]."""
    mine = patches.astype(np.float32)
    best = np.full(len(mine), -1, np.float32)
    for _, block in rows.blocks(1):
        np.maximum(best, (mine @ _matrix(block[0], mine.shape[1]).T).max(axis=1), out=best)
    return np.asarray(np.clip((1 - best) / 2, 0, 1), np.float32)


@single_threaded
def held_out(rows: RowStore, dimensions: int, groups: Sequence[int], task: Task) -> FloatArray:
    """For each normal sample the distances (n, t) to the patches of all other groups."""
    count = len(rows)
    best = np.full((count, rows.row_shape[0] // dimensions), -1, np.float32)
    for i in range(count):
        task.report("Comparing normal pictures", i, count)
        mine = _matrix(rows.read(i, i + 1)[0], dimensions)
        for j in range(i):
            if groups[i] != groups[j]:
                cosines = mine @ _matrix(rows.read(j, j + 1)[0], dimensions).T
                np.maximum(best[i], cosines.max(axis=1), out=best[i])
                np.maximum(best[j], cosines.max(axis=0), out=best[j])
    return np.asarray(np.clip((1 - best) / 2, 0, 1), np.float32)


def _matrix(row: Array, dimensions: int) -> FloatArray:
    return np.asarray(row.reshape(-1, dimensions), np.float32)
