"""What a fit settles from its normal scans before the first slice is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.data.volumes.stack import plane_spacing, planes
from ad_desktop.data.volumes.volume import HU, SUV, Volume
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.heights import Profile, heights_between, profile_of, settle_heights
from ad_desktop.workflows.scans.reference import Normal, Reference, make_reference
from ad_desktop.workflows.scans.settings import ScanView, Settled, SliceSettings, fixed_window
from ad_desktop.workflows.scans.slicer import Body, Opener, body_of, find_body, scaling

SURVEYED = 16
"""How many scans, spread evenly, are looked at."""
HEADROOM = 0.5
"""How far, in parts of its width, the window reaches beyond normal values: what is brighter has to stay so."""
FIELD_MARGIN = 1.1
PERCENTILES = (0.5, 99.5)
SCALED_RANGE = (-0.1, 1.5)
"""Black and white in parts of a scan's own 1st to 99th percentile: room for what is brighter than anything normal."""


class _Looked(NamedTuple):
    """What one normal scan shows: its range of values, mm between slices and in them, size, and what lies where."""

    sample: VolumeSample
    range: tuple[float, float] | None
    spacing: float
    pitch: float
    extent: float
    ml: float
    unit: str
    modality: str
    profile: Profile | None
    seen: tuple[float, float]


def settle(
    samples: Sequence[VolumeSample], settings: SliceSettings, opener: Opener, task: Task, whole: bool = False
) -> ScanView:
    """Black and white, field and pitch from up to 16 normal scans; ``UserError`` where none can be used.

    A method that takes scans ``whole`` knows heights by itself.
    """
    settings = replace(settings, bands="none", align="none") if whole else settings
    if settings.align == "affine" and settings.mask == "none":
        raise UserError("Scans are aligned by what is looked at: choose another mask than none, or align=none.")
    band = settings.band_mm
    looked = _look(samples[:: max(1, -(-len(samples) // SURVEYED))], settings, opener, task)
    ranges = [one.range for one in looked]
    scaled = ranges[0] is None
    low, high = SCALED_RANGE if scaled else _joined([r for r in ranges if r is not None], settings)
    modality = looked[0].modality if len({one.modality for one in looked}) == 1 else ""
    field, pitch = FIELD_MARGIN * max(one.extent for one in looked), float(np.median([one.pitch for one in looked]))
    settled = Settled(low, high, scaled, looked[0].unit, modality, field, pitch)
    spacing = float(np.median([one.spacing for one in looked]))
    reference, heights = None, None
    if _aligned(settings, settled):
        ordered = [one.sample for one in sorted(looked, key=lambda one: one.ml)]
        reference, ends = _reference(ordered, settings, settled, spacing, opener, task)
        body = body_of(reference.inside, Volume(reference.mean, reference.affine), replace(settings, slices="all"))
        settled = replace(settled, field_mm=FIELD_MARGIN * max(body.extent_mm))
        if band != 0:
            between = ends[0] * spacing, ends[1] * spacing
            heights = heights_between(between, settings.step * spacing, len(samples), band)
    elif band != 0:
        profiles = [one.profile for one in looked if one.profile is not None]
        heights = settle_heights(profiles, [one.seen for one in looked], settings.step * spacing, len(samples), band)
    view = ScanView(settings, settled, heights, whole, reference)
    for words in view.describe():
        task.note(words)
    return view


def _look(samples: Sequence[VolumeSample], settings: SliceSettings, opener: Opener, task: Task) -> list[_Looked]:
    """What each scan shows, those left out that cannot be used; ``UserError`` for none, or for several units."""
    looked: list[_Looked] = []
    failures: list[Failure] = []
    for done, sample in enumerate(samples):
        task.report("Looking at the normal scans", done, len(samples))
        try:
            volume = opener(sample, task)
            body = find_body(volume, settings, sample.path)
            values = _range(volume, body, settings, str(sample.path))
        except InputError as error:
            failures.append(Failure(error.path, error.reason))
            continue
        spacing, *pitches = plane_spacing(volume, settings.axis)
        profile = None
        if settings.band_mm != 0:
            offset, width = scaling(volume, body, settings.axis)
            profile = profile_of(volume, body.mask, settings.axis, (offset, offset + width))
        seen = (body.indices[0] * spacing, body.indices[-1] * spacing)
        looked.append(_Looked(
            sample, values, spacing, min(pitches), max(body.extent_mm), _ml(volume, body), volume.unit,
            volume.modality, profile, seen,
        ))  # fmt: skip
    if not looked:
        reason = f" {failures[0].path}: {failures[0].reason}" if failures else ""
        raise UserError(f"None of the normal scans can be used.{reason}")
    units = {one.unit or "none" for one in looked}
    if len(units) > 1:
        raise UserError(
            f"The normal scans are in different units ({', '.join(sorted(units))}): fit each by itself, or name the "
            "unit of the files that have none."
        )
    return looked


def _ml(volume: Volume, body: Body) -> float:
    return 0.0 if body.mask is None else float(np.count_nonzero(body.mask)) * volume.voxel_ml


def _aligned(settings: SliceSettings, settled: Settled) -> bool:
    """Whether scans are laid over each other before they are cut."""
    if settings.align != "auto":
        return settings.align == "affine"
    return settings.mask == "brain" and settled.modality in ("", "MR")


def _reference(
    ordered: Sequence[VolumeSample], settings: SliceSettings, settled: Settled, spacing: float, opener: Opener,
    task: Task,
) -> tuple[Reference, tuple[int, int]]:  # fmt: skip
    """What scans are laid over: the mean of normal ones, ``ordered`` by size, laid over that of median size."""

    def read(sample: VolumeSample) -> Normal:
        volume = opener(sample, task)
        body = find_body(volume, settings, sample.path)
        assert body.examined is not None  # noqa: S101 - a mask was chosen
        chosen = np.zeros(volume.shape, bool)
        planes(chosen, volume.affine, settings.axis)[list(body.indices)] = True
        return Normal(sample, volume, body.examined, chosen)

    def every() -> Iterator[Normal]:
        for done, sample in enumerate(ordered):
            task.report("Laying the normal scans over each other", done, len(ordered))
            yield read(sample)

    along = {"axial": 0, "coronal": 1, "sagittal": 2}[settings.axis]
    steps = [settled.pitch_mm] * 3
    steps[along] = spacing
    even = settings.even and settled.scaled
    return make_reference(every(), read(ordered[len(ordered) // 2]), steps, along, even)


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
