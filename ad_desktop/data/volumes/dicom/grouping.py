"""Images of one DICOM series sorted into volumes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ad_desktop.data.volumes.dicom.frames import Frame
from ad_desktop.data.volumes.dicom.geometry import height, lay_out, normal_of
from ad_desktop.data.volumes.volume import Affine

SAME_PLACE_MM = 1e-3
_DIRECTION = 1e-3
_SPACING = 1e-3


@dataclass
class Stack:
    """One volume: an image or None (missing) for each slice along z, and where they lie."""

    slots: list[Frame | None]
    affine: Affine
    warnings: list[str] = field(default_factory=list)

    @property
    def frames(self) -> list[Frame]:
        return [frame for frame in self.slots if frame is not None]


def stacks(frames: Sequence[Frame], same_pixels: Callable[[Frame, Frame], bool]) -> tuple[list[Stack], list[str]]:
    """The volumes of one series in the order of their times, and what could not be used, in words.

    Images of different size, spacing, orientation or frame of reference never share a volume (numbers are
    compared with tolerances, not as texts). Of images at one place the same ones (``same_pixels``) count once;
    others are told apart by time, acquisition, echo or b-value. Slices are ordered by their positions.
    """
    refused: list[str] = []
    grey = [frame for frame in frames if frame.samples == 1]
    if len(grey) < len(frames):
        refused.append(f"{len(frames) - len(grey)} colour images are left out: they are no measured values")
    found: list[Stack] = []
    for alike in _alike(grey):
        if any(frame.position is None for frame in alike):
            found += _without_positions(alike)
            continue
        kept, notes = _without_copies(alike, same_pixels)
        for group in _apart(kept, notes):
            runs, reason = lay_out(group)
            if reason:
                refused.append(reason)
            found += [Stack(run.slots, run.affine, [*notes, *run.warnings]) for run in runs]
    found.sort(key=_when)
    for stack in found:
        stack.warnings += _doubts(stack.frames)
    return found, refused


def _doubts(frames: Sequence[Frame]) -> list[str]:
    """What was not believed of the headers, with the files."""
    told: dict[str, list[str]] = defaultdict(list)
    for frame in frames:
        if frame.doubt:
            told[frame.doubt].append(frame.path)
    return [f"{names(paths)}: {doubt}; the values may be wrong" for doubt, paths in told.items()]


def _when(stack: Stack) -> tuple[int, int, str]:
    first = min(stack.frames, key=lambda frame: frame.instance)
    acquisition = first.times.get("AcquisitionNumber", 0)
    return (acquisition if isinstance(acquisition, int) else 0), first.instance, first.path


def _alike(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Images with the same size, spacing and orientation, within tolerances."""
    groups: list[list[Frame]] = []
    last: dict[Hashable, list[Frame]] = {}
    for frame in frames:
        key = _key(frame)
        near = last.get(key)
        if near is None or not _close(near[0], frame):
            near = next((g for g in groups if _key(g[0]) == key and _close(g[0], frame)), None)
            if near is None:
                near = []
                groups.append(near)
            last[key] = near
        near.append(frame)
    return groups


def _key(frame: Frame) -> Hashable:
    return (
        frame.rows, frame.columns, frame.frame_of_reference, "LOCALIZER" in frame.image_type, frame.position is None,
    )  # fmt: skip


def _close(one: Frame, other: Frame) -> bool:
    if (one.spacing is None) != (other.spacing is None) or (one.orientation is None) != (other.orientation is None):
        return False
    near = all(abs(a - b) <= _SPACING * a for a, b in zip(one.spacing or (), other.spacing or (), strict=True))
    turned = zip(one.orientation or (), other.orientation or (), strict=True)
    return near and all(abs(a - b) <= _DIRECTION for a, b in turned)


