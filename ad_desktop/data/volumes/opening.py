"""Scans on disk: which there are, and one of them as a ``Volume``; files are read in a process of their own."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.data.volumes.candidates import may_hold_scan, scan_files
from ad_desktop.data.volumes.dicom.frames import Frame
from ad_desktop.data.volumes.dicom.grouping import Stack, names, stacks
from ad_desktop.data.volumes.dicom.headers import looks_like_dicom
from ad_desktop.data.volumes.dicom.suv import pet_scale
from ad_desktop.data.volumes.index import Headers, headers
from ad_desktop.data.volumes.memory import require_memory
from ad_desktop.data.volumes.outlines import with_outlines
from ad_desktop.data.volumes.readers import known_formats, reader_by_name
from ad_desktop.data.volumes.readers.base import Array, VolumeHeader
from ad_desktop.data.volumes.volume import HU, NO_UNIT, SUV, UNKNOWN_UNIT, Volume
from ad_desktop.data.volumes.worker import PATIENCE_SECONDS, Message, ReaderDied, reading_pool
from ad_desktop.errors import InputError
from ad_desktop.task import Task

UNITS = (HU, SUV, NO_UNIT)
"""What a user can say of a scan that does not name its unit."""
_SLOWEST_BYTES = 5e6
"""Bytes a second that every reader manages."""


@dataclass(frozen=True)
class SeriesInfo:
    """What a table of series shows, from headers only: texts (empty: unknown), ``shape`` and ``spacing`` (z, y, x).

    ``outlines`` are the RTSTRUCT and SEG files that were found with it, and were drawn on it.
    """

    sample: VolumeSample
    modality: str
    description: str
    patient: str
    study: str
    date: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    orientation: str
    unit: str
    frame_of_reference: str
    slices: int
    warnings: tuple[str, ...]
    outlines: tuple[Path, ...] = ()


@dataclass
class VolumeListing:
    """The scans that were found, and the inputs that cannot be used."""

    series: list[SeriesInfo] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def find_volumes(paths: Sequence[Path], task: Task | None = None) -> VolumeListing:
    """List the scans of files and folders, sub-folders included, from their headers.

    In folders other files are passed over; a file named by itself that is no scan becomes a failure. A DICOM
    image named by itself stands for its series in its folder. ``Cancelled`` if the task was cancelled.
    """
    found = VolumeListing()
    seen: set[str] = set()
    for path in paths:
        try:
            listing = _of_folder(path, task) if path.is_dir() else _of_file(path, task)
        except InputError as error:
            found.failures.append(Failure(error.path, error.reason))
            continue
        except (OSError, ValueError) as error:
            found.failures.append(Failure(str(path), f"it cannot be read: {error}"))
            continue
        found.series += [info for info in listing.series if info.sample.key not in seen]
        seen |= {info.sample.key for info in listing.series}
        found.failures += listing.failures
    return found


def load_volume(sample: VolumeSample, task: Task | None = None, unit: str | None = None) -> Volume:
    """Read one scan: CT in HU, PET in SUVbw where the file allows it, anything else as stored.

    ``unit`` names what the values of a file without unit are (``none``: leave it open), unless the sample does.
    ``InputError`` if it cannot be read, is larger than the free memory, or its reader died; ``Cancelled``.
    """
    unit = sample.unit or unit
    if sample.series or (_is_file(sample.path) and reader_by_name(sample.path) is None):
        volume = _load_dicom(sample, task)
    else:
        volume = _load_file(sample, task)
    if unit is not None and volume.unit == UNKNOWN_UNIT:
        volume = volume.with_array(volume.array, UNKNOWN_UNIT if unit == NO_UNIT else unit)
    return volume


def suggest_unit(volume: Volume) -> str:
    """The unit that the values look like: ``HU``, ``SUVbw``, or empty where neither is likely."""
    if volume.unit or volume.modality == "MR":
        return volume.unit
    sampled = np.asarray(volume.array[:: max(1, volume.shape[0] // 32), ::4, ::4])
    low, high = (float(value) for value in np.nanpercentile(sampled.astype(np.float64), (0.5, 99.9)))
    if volume.modality == "CT" or (low <= -900 and 100 <= high <= 32767):
        return HU
    fractions = sampled.dtype.kind == "f" and bool((sampled != np.rint(sampled)).any())
    return SUV if low >= 0 and high <= 60 and fractions else UNKNOWN_UNIT


def _of_folder(folder: Path, task: Task | None) -> VolumeListing:
    files = list(scan_files(folder, task))
    if not files:
        raise InputError(folder, f"the folder holds no scans: files of {known_formats()} are needed")
    return find_among(files, folder, task)


def _of_file(path: Path, task: Task | None) -> VolumeListing:
    if not path.exists():
        raise InputError(path, "the file does not exist: it was moved, renamed, or its drive is missing")
    if not path.is_file():
        raise InputError(path, "it is a device or a pipe, not a file")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty (0 bytes): copy or export it again")
    if reader_by_name(path) is not None:
        return find_among([path], path.parent, task)
    if not may_hold_scan(path) and not looks_like_dicom(path):
        raise InputError(path, f"it holds no scan of a known format: use {known_formats()}")
    told = headers().frames([path], task)
    if told.failures:
        return VolumeListing(failures=told.failures)
    if not told.frames:
        raise InputError(path, "it is a DICOM file without images that make up a scan")
    series = told.frames[0].series
    if told.frames[0].index is not None or not series:
        return _series_of(told.frames, path.parent, task)
    beside = [other for other in sorted(path.parent.iterdir()) if other == path or _same_kind(other)]
    whole = headers().frames(beside, task)
    listing = _series_of([frame for frame in whole.frames if frame.series == series], path.parent, task)
    listing.series = with_outlines(listing.series, whole.drawings)
    return listing


def _same_kind(path: Path) -> bool:
    return reader_by_name(path) is None and may_hold_scan(path) and path.is_file()


def find_among(files: Sequence[Path], folder: Path, task: Task | None) -> VolumeListing:
    """The scans among files below a folder, from their headers."""
    told = headers().all(files, task)
    listing = VolumeListing(failures=told.failures)
    for path, header in told.volumes:
        listing.series += _parts(path, header)
    for own in _by_series(told.frames):
        listing_of = _series_of(own, folder, task)
        listing.series += listing_of.series
        listing.failures += listing_of.failures
    listing.series = with_outlines(listing.series, told.drawings)
    return listing


def _by_series(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Images of one series together; a multi-frame file stays by itself unless its series has several."""
    groups: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[frame.series or frame.path].append(frame)
    return list(groups.values())


