"""How a scan becomes an anomaly map: by aligned statistics, by undoing, by hiding and painting, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.maps import healthy_sigma, normalised, signed_map
from ad_desktop.detectors.painting.painter import HOLES_MM, Painter
from ad_desktop.detectors.painting.refine import Refinement, refine
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]

STAGES = ("combined", "inpaint", "denoise", "z")
INPAINT, DENOISE, Z = "inpaint", "denoise", "z"


class Found(NamedTuple):
    """An anomaly map (no negative values, mean 1 inside the mask), healthy appearance, and the signed difference.

    All (z, y, x); ``signed`` in healthy standard deviations, above 0 where the scan is brighter.
    """

    score: FloatArray
    healthy: FloatArray
    signed: FloatArray


@dataclass(frozen=True)
class Stage:
    """Which maps are made and whether candidates are refined.

    ``name`` is one of ``STAGES``; ``holes_mm`` are the sizes of the grids' holes; ``refinement`` None: first pass only.
    """

    name: str = "combined"
    holes_mm: Sequence[float] = HOLES_MM
    refinement: Refinement | None = field(default_factory=Refinement)

    @property
    def parts(self) -> tuple[str, ...]:
        """The differences it rests on."""
        return (DENOISE, Z) if self.name == "combined" else (self.name,)

    @property
    def needed(self) -> tuple[str, ...]:
        """The differences whose healthy deviation has to be known; refinement hides, as ``inpaint`` does."""
        return tuple(dict.fromkeys((*self.parts, *((INPAINT,) if self.refinement else ()))))


def differences(painter: Painter, scan: Scan, names: Sequence[str], stage: Stage, task: Task) -> dict[str, FloatArray]:
    """Signed differences (z, y, x) to healthy appearance, by name; 0 outside the mask."""
    ways: dict[str, Callable[[], FloatArray]] = {
        INPAINT: lambda: painter.hidden_everywhere(scan, stage.holes_mm, task),
        DENOISE: lambda: painter.repaired(scan, task).image,
        Z: lambda: scan.mean,
    }
    return {name: np.where(scan.mask, scan.image - ways[name](), 0).astype(np.float32) for name in names}


def deviations(painter: Painter, scans: Sequence[Scan], stage: Stage, task: Task) -> dict[str, FloatArray]:
    """Healthy deviation (z, y, x) of every needed difference, from scans the network was not trained on."""
    found: dict[str, list[FloatArray]] = {name: [] for name in stage.needed}
    for number, scan in enumerate(scans):
        task.report("Measuring healthy scans", number, len(scans))
        for name, residual in differences(painter, scan, stage.needed, stage, task).items():
            found[name].append(residual)
    masks = [scan.mask for scan in scans]
    return {name: healthy_sigma(residuals, masks) for name, residuals in found.items()}


def examine(painter: Painter, scan: Scan, sigma: Mapping[str, FloatArray], stage: Stage, task: Task) -> Found:
    """The anomaly map of one aligned scan; see ``Found``. ``sigma`` is what ``deviations`` gave."""
    residuals = differences(painter, scan, stage.parts, stage, task)
    signed = [signed_map(residual, sigma[name], scan.mask) for name, residual in residuals.items()]
    maps = [normalised(np.abs(one), scan.mask) for one in signed]
    score = np.asarray(np.mean(maps, axis=0), np.float32)
    healthy, difference = scan.image - next(iter(residuals.values())), signed[0]
    if stage.refinement is not None:
        hidden, where, _ = refine(painter, scan, score, sigma[INPAINT], stage.refinement, task)
        again = signed_map(hidden, sigma[INPAINT], scan.mask)
        healthy = np.where(where, scan.image - hidden, healthy)
        difference = np.where(where, again, difference)
        # What differs both times counts twice, what was only seen once stays: the smaller of both loses lesions.
        score = np.where(where, score + np.abs(again) / _scale(signed[0], scan), score)
    return Found(normalised(score, scan.mask), healthy.astype(np.float32), difference.astype(np.float32))


def _scale(signed: FloatArray, scan: Scan) -> float:
    """What the first pass's map was divided by."""
    return max(float(np.abs(signed)[scan.mask].mean()), 1e-6)
