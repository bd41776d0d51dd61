"""The anomaly map of Gaussian-AD: a local Gaussian per level on its own grid, and one that sees all coarsely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, zip_longest
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.loader import prefetch
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.detectors.gaussian.cells import CellGaussian
from ad_desktop.detectors.gaussian.folds import equal_groups
from ad_desktop.detectors.gaussian.layout import Layout
from ad_desktop.detectors.gaussian.leaving import Leaving
from ad_desktop.detectors.gaussian.standardise import CellStandard
from ad_desktop.detectors.nets.devices import worker_count
from ad_desktop.detectors.rows import RowStore
from ad_desktop.detectors.upsample import upsample
from ad_desktop.task import Task

BLOCK = 16
WHOLE = 32
"""Samples of a group that are held in memory at once."""
MAX_WORKERS = 4
"""Threads for held-out distances; numpy's products and sums run side by side."""
COARSE_SHARE = np.float32(0.4)
"""Weight of the coarse grid in the map; the levels' own grids share the rest."""
COARSE_LEAD = np.float32(2.0)
"""Standard deviations by which coarse evidence counts beyond the fine evidence at the same place."""
Distances = list[NDArray[np.float32]]
Members = NDArray[np.intp]


class _Shared:
    """What groups of one size share when they are held out, by Gaussian; made once, by the thread that is first."""

    def __init__(self, gaussians: Sequence[CellGaussian], size: int) -> None:
        self._gaussians = gaussians
        self._size = size
        self._lock = Lock()
        self._made: list[Leaving] = []

    def get(self) -> list[Leaving]:
        with self._lock:
            if not self._made:
                self._made = [gaussian.leaving(self._size) for gaussian in self._gaussians]
            return self._made


def _make(shared: _Shared) -> int:
    shared.get()
    return 0


