"""What a fit settles from its normal scans before the first slice is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.data.volumes.stack import plane_spacing, planes
from ad_desktop.data.volumes.volume import HU, SUV, Volume
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.heights import profile_of, settle_heights
from ad_desktop.workflows.scans.settings import ScanView, Settled, SliceSettings, fixed_window
from ad_desktop.workflows.scans.slicer import Body, Opener, find_body, scaling

SURVEYED = 16
"""How many scans, spread evenly, are looked at."""
HEADROOM = 0.5
"""How far, in parts of its width, the window reaches beyond normal values: what is brighter has to stay so."""
FIELD_MARGIN = 1.1
PERCENTILES = (0.5, 99.5)
SCALED_RANGE = (-0.1, 1.5)
"""Black and white in parts of a scan's own 1st to 99th percentile: room for what is brighter than anything normal."""


def settle(
    samples: Sequence[VolumeSample], settings: SliceSettings, opener: Opener, task: Task, whole: bool = False
) -> ScanView:
    """Black and white, field and pitch from up to 16 normal scans; ``UserError`` where none can be used.

    A method that takes scans ``whole`` knows heights by itself.
    """
    step = max(1, -(-len(samples) // SURVEYED))
    ranges, fields, pitches, units, modalities = [], [], [], [], []
    profiles, seen, spacings = [], [], []
    settings = replace(settings, bands="none") if whole else settings
    band = settings.band_mm
    failures: list[Failure] = []
    for done, sample in enumerate(chosen := samples[::step]):
        task.report("Looking at the normal scans", done, len(chosen))
        try:
            volume = opener(sample, task)
            body = find_body(volume, settings, sample.path)
            ranges.append(_range(volume, body, settings, str(sample.path)))
        except InputError as error:
            failures.append(Failure(error.path, error.reason))
            continue
        if band != 0:
            spacings.append(spacing := plane_spacing(volume, settings.axis)[0])
            offset, width = scaling(volume, body, settings.axis)
            profiles.append(profile_of(volume, body.mask, settings.axis, (offset, offset + width)))
            seen.append((body.indices[0] * spacing, body.indices[-1] * spacing))
        fields.append(max(body.extent_mm))
        pitches.append(min(plane_spacing(volume, settings.axis)[1:]))
        units.append(volume.unit)
        modalities.append(volume.modality)
    if not units:
        reason = f" {failures[0].path}: {failures[0].reason}" if failures else ""
        raise UserError(f"None of the normal scans can be used.{reason}")
    if len(set(units)) > 1:
        raise UserError(
            f"The normal scans are in different units ({', '.join(sorted({u or 'none' for u in units}))}): fit each by "
            "itself, or name the unit of the files that have none."
        )
    scaled = ranges[0] is None
    low, high = SCALED_RANGE if scaled else _joined([r for r in ranges if r is not None], settings)
    modality = modalities[0] if len(set(modalities)) == 1 else ""
    settled = Settled(low, high, scaled, units[0], modality, FIELD_MARGIN * max(fields), float(np.median(pitches)))
    heights = None
    if profiles:
        spacing = settings.step * float(np.median(spacings))
        heights = settle_heights(profiles, seen, spacing, len(samples), band)
    view = ScanView(settings, settled, heights, whole)
    for words in view.describe():
        task.note(words)
    return view


def settle_alone(sample: VolumeSample, volume: Volume, settings: SliceSettings) -> ScanView:
    """What one scan says of itself, where there were no normal ones; ``InputError`` where nothing of it is left."""
    body = find_body(volume, settings, sample.path)
    found = _range(volume, body, settings, str(sample.path))
    low, high = SCALED_RANGE if found is None else _joined([found], settings)
    pitch = min(plane_spacing(volume, settings.axis)[1:])
    return ScanView(
        settings,
        Settled(
            low, high, found is None, volume.unit, volume.modality, FIELD_MARGIN * max(body.extent_mm), float(pitch)
        ),
    )


def _range(volume: Volume, body: Body, settings: SliceSettings, path: str) -> tuple[float, float] | None:
    """Black and white of one scan; None where each scan is to be scaled by itself."""
    fixed = fixed_window(settings.window, volume.unit, path)
    if fixed is not None:
        return fixed
    if settings.window == "percentile" or volume.unit not in (HU, SUV):
        return None
    stack = planes(volume.array, volume.affine, settings.axis)[::2, ::2, ::2]
    values = stack if body.mask is None else stack[body.mask[::2, ::2, ::2]]
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _joined(ranges: Sequence[tuple[float, float]], settings: SliceSettings) -> tuple[float, float]:
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    room = HEADROOM * (high - low) if settings.window == "auto" else 0.0
    return low - room, high + room if high > low else low + 1