def _parts(path: Path, header: VolumeHeader) -> list[SeriesInfo]:
    affine = np.array(header.affine).reshape(4, 4)
    probe = Volume(np.broadcast_to(np.int8(0), header.shape), affine)
    several = range(header.parts) if header.parts > 1 else [None]
    return [
        SeriesInfo(
            VolumeSample(path, part=part), header.modality, header.title, "", "", "", header.shape, probe.spacing,
            probe.orientation, header.unit, "", header.shape[0], header.warnings,
        )
        for part in several
    ]  # fmt: skip


def _series_of(frames: Sequence[Frame], folder: Path, task: Task | None) -> VolumeListing:
    """The volumes of one DICOM series."""
    found, refused = stacks(frames, _same_pixels(task))
    home = _home(frames, folder)
    several = len(found) > 1
    listing = VolumeListing(failures=[Failure(str(home.path), reason) for reason in refused])
    for number, stack in enumerate(found):
        first = stack.frames[0]
        title = first.description or first.modality or home.path.name
        sample = VolumeSample(home.path, series=home.series, part=number if several else None, title=title)
        probe = Volume(np.broadcast_to(np.int8(0), (len(stack.slots), first.rows, first.columns)), stack.affine)
        unit, warned = _unit(stack)
        listing.series.append(
            SeriesInfo(
                sample, first.modality, first.description, first.patient, first.study, first.date, probe.shape,
                probe.spacing, probe.orientation, unit, first.frame_of_reference, len(stack.frames),
                (*stack.warnings, *warned),
            )
        )  # fmt: skip
    return listing


def _home(frames: Sequence[Frame], folder: Path) -> VolumeSample:
    """The sample that stands for a series: its one multi-frame file, or the folder that holds all its files."""
    paths = list(dict.fromkeys(frame.path for frame in frames))
    first = frames[0]
    if len(paths) == 1 and (first.index is not None or not first.series):
        return VolumeSample(Path(paths[0]))
    parents = list(dict.fromkeys(str(Path(path).parent) for path in paths))
    common = Path(parents[0]) if len(parents) == 1 else Path(os.path.commonpath(parents))
    return VolumeSample(common, series=first.series)


def _unit(stack: Stack) -> tuple[str, list[str]]:
    modality = stack.frames[0].modality
    if modality == "CT":
        return HU, []
    if modality == "PT":
        scale = pet_scale([frame.pet for frame in stack.frames])
        return scale.unit, scale.warnings
    return UNKNOWN_UNIT, []


def _same_pixels(task: Task | None) -> Headers.Compare:
    return lambda one, other: headers().digest(one, task) == headers().digest(other, task)