class LocalPyramid:
    """Local Gaussians over the fine grid of every level and over one coarse grid that sees all levels together.

    Fine grids localise; the coarse one sees differences that single cells hide, such as uneven
    brightness. Each part's distances are standardised by held-out normal ones; their weighted mean is the map.
    """

    def __init__(self, layout: Layout, roi: RegionOfInterest | None = None) -> None:
        self.layout = layout
        self.standards: list[CellStandard] = []
        sides = [*(shape.side for shape in layout.levels), layout.coarse]
        # Cells that are examined in no picture hold nothing but the fill, and would count as perfectly normal.
        masks = [roi.everywhere().cells(Path(), (1024, 1024), side) if roi else None for side in sides]
        self._cells = [np.arange(s * s) if m is None else np.flatnonzero(m) for s, m in zip(sides, masks, strict=True)]
        self._sides = sides
        self.forget()

    @property
    def side(self) -> int:
        """Side of the map's grid."""
        return max(shape.side for shape in self.layout.levels)

    def parts(self, rows: NDArray[np.float16]) -> list[NDArray[np.float32]]:
        """Cells (n, P, d) of every Gaussian from rows of local features (n, row)."""
        fine = self.layout.fine(rows)
        whole = [*fine, self.layout.all_coarse(fine)]
        return [p if len(c) == p.shape[1] else p[:, c] for p, c in zip(whole, self._cells, strict=True)]

    def forget(self) -> None:
        """Start again without samples; the standards stay."""
        channels = [*(shape.channels for shape in self.layout.levels), self.layout.pooled]
        self.gaussians = [CellGaussian(len(c), d) for c, d in zip(self._cells, channels, strict=True)]

    def add(self, row: NDArray[np.float16]) -> None:
        """Let one sample's row join."""
        for gaussian, cells in zip(self.gaussians, self.parts(row[None]), strict=True):
            gaussian.add(cells[0])

    def remove(self, row: NDArray[np.float16]) -> None:
        """Let one sample's row leave."""
        for gaussian, cells in zip(self.gaussians, self.parts(row[None]), strict=True):
            gaussian.remove(cells[0])

    def factorise(self) -> None:
        """Make every Gaussian ready to measure distances."""
        for gaussian in self.gaussians:
            gaussian.factorise()

    def distances(self, rows: NDArray[np.float16]) -> Distances:
        """Mahalanobis distances (n, P) of every Gaussian for rows (n, row)."""
        return [g.distances(cells) for g, cells in zip(self.gaussians, self.parts(rows), strict=True)]

    def held_out(self, store: RowStore, groups: Sequence[int], task: Task) -> Distances:
        """Distances (n, P) of every Gaussian for its own samples, each with its whole group left out."""
        found = [np.empty((len(store), len(g.means)), np.float32) for g in self.gaussians]
        done = 0
        for size in self._hold_out(store, groups, found, task):
            done += size
            task.report("Scoring normal pictures that the model has not seen", done, len(store))
        return found

    def _hold_out(self, store: RowStore, groups: Sequence[int], found: Distances, task: Task) -> Iterator[int]:
        """Put the held-out distances in their places; yields of how many samples at a time."""
        workers = min(MAX_WORKERS, worker_count())
        blocks = list(equal_groups(groups, BLOCK))
        small = [members for members in blocks if members.shape[1] <= WHOLE]
        works = self._works(store, small, found)
        for _, done in prefetch(works, lambda work: work(), workers=workers, ahead=2 * workers, task=task):
            if isinstance(done, int) and done:
                yield done
        for [members] in blocks[len(small) :]:
            self._hold_out_large(store, members, found)
            yield len(members)

    def _works(self, store: RowStore, blocks: Iterable[Members], found: Distances) -> Iterator[Callable[[], int]]:
        """What is to be done for ``blocks`` (m, g), size by size; each says for how many samples.

        What a size shares is made while those of the size before are still held out, so that no thread waits for it.
        """
        sizes = [list(same) for _, same in groupby(blocks, key=lambda members: members.shape[1])]
        own: _Shared | None = None
        for same, following in zip_longest(sizes, sizes[1:]):
            if own is None:
                own = _Shared(self.gaussians, same[0].shape[1])
                yield partial(_make, own)
            # No more than two at a time: each holds a few megabytes.
            after = None if following is None else _Shared(self.gaussians, following[0].shape[1])
            if after is not None:
                yield partial(_make, after)
            for members in same:
                yield partial(self._hold_out_block, members, store.take(members.ravel().tolist()), own, found)
            own = after

    def _hold_out_block(self, members: Members, rows: NDArray[np.float16], shared: _Shared, found: Distances) -> int:
        """The held-out distances of members (m, g) of m groups, whose rows are (m·g, row)."""
        # One Gaussian after the other, so that what its groups share stays in the processor's cache.
        for array, gaussian, leaving, cells in zip(found, self.gaussians, shared.get(), self.parts(rows), strict=True):
            array[members] = gaussian.held_out(cells.reshape(*members.shape, *cells.shape[1:]), leaving)
        return members.size

    def _hold_out_large(self, store: RowStore, members: Members, found: Distances) -> None:
        """The same for a group that is read twice, block by block: memory must not grow with the group."""
        blocks = [members[start : start + BLOCK] for start in range(0, len(members), BLOCK)]
        groups = [gaussian.sums(np.empty((0, *gaussian.means.shape))) for gaussian in self.gaussians]
        for block in blocks:
            joined = zip(groups, self.gaussians, self._taken(store, block), strict=True)
            groups = [group.plus(gaussian.sums(cells)) for group, gaussian, cells in joined]
        others = [gaussian.without(group) for gaussian, group in zip(self.gaussians, groups, strict=True)]
        for block in blocks:
            for array, other, cells in zip(found, others, self._taken(store, block), strict=True):
                array[block] = other.distances(cells)

    def _taken(self, store: RowStore, members: Members) -> Distances:
        return self.parts(store.take(members.tolist()))

    def standardise(self, held_out: Distances, groups: Sequence[int]) -> NDArray[np.float32]:
        """Learn every cell's usual distance from held-out ones (n, P); returns the held-out z-grids (n, S, S)."""
        self.standards = [CellStandard.fit(distances) for distances in held_out]
        return self._merged_z([CellStandard.held_out(distances, groups) for distances in held_out])

    def z_grid(self, distances: Distances) -> NDArray[np.float32]:
        """Map (n, S, S) of standardised distances: 0 is usual, 1 is a standard deviation above."""
        return self._merged_z([s.apply(d) for s, d in zip(self.standards, distances, strict=True)])

    def raw_grid(self, distances: Distances) -> NDArray[np.float32]:
        """Map (n, S, S) of plain distances, each part in units of its own overall spread."""
        fine, coarse = self._grids([d / s.spread for s, d in zip(self.standards, distances, strict=True)])
        return np.asarray((1 - COARSE_SHARE) * fine + COARSE_SHARE * coarse, np.float32)

    def _merged_z(self, parts: Distances) -> NDArray[np.float32]:
        fine, coarse = self._grids(parts)
        # A coarse cell spans much of a defect's surroundings: it may add to a place, but not paint one
        # where the fine grids see next to nothing.
        bounded = np.minimum(coarse, np.maximum(fine, 0) + COARSE_LEAD)
        return np.asarray((1 - COARSE_SHARE) * fine + COARSE_SHARE * bounded, np.float32)

    def _grids(self, parts: Distances) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean of the levels' grids and the coarse grid, (n, S, S) each on the finest one, from parts (n, P)."""
        side = self.side
        grids = []
        for part, cells, own in zip(parts, self._cells, self._sides, strict=True):
            placed = np.zeros((len(part), own * own), np.float32)
            placed[:, cells] = part
            grid = placed.reshape(-1, own, own)
            grids.append(grid if own == side else upsample(grid, (side, side)))
        return np.asarray(np.mean(grids[:-1], axis=0), np.float32), grids[-1]

    def state(self) -> dict[str, NDArray[Any]]:
        """Named arrays: every Gaussian's statistics, and the held-out usual distances."""
        tensors: dict[str, NDArray[Any]] = {}
        for index, gaussian in enumerate(self.gaussians):
            tensors[f"local.{index}.means"] = gaussian.means.copy()
            tensors[f"local.{index}.scatter"] = gaussian.scatter.copy()
        for index, standard in enumerate(self.standards):
            tensors[f"local.{index}.usual"] = np.stack([standard.mean, standard.deviation])
            tensors[f"local.{index}.spread"] = np.array([standard.spread], np.float32)
        return tensors

    def restore(self, tensors: dict[str, NDArray[Any]], n: int) -> None:
        """Take back what ``state`` gave, for ``n`` samples; ``KeyError`` or ``ValueError`` if it does not fit."""
        self.standards = []
        for index, gaussian in enumerate(self.gaussians):
            means, scatter = tensors[f"local.{index}.means"], tensors[f"local.{index}.scatter"]
            if means.shape != gaussian.means.shape or scatter.shape != gaussian.scatter.shape:
                raise ValueError(f"local.{index} has the shape {means.shape}, not {gaussian.means.shape}")
            gaussian.n, gaussian.means, gaussian.scatter = n, means.copy(), scatter.copy()
            mean, deviation = tensors[f"local.{index}.usual"]
            self.standards.append(CellStandard(mean, deviation, float(tensors[f"local.{index}.spread"][0])))
        self.factorise()
