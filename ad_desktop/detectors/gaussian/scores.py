"""The image scores of Gaussian-AD: the paper's distances, and their sum with the local evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.gaussian.pooled import PooledGaussian, Reduction
from ad_desktop.detectors.gaussian.standardise import ScoreStandard, held_out_standard
from ad_desktop.errors import UserError

LOCAL_GLOBAL = "local+global"
RULES = (LOCAL_GLOBAL, "local", "global", "sum", "standardised-sum")
TOP_SHARE = 0.015
"""Share of the map's cells whose mean is the local evidence."""
GLOBAL_WEIGHT = 0.25
"""Weight of the global distance beside the local evidence, which is the stronger of the two."""
FEW = 30
"""Below this many normal samples the global covariance is mostly shrinkage, and is left out of the default score."""

FEWEST_REDUCED = 3
"""Components of a held-out score come from the other samples, and one alone has none."""

Vector = NDArray[np.float64]


def top_mean(grids: NDArray[np.float32], examined: Sequence[NDArray[np.bool_] | None] | None = None) -> Vector:
    """Mean of the highest 1.5 % of the examined cells (at least one) of each grid (n, S, S); returns (n,).

    ``examined`` has a mask (S, S) for each grid, None where every cell counts.
    """
    masks = examined or [None] * len(grids)
    chosen = [grid.ravel() if mask is None else grid[mask] for grid, mask in zip(grids, masks, strict=True)]
    return np.array([_top_mean(values) for values in chosen])


def _top_mean(values: NDArray[np.float32]) -> float:
    count = max(1, round(TOP_SHARE * len(values)))
    return float(np.partition(values, -count)[-count:].mean(dtype=np.float64))


@dataclass
class ImageScore:
    """Turns map and pooled vector into one number, by one of ``RULES``.

    ``slices`` cut the pooled vector into one named piece per level; ``copies`` rows belong to each sample
    (itself first, then its augmented copies). The rules sum over levels, or see all levels at once. Where scores
    stay ``plain`` nothing is standardised, so that local evidence and global distance cannot be added.
    """

    rule: str
    slices: dict[str, slice]
    reduction: Reduction
    copies: int = 1
    plain: bool = False
    models: list[PooledGaussian] = field(default_factory=list)
    standards: dict[str, ScoreStandard] = field(default_factory=dict)
    n: int = 0

    @property
    def weight(self) -> float:
        """Weight of the global part beside the local one."""
        return GLOBAL_WEIGHT if self.n >= FEW and not self.plain else 0.0

    def fit(self, vectors: NDArray[Any], n: int) -> None:
        """Fit the Gaussians on pooled vectors (n·copies, d) of ``n`` samples; ``UserError`` if those are too few."""
        pieces = self._pieces()
        if n < FEWEST_REDUCED and pieces and self.reduction.kind != "none":
            raise UserError(
                "Principal components need at least three normal pictures. Add some, or set reduction=none."
            )
        self.n = n
        self.models = [PooledGaussian(self.reduction).fit(vectors[:, piece], n) for piece in pieces]

    def calibrate(self, vectors: NDArray[Any], top: Vector, groups: Sequence[int], folds: Sequence[int]) -> Vector:
        """Held-out scores (n,) of the fit's own samples, and the standards new samples are scored by.

        ``top`` (n,) is the held-out local evidence. ``folds`` replaces ``groups`` for reduced
        Gaussians, whose components must be found anew without each fold.
        """
        if self.rule == "local":
            distances = np.zeros((len(top), 0))
        elif self.reduction.kind == "none":
            distances = np.stack(
                [
                    m.held_out(vectors[:, p], groups, self.copies)
                    for m, p in zip(self.models, self._pieces(), strict=True)
                ],
                1,
            )
        else:
            distances = self._refitted(vectors, folds)
        columns = {f"global.{i}": distances[:, i] for i in range(distances.shape[1])}
        columns["local"] = top
        if self.plain:
            self.standards = dict.fromkeys([*columns, "total"], ScoreStandard(0.0, 1.0))
            return self._combine(distances, distances, top)[0]
        self.standards = {name: ScoreStandard.fit(values) for name, values in columns.items()}
        plain = np.stack([held_out_standard(c, groups) for c in columns.values()], 1)
        held_out, _ = self._combine(distances, plain[:, :-1], plain[:, -1])
        if self.rule == LOCAL_GLOBAL:
            self.standards["total"] = ScoreStandard.fit(held_out)
            return held_out_standard(held_out, groups)
        return held_out

    def _refitted(self, vectors: NDArray[Any], folds: Sequence[int]) -> Vector:
        numbers = np.asarray(folds)
        first = vectors[:: self.copies]
        result = np.empty((len(numbers), len(self.models)))
        for fold in np.unique(numbers):
            out = numbers == fold
            kept = np.repeat(~out, self.copies)
            for column, piece in enumerate(self._pieces()):
                model = PooledGaussian(self.reduction).fit(vectors[kept][:, piece], int((~out).sum()))
                result[out, column] = model.distances(first[out][:, piece])
        return result

    def score(self, vectors: NDArray[Any], top: Vector) -> tuple[Vector, list[dict[str, float]]]:
        """Scores (n,) of pooled vectors (n, d) with local evidence (n,), and the named parts of each."""
        if self.rule == "local":
            distances = np.zeros((len(top), 0))
        else:
            distances = np.stack(
                [m.distances(vectors[:, p]) for m, p in zip(self.models, self._pieces(), strict=True)], 1
            )
        z = distances.copy()
        for i in range(distances.shape[1]):
            z[:, i] = self.standards[f"global.{i}"].apply(distances[:, i])
        scores, parts = self._combine(distances, z, self.standards["local"].apply(top))
        if self.rule == LOCAL_GLOBAL:
            scores = self.standards["total"].apply(scores)
        return scores, parts

    def _combine(self, distances: Vector, z: Vector, local: Vector) -> tuple[Vector, list[dict[str, float]]]:
        """Scores (n,) and their parts from distances and standardised distances (n, models) and local evidence (n,)."""
        if self.rule == "local":
            total, names, columns = local, ["local"], [local]
        elif self.rule == LOCAL_GLOBAL:
            names, columns = ["local", "global"], [local, self.weight * z[:, 0]]
            total = columns[0] + columns[1]
        elif self.rule == "global":
            total, names, columns = distances[:, 0], ["global"], [distances[:, 0]]
        else:
            chosen = z if self.rule == "standardised-sum" else distances
            total, names = chosen.sum(axis=1), list(self.slices)
            columns = list(chosen.T)
        rows = [dict(zip(names, map(float, row), strict=True)) for row in zip(*columns, strict=True)]
        return np.asarray(total, np.float64), rows

    def _pieces(self) -> list[slice]:
        if self.rule == "local":
            return []
        if self.rule in (LOCAL_GLOBAL, "global"):
            return [slice(None)]
        return list(self.slices.values())
