"""Where the slices of a stack lie, and whether a volume can say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.dicom.frames import Frame
from ad_desktop.data.volumes.volume import Affine

Vector = NDArray[np.float64]

EVEN, UNEVEN, MULTIPLE = 0.01, 0.1, 0.05
"""Parts of the spacing: silently even; even with a warning; how near a gap is to a multiple."""
EVEN_MM = 0.01
MOST_MISSING = 0.25
MOST_RUNS = 8
TILT_DEGREES = 0.5


@dataclass
class Run:
    """Evenly spaced slices; None where one is missing."""

    slots: list[Frame | None]
    affine: Affine
    warnings: list[str] = field(default_factory=list)


def normal_of(frame: Frame) -> Vector:
    """The unit vector across an image, from its row and column directions."""
    axes = np.array(frame.orientation or (1, 0, 0, 0, 1, 0), np.float64)
    normal = np.cross(axes[:3], axes[3:])
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length if length > 1e-6 else np.array([0.0, 0.0, 1.0]))


def height(frame: Frame, normal: Vector) -> float:
    """How far along ``normal`` an image lies, in mm."""
    return float(np.dot(frame.position or (0.0, 0.0, 0.0), normal))


def lay_out(frames: Sequence[Frame]) -> tuple[list[Run], str]:
    """Slices at different places, ordered along the normal, as few evenly spaced volumes as can be.

    A few missing slices stay empty; spacing that changes splits the stack; the reason comes back where
    neither can be: nothing is stretched.
    """
    normal = normal_of(frames[0])
    axes = np.array(frames[0].orientation or (1, 0, 0, 0, 1, 0), np.float64)
    if np.linalg.norm(np.cross(axes[:3], axes[3:])) < 0.5:
        return [], f"{_name(frames[0])}: its image axes are damaged"
    ordered = sorted(frames, key=lambda frame: height(frame, normal))
    if len(ordered) < 2:
        return [_run(list(ordered), None, [])], ""
    points = np.array([frame.position for frame in ordered], np.float64)
    gaps = np.diff(points @ normal)
    usual = float(np.median(gaps))
    if usual <= 1e-6:
        return [], f"{_name(ordered[0])} and others lie side by side at the same height: they make no volume"
    limit = max(EVEN * usual, EVEN_MM)
    off = _off_grid(points)
    if off <= limit:
        return [_run(list(ordered), points, [])], ""
    filled = _with_gaps(ordered, points, gaps, usual)
    if filled is not None:
        return [filled], ""
    if off <= UNEVEN * usual:
        worst = int(np.argmax(np.abs(gaps - usual)))
        note = (
            f"slices are unevenly spaced: {gaps[worst]:.3f} mm between {_name(ordered[worst])} and "
            f"{_name(ordered[worst + 1])} instead of {usual:.3f} mm; positions are up to {off:.3f} mm off"
        )
        return [_run(list(ordered), points, [note])], ""
    return _split(ordered, points, gaps, limit)


def _split(ordered: list[Frame], points: Vector, gaps: Vector, limit: float) -> tuple[list[Run], str]:
    """Pieces within which the spacing stays the same."""
    pieces: list[list[int]] = [[0]]
    for at in range(1, len(ordered)):
        piece = pieces[-1]
        even = len(piece) < 2 or abs(gaps[at - 1] - gaps[piece[0]]) <= limit
        if len(piece) == 1 and at < len(gaps) and abs(gaps[at] - gaps[at - 1]) > limit and at > 1:
            even = False  # a lone slice before another spacing
        if even:
            piece.append(at)
        else:
            pieces.append([at])
    if len(pieces) > MOST_RUNS:
        worst = int(np.argmax(np.abs(gaps - np.median(gaps))))
        return [], (
            f"the spacing of slices changes {len(pieces) - 1} times (such as {gaps[worst]:.2f} mm between "
            f"{_name(ordered[worst])} and {_name(ordered[worst + 1])}): it cannot be shown without stretching"
        )
    text = "; ".join(
        f"{gaps[piece[0] - 1]:.2f} mm between {_name(ordered[piece[0] - 1])} and {_name(ordered[piece[0]])}"
        for piece in pieces[1:]
    )
    note = f"the spacing of slices changes, so they are split into {len(pieces)} parts ({text})"
    return [_run([ordered[at] for at in piece], points[piece], [note]) for piece in pieces], ""


def _with_gaps(ordered: list[Frame], points: Vector, gaps: Vector, usual: float) -> Run | None:
    """The stack with empty slices where some are missing; None if that is not what is wrong with it."""
    steps = np.rint(gaps / usual).astype(int)
    missing = int((steps - 1).sum())
    if (steps < 1).any() or not 0 < missing <= MOST_MISSING * len(ordered):
        return None
    if (np.abs(gaps - steps * usual) > MULTIPLE * usual).any():
        return None
    at = np.concatenate([[0], np.cumsum(steps)])
    step = (points[-1] - points[0]) / at[-1]
    if np.linalg.norm(points[0] + at[:, None] * step - points, axis=1).max() > UNEVEN * usual:
        return None
    slots: list[Frame | None] = [None] * int(at[-1] + 1)
    for place, frame in zip(at, ordered, strict=True):
        slots[int(place)] = frame
    notes = [
        f"{steps[i] - 1} slice{'s are' if steps[i] > 2 else ' is'} missing between {_name(ordered[i])} and "
        f"{_name(ordered[i + 1])} ({gaps[i]:.2f} mm instead of {usual:.2f} mm): left empty"
        for i in np.flatnonzero(steps > 1)
    ]
    return _run(slots, np.array([points[0], points[0] + at[-1] * step]), notes, int(at[-1]))


def _run(slots: list[Frame | None], points: Vector | None, warnings: list[str], last: int | None = None) -> Run:
    first = next(frame for frame in slots if frame is not None)
    axes = np.array(first.orientation or (1, 0, 0, 0, 1, 0), np.float64).reshape(2, 3)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    normal = normal_of(first)
    notes = list(warnings)
    if first.spacing is None:
        notes.append("the size of its pixels is unknown: 1 mm is assumed")
    rows, columns = first.spacing or (1.0, 1.0)
    if points is None or len(points) < 2:
        depth = abs(first.distance or first.thickness or 0.0)
        if not depth:
            depth = 1.0
            notes.append("the thickness of its slice is unknown: 1 mm is assumed")
        step = normal * depth
    else:
        step = (points[-1] - points[0]) / (len(points) - 1 if last is None else last)
        tilt = float(np.degrees(np.arccos(np.clip(np.dot(step, normal) / np.linalg.norm(step), -1, 1))))
        if tilt > TILT_DEGREES:
            notes.append(f"slices are tilted by {tilt:.1f}° against their stack (gantry tilt): positions are exact")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = axes[0] * columns, axes[1] * rows, step
    affine[:3, 3] = first.position if slots[0] is not None and first.position else (0, 0, 0)
    return Run(slots, affine, notes)


def _off_grid(points: Vector) -> float:
    """How far slices lie from even spacing between the first and the last, in mm at most."""
    grid = points[0] + np.arange(len(points))[:, None] * (points[-1] - points[0]) / (len(points) - 1)
    return float(np.linalg.norm(grid - points, axis=1).max())


def _name(frame: Frame) -> str:
    name = Path(frame.path).name
    return name if frame.index is None else f"{name} frame {frame.index + 1}"
