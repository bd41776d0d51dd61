"""How a scan becomes an anomaly map: by aligned statistics, by undoing, by hiding and painting, or all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.discs import disc_residual
from ad_desktop.detectors.painting.maps import healthy_level, healthy_sigma, normalised, signed_map
from ad_desktop.detectors.painting.names import COMBINED, DENOISE, DISCS, DOUBT, GAUSSIAN, INPAINT, Z
from ad_desktop.detectors.painting.painter import HOLES_MM, Painter
from ad_desktop.detectors.painting.refine import Refinement, refine
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]

DEVIATION = float(np.sqrt(2))
"""Standard deviation of a Laplace distribution of mean absolute value 1, as the network takes its errors to be."""


class Found(NamedTuple):
    """An anomaly map (no negative values), and the scan less its healthy appearance, scaled and in deviations.

    All (z, y, x). ``difference`` is 0 where the scan is kept as it is; ``signed`` is in healthy standard deviations.
    Both are above 0 where the scan is brighter.
    """

    score: FloatArray
    difference: FloatArray
    signed: FloatArray


@dataclass(frozen=True)
class Stage:
    """Which maps are made and whether candidates are refined.

    ``name`` is one of ``STAGES``; ``holes_mm`` are the sizes of the grids' holes; ``refinement`` None: first pass only.
    ``divided``: each map is divided by its own mean, since scans differ more as a whole than by lesions. ``smoothing``
    is one of ``SMOOTHINGS``.
    """

    name: str = COMBINED
    holes_mm: Sequence[float] = HOLES_MM
    refinement: Refinement | None = field(default_factory=Refinement)
    divided: bool = True
    smoothing: str = GAUSSIAN

    @property
    def parts(self) -> tuple[str, ...]:
        """The maps it rests on."""
        return (DENOISE, DOUBT) if self.name == COMBINED else (self.name,)

    @property
    def shown(self) -> str:
        """The difference that is shown where nothing was refined."""
        return self.name if self.name in (INPAINT, DENOISE, DISCS, Z) else DENOISE

    @property
    def networked(self) -> bool:
        """Whether it takes a network at all."""
        return self.name != Z or self.refinement is not None

    @property
    def needed(self) -> tuple[str, ...]:
        """What has to be known of healthy scans; refinement goes by what the network expects of itself."""
        return tuple(dict.fromkeys((*self.parts, self.shown)))

    def passes(self, painter: Painter) -> int | None:
        """How often a scan is painted at most; None where that depends on the scan."""
        if DISCS in self.needed:
            return None
        count = int(DENOISE in self.needed or DOUBT in self.needed)
        if INPAINT in self.needed:
            count += len(painter.grids(self.holes_mm))
        return count + (self.refinement.rounds if self.refinement is not None else 0)


def differences(
    painter: Painter | None, scan: Scan, names: Sequence[str], stage: Stage, task: Task
) -> dict[str, FloatArray]:
    """Signed differences (z, y, x) to healthy appearance, by name; 0 outside the mask.

    Doubt is no difference, but a probability, from 0 up.
    """
    found: dict[str, FloatArray] = {}
    if painter and (DENOISE in names or DOUBT in names):
        repaired = painter.repaired(scan, task)
        found = {DENOISE: scan.image - repaired.image, DOUBT: np.asarray(1 / (1 + np.exp(-repaired.doubt)), np.float32)}
    if painter and INPAINT in names:
        found[INPAINT] = scan.image - painter.hidden_everywhere(scan, stage.holes_mm, task)
    if painter and DISCS in names:
        found[DISCS] = disc_residual(painter, scan, task=task)
    if Z in names:
        found[Z] = scan.image - scan.mean
    return {name: np.where(scan.mask, found[name], 0).astype(np.float32) for name in names}


def deviations(painter: Painter, scans: Sequence[Scan], stage: Stage, task: Task) -> dict[str, FloatArray]:
    """Healthy deviation (z, y, x) of every needed map, from scans the network was not trained on."""
    found: dict[str, list[FloatArray]] = {name: [] for name in stage.needed}
    for number, scan in enumerate(scans):
        task.report("Measuring healthy scans", number, len(scans))
        for name, residual in differences(painter, scan, stage.needed, stage, task).items():
            found[name].append(residual)
    masks = [scan.mask for scan in scans]
    return {name: (healthy_sigma if name == Z else healthy_level)(found[name], masks) for name in found}


def examine(painter: Painter | None, scan: Scan, sigma: Mapping[str, FloatArray], stage: Stage, task: Task) -> Found:
    """The anomaly map of one aligned scan; see ``Found``.

    ``sigma`` is what ``deviations`` gave; ``painter`` may be None for a stage that takes no network.
    """
    residuals = differences(painter, scan, stage.needed, stage, task)
    signed = {n: signed_map(part, sigma[n], scan.mask, stage.smoothing) for n, part in residuals.items()}
    score = first_score([np.abs(signed[name]) for name in stage.parts], scan.mask, stage)
    difference, deviation = residuals[stage.shown], signed[stage.shown]
    if painter is not None and stage.refinement is not None:
        again = refine(painter, scan, score, stage.refinement, task)
        # Only what was hidden is painted over: the anatomy around it stays.
        difference = again.difference
        expected = signed_map(difference, again.expected * np.float32(DEVIATION), scan.mask, stage.smoothing)
        deviation = np.where(again.hidden, expected, deviation)
        score = again.lowered(score, stage.refinement)
    return Found(score, difference.astype(np.float32), deviation.astype(np.float32))


def first_score(maps: Sequence[FloatArray], mask: NDArray[np.bool_], stage: Stage) -> FloatArray:
    """One anomaly map from several, each in healthy deviations and without negative values."""
    return np.asarray(np.mean([_divided(one, mask, stage) for one in maps], axis=0), np.float32)


def _divided(score: FloatArray, mask: NDArray[np.bool_], stage: Stage) -> FloatArray:
    return normalised(score, mask) if stage.divided else score
