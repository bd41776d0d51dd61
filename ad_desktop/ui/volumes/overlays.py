"""Layers over a scan: another scan, an anomaly map, a known mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyqtgraph

from ad_desktop.data.volumes.patches import Patch, patched
from ad_desktop.data.volumes.sampling import PlaneSampler
from ad_desktop.data.volumes.volume import SUV, Volume
from ad_desktop.detectors.base import Prediction
from ad_desktop.task import Task
from ad_desktop.ui.viewer.paint import Mode, colour_table
from ad_desktop.ui.viewer.pictures import Scale
from ad_desktop.ui.volumes.fused_look import COLOURS, FusedLook
from ad_desktop.ui.volumes.scene import ColourLayer, LineLayer
from ad_desktop.ui.volumes.slices import SliceScores
from ad_desktop.ui.volumes.source import OpenScan

_FADE = 40
"""Codes over which a fused scan fades in, so that its background leaves the scan below bare."""
_MAP_COLOURS = "inferno"
_RESIDUAL_COLOURS = "CET-D1"
_RESIDUAL_PERCENT = 99.5
_RESIDUAL_FADE = 0.5
_NO_UNIT = "(no unit)"


@dataclass(frozen=True, eq=False)
class AnomalyMap:
    """A prediction's map on the voxels of an open ``scan``, with the range its colours stand for.

    ``name`` is that of the scan where it is the one on top (empty: the scan below); ``slices`` are their scores.
    """

    volume: Volume
    scale: Scale
    scan: Volume
    name: str = ""
    slices: SliceScores | None = None


def fused_layer(scan: OpenScan, sampler: PlaneSampler, look: FusedLook) -> ColourLayer:
    """Another scan on top."""
    pet = scan.volume.modality == "PT" or scan.volume.unit == SUV
    title = "PET" if pet else scan.volume.modality or "On top"
    return ColourLayer(
        title, sampler, look.low, look.high, hot_table(COLOURS[look.colours], look.opacity), scan.volume.unit
    )


def hot_table(name: str, opacity: float) -> tuple[int, ...]:
    """A colour map as 256 ``0xAARRGGBB`` that fades in at its lower end."""
    colours = pyqtgraph.colormap.get(name).getLookupTable(nPts=256, alpha=False).astype(np.uint32)
    alpha = np.clip(np.arange(256) / _FADE, 0, 1) * 255 * opacity
    red, green, blue = colours.T
    table = (np.rint(alpha).astype(np.uint32) << 24) | (red << 16) | (green << 8) | blue
    return tuple(table.tolist())


def place_map(prediction: Prediction, scan: OpenScan, name: str = "") -> AnomalyMap:
    """Compute a prediction's map and lay it on the scan's axes; slow, for a job."""
    values = scan.turn.apply(np.asarray(prediction.anomaly_map, np.float32))
    slices = SliceScores.of(prediction)
    return AnomalyMap(scan.volume.with_array(values, ""), Scale.over([values]), scan.volume, name, slices)


def place_truth(path: Path, scan: OpenScan, task: Task) -> Volume:
    """Read where lesions are known to be, as ``evaluate`` does, on the scan's axes; for a job, ``InputError``."""
    from ad_desktop.data.volumes.truth import load_truth

    mask = load_truth(path, scan.original, task)
    return scan.volume.with_array(scan.turn.apply(mask.view(np.uint8)), "")


def place_residual(prediction: Prediction, scan: OpenScan, patches: tuple[Patch, ...] = ()) -> Volume | None:
    """What a scan differs in from its healthy version, on its axes, for methods that paint one; slow, for a job.

    ``patches`` were painted by hand and take the place of what the method found.
    """
    from ad_desktop.detectors.volume_prediction import VolumePrediction

    residual = prediction.residual if isinstance(prediction, VolumePrediction) else None
    if residual is None or residual.shape != scan.original.shape:
        return None
    return scan.volume.with_array(scan.turn.apply(patched(residual, patches)))


def residual_top(residual: Volume) -> float:
    """The value of the strongest colours: hardly any voxel that differs at all differs by more."""
    size = np.abs(residual.array[residual.array != 0])
    return max(float(np.percentile(size, _RESIDUAL_PERCENT)), 1e-6) if size.size else 1.0


def residual_layer(sampler: PlaneSampler, top: float, opacity: float) -> ColourLayer:
    """What differs, in two colours that meet at 0, where nothing is painted."""
    unit = sampler.volume.unit or _NO_UNIT
    return ColourLayer("Residual", sampler, -top, top, residual_table(opacity), unit, signed=True)


def residual_table(opacity: float) -> tuple[int, ...]:
    """Blue for what is lower than healthy, red for what is higher, more opaque towards both ends; code 128 is 0."""
    colours = pyqtgraph.colormap.get(_RESIDUAL_COLOURS).getLookupTable(nPts=255, alpha=False).astype(np.uint32)
    # The first code is that of what is outside.
    red, green, blue = np.concatenate([colours[:1], colours]).T
    far = np.abs(np.arange(256) - 128) / 127
    alpha = np.rint(255 * opacity * np.clip(far, 0, 1) ** _RESIDUAL_FADE).astype(np.uint32)
    alpha[0] = 0
    return tuple(((alpha << 24) | (red << 16) | (green << 8) | blue).tolist())


def map_layers(
    found: AnomalyMap,
    sampler: PlaneSampler,
    level: float | None,
    mode: Mode,
    opacity: float,
    contour: bool,
    colour: str,
) -> list[ColourLayer | LineLayer]:
    """The map in colours, by a sampler of its volume, and the line along its threshold where ``contour``."""
    code = 128 if level is None else found.scale.code(level)
    layers: list[ColourLayer | LineLayer] = []
    if mode is not Mode.OFF:
        table = colour_table(_MAP_COLOURS, mode, opacity, code)
        table[0] = 0
        layers.append(ColourLayer("Anomaly map", sampler, found.scale.low, found.scale.high, tuple(table)))
    if contour and level is not None:
        layers.append(LineLayer("Threshold", sampler, level, colour))
    return layers


def truth_layer(sampler: PlaneSampler, colour: str) -> LineLayer:
    """The outline of a known mask."""
    return LineLayer("Known", sampler, 0.5, colour, dashed=True)


def shares_space(one: Volume, other: Volume) -> bool:
    """Whether positions of both mean the same, as far as the files say."""
    frames = one.frame_of_reference, other.frame_of_reference
    return not all(frames) or frames[0] == frames[1]