def _load_dicom(sample: VolumeSample, task: Task | None) -> Volume:
    path = sample.path
    if sample.series:
        if not path.is_dir():
            raise InputError(path, "the folder does not exist: it was moved, renamed, or its drive is missing")
        told = headers().frames([file for file in scan_files(path, task) if reader_by_name(file) is None], task)
        frames = [frame for frame in told.frames if frame.series == sample.series]
    else:
        told = headers().frames([path], task)
        frames = told.frames
        if told.failures:
            raise InputError(path, told.failures[0].reason)
    if not frames:
        raise InputError(path, "the series is no longer there, or none of its images can be read")
    found, refused = stacks(frames, _same_pixels(task))
    number = sample.part or 0
    if number >= len(found):
        raise InputError(path, refused[0] if refused else f"the series has {len(found)} parts, not {number + 1}")
    return _read_stack(found[number], sample, task)


def _read_stack(stack: Stack, sample: VolumeSample, task: Task | None) -> Volume:
    first = stack.frames[0]
    unit, facts, warnings, factor = UNKNOWN_UNIT, {}, list(stack.warnings), 1.0
    if first.modality == "CT":
        unit = HU
    elif first.modality == "PT":
        scale = pet_scale([frame.pet for frame in stack.frames])
        unit, facts, factor = scale.unit, scale.facts, scale.factor
        warnings += scale.warnings
    if first.photometric == "MONOCHROME1":
        warnings.append("stored as MONOCHROME1: high values are meant to look dark; they are unchanged")
    voxels = len(stack.slots) * first.rows * first.columns
    needed = voxels * 4 * 3
    require_memory(sample.path, needed)
    request = {
        "do": "frames", "factor": factor,
        "frames": [None if frame is None else {**asdict(frame), "pet": {}, "times": {}} for frame in stack.slots],
    }  # fmt: skip
    array = _ask_for_array(request, sample.path, task, needed, first.rows * first.columns * 8, warnings)
    return _volume(array, stack.affine, sample, unit, first.modality, tuple(warnings), facts, first.frame_of_reference)


def _load_file(sample: VolumeSample, task: Task | None) -> Volume:
    if not _is_file(sample.path):
        raise InputError(sample.path, "the file does not exist: it was moved, renamed, or its drive is missing")
    told = headers().all([sample.path], task)
    if told.failures:
        raise InputError(sample.path, told.failures[0].reason)
    header = told.volumes[0][1]
    if (sample.part or 0) >= header.parts:
        raise InputError(sample.path, f"the file has {header.parts} parts, not {(sample.part or 0) + 1}")
    size = math.prod(header.shape) * max(header.voxel_bytes, 4)
    needed = 4 * size
    require_memory(sample.path, needed)
    warnings = list(header.warnings)
    request = {"do": "file", "path": str(sample.path), "part": sample.part or 0}
    array = _ask_for_array(request, sample.path, task, needed, size * header.parts, warnings)
    return _volume(
        array, np.array(header.affine).reshape(4, 4), sample, header.unit, header.modality, tuple(warnings), {}, ""
    )


def _volume(
    array: Array, affine: Array, sample: VolumeSample, unit: str, modality: str, warnings: tuple[str, ...],
    facts: dict[str, str], frame_of_reference: str,
) -> Volume:  # fmt: skip
    more = list(warnings)
    if array.dtype.kind == "f" and (bad := int(array.size - np.isfinite(array).sum())):
        more.append(f"{bad:,} voxels are not numbers (NaN or infinite)")
    if array.size and array.min() == array.max():
        more.append("all voxels have the same value")
    return Volume(array, affine, unit, modality, sample, frame_of_reference, tuple(more), facts)


def _ask_for_array(
    request: Message, path: Path, task: Task | None, memory: int, step_bytes: int, warnings: list[str]
) -> Array:
    """What the reading process makes of a request; ``InputError`` whatever goes wrong, ``warnings`` what it said."""
    array: Array | None = None
    try:
        patience = PATIENCE_SECONDS + step_bytes / _SLOWEST_BYTES
        for message in reading_pool().ask(request, task, patience, memory + (1 << 30)):
            if message["is"] == "progress" and task is not None:
                task.report(f"Reading {path.name}", message["done"], message["total"])
            elif message["is"] == "said":
                warnings += [f"{names(paths)}: the decoder says: {text}" for text, paths in message["texts"].items()]
            elif message["is"] == "array":
                array = message["array"]
            elif message["is"] == "error":
                raise InputError(message["path"] or path, message["reason"])
    except ReaderDied as error:
        raise InputError(path, f"{error}: the file is damaged; copy or export it again") from error
    if array is None or array.ndim != 3 or 0 in array.shape:
        raise InputError(path, "the file is damaged: it holds no voxels")
    return array


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