def _without_positions(frames: list[Frame]) -> list[Stack]:
    """Images that do not say where they lie: those of one file stacked as stored, files by themselves."""
    by_file: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_file[frame.path].append(frame)
    found = []
    for own in by_file.values():
        first = own[0]
        step = first.distance or first.thickness or 1.0
        rows, columns = first.spacing or (1.0, 1.0)
        affine = np.diag([columns, rows, abs(step) or 1.0, 1.0])
        warnings = ["the file does not say where its images lie: they are stacked in their stored order"]
        if first.spacing is None:
            warnings.append("the size of its pixels is unknown: 1 mm is assumed")
        found.append(Stack(list(own), affine, warnings))
    return found


def _places(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Images at the same place together, ordered along the normal."""
    normal = normal_of(frames[0])
    ordered = sorted(frames, key=lambda frame: (height(frame, normal), frame.instance, frame.path, frame.index or 0))
    places: list[list[Frame]] = []
    for frame in ordered:
        for place in reversed(places):
            if height(frame, normal) - height(place[0], normal) > SAME_PLACE_MM:
                places.append([frame])
                break
            if _distance(place[0], frame) <= SAME_PLACE_MM:
                place.append(frame)
                break
        else:
            places.append([frame])
    return places


def _distance(one: Frame, other: Frame) -> float:
    return float(np.linalg.norm(np.subtract(one.position or (0, 0, 0), other.position or (0, 0, 0))))


def _without_copies(frames: list[Frame], same_pixels: Callable[[Frame, Frame], bool]) -> tuple[list[Frame], list[str]]:
    """Each image once; the copies are named."""
    kept: list[Frame] = []
    copies: list[str] = []
    for place in _places(frames):
        own: list[Frame] = []
        for frame in place:
            twin = next((other for other in own if _twins(other, frame) and same_pixels(other, frame)), None)
            if twin is None:
                own.append(frame)
            else:
                copies.append(frame.path)
        kept += own
    if not copies:
        return kept, []
    what = "1 image is" if len(copies) == 1 else f"{len(copies)} images are"
    return kept, [f"{what} there twice and used once: {names(copies)}"]


def _twins(one: Frame, other: Frame) -> bool:
    if one.uid and one.uid == other.uid and one.index == other.index:
        return True
    return (one.slope, one.intercept, one.times.get("TemporalPositionIdentifier")) == (
        other.slope, other.intercept, other.times.get("TemporalPositionIdentifier"),
    )  # fmt: skip


def _apart(frames: list[Frame], notes: list[str]) -> list[list[Frame]]:
    """Groups in which every place occurs once; ``notes`` grows where nothing but the order tells images apart."""
    places = _places(frames)
    most = max(map(len, places))
    if most == 1:
        return [frames]
    names_of_keys = list(dict.fromkeys(name for frame in frames for name in frame.times))
    choices: list[Callable[[Frame], Hashable]] = [_by_time(name) for name in names_of_keys]
    choices += [lambda frame: frame.image_type, lambda frame: str(sorted(frame.times.items()))]
    for choice in choices:
        groups: dict[Hashable, list[Frame]] = defaultdict(list)
        for frame in frames:
            groups[choice(frame)].append(frame)
        if len(groups) == most and all(len(place) == 1 for g in groups.values() for place in _places(g)):
            return list(groups.values())
    rest = [[place[rank] for place in places if rank < len(place)] for rank in range(most)]
    doubled = [frame.path for place in places if len(place) > 1 for frame in place]
    notes.append(
        f"different images lie at the same place, and nothing but their number tells them apart: {names(doubled)}"
    )
    return rest


def _by_time(name: str) -> Callable[[Frame], Hashable]:
    return lambda frame: str(frame.times.get(name))


def names(paths: Sequence[str], most: int = 4) -> str:
    """File names for a message."""
    own = list(dict.fromkeys(Path(path).name for path in paths))
    return ", ".join(own[:most]) + (f" and {len(own) - most} more" if len(own) > most else "")
