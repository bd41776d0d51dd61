"""What a fit settles from its normal scans before the first slice is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.data.volumes.stack import plane_spacing, planes
from ad_desktop.data.volumes.volume import HU, SUV, Volume
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.heights import heights_between, profile_of, settle_heights
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


def settle(
    samples: Sequence[VolumeSample], settings: SliceSettings, opener: Opener, task: Task, whole: bool = False
) -> ScanView:
    """Black and white, field and pitch from up to 16 normal scans; ``UserError`` where none can be used.

    A method that takes scans ``whole`` knows heights by itself.
    """
    step = max(1, -(-len(samples) // SURVEYED))
    ranges, fields, pitches, units, modalities = [], [], [], [], []
    profiles, seen, spacings, sizes = [], [], [], []
    settings = replace(settings, bands="none", align="none") if whole else settings
    if settings.align == "affine" and settings.mask == "none":
        raise UserError("Scans are aligned by what is looked at: choose another mask than none, or align=none.")
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
        spacings.append(spacing := plane_spacing(volume, settings.axis)[0])
        sizes.append((_ml(volume, body), sample))
        if band != 0:
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
    spacing = float(np.median(spacings))
    reference, heights = None, None
    if _aligned(settings, settled):
        ordered = [sample for _, sample in sorted(sizes, key=lambda pair: pair[0])]
        reference, ends = _reference(ordered, settings, settled, spacing, opener, task)
        body = body_of(reference.inside, Volume(reference.mean, reference.affine), replace(settings, slices="all"))
        settled = replace(settled, field_mm=FIELD_MARGIN * max(body.extent_mm))
        if band != 0:
            between = ends[0] * spacing, ends[1] * spacing
            heights = heights_between(between, settings.step * spacing, len(samples), band)
    elif profiles:
        heights = settle_heights(profiles, seen, settings.step * spacing, len(samples), band)
    view = ScanView(settings, settled, heights, whole, reference)
    for words in view.describe():
        task.note(words)
    return view


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
