"""How high in the body a slice lies, told by how much of the body each slice shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.stack import plane_spacing, planes
from ad_desktop.data.volumes.volume import Volume

Profile = NDArray[np.float64]
"""(2, n): area of the body, and sum of its values, in slices ``PITCH_MM`` apart; each in parts of its highest."""

PITCH_MM = 2.0
LEAST_OVERLAP = 0.5
"""How much of the smaller of two profiles has to lie within the other one."""
SLICES_PER_BAND = 40
"""Enough normal slices for statistics of their own."""
LEAST_BAND_MM = 6.0
"""Heads differ by that much in any case."""


@dataclass(frozen=True)
class Heights:
    """The bands of heights in which slices are compared: ``count`` ones of ``band_mm`` from ``lowest`` on.

    Heights are in mm along the axis of the slices, on the scale of ``profile``, that of the normal scans: a scan is
    shifted to where its own profile fits that one best. Where scans are laid over each other there is no profile, and
    nothing to shift.
    """

    profile: tuple[tuple[float, ...], tuple[float, ...]]
    lowest: float
    band_mm: float
    count: int

    def bands(self, volume: Volume, mask: NDArray[np.bool_] | None, axis: str, value_range: tuple[float, float]) -> Any:
        """The band of each slice, int (n,); −1 where the slice lies beyond what normal scans show."""
        spacing = plane_spacing(volume, axis)[0]
        length = planes(volume.array, volume.affine, axis).shape[0]
        shift = 0
        if self.profile[0]:
            shift = best_shift(profile_of(volume, mask, axis, value_range), np.asarray(self.profile))
        heights = np.arange(length) * spacing + PITCH_MM * shift
        band = np.floor((heights - self.lowest) / self.band_mm + 1e-9).astype(int)
        return np.where((band >= 0) & (band < self.count), band, -1)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that ``from_json`` takes back."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Heights:
        """What ``to_json`` described."""
        area, mass = (tuple(map(float, row)) for row in told["profile"])
        return cls((area, mass), float(told["lowest"]), float(told["band_mm"]), int(told["count"]))

    def describe(self) -> str:
        """In words, for notes and ``info``."""
        return (
            f"Slices are compared with normal ones of the same height in the body, in {self.count} bands of "
            f"{self.band_mm:.3g} mm; what lies beyond the heights that half the normal scans show is passed over."
        )


def profile_of(volume: Volume, mask: NDArray[np.bool_] | None, axis: str, value_range: tuple[float, float]) -> Profile:
    """How much of the body each slice shows; ``mask`` is in slices, values are scaled by ``value_range`` to 0–1."""
    spacing = plane_spacing(volume, axis)[0]
    low, high = value_range
    stack = planes(volume.array, volume.affine, axis)[:, ::2, ::2]
    seen = np.ones(stack.shape, bool) if mask is None else mask[:, ::2, ::2]
    values = np.clip((np.nan_to_num(stack.astype(np.float32)) - low) / ((high - low) or 1), 0, 1)
    rows = np.stack([seen.sum(axis=(1, 2)), np.where(seen, values, 0).sum(axis=(1, 2))]).astype(np.float64)
    at = np.arange(0, (len(stack) - 1) * spacing + PITCH_MM / 2, PITCH_MM)
    # Thin slices are averaged first, thick ones merely interpolated.
    width = max(1, round(PITCH_MM / spacing))
    smooth = [np.convolve(row, np.ones(width) / width, mode="same") for row in rows]
    found = np.stack([np.interp(at, np.arange(len(stack)) * spacing, row) for row in smooth])
    return np.asarray(found / np.maximum(found.max(axis=1, keepdims=True), 1e-12))


def best_shift(own: Profile, other: Profile) -> int:
    """By how many steps ``own`` has to move to lie best on ``other``."""
    n, m = own.shape[1], other.shape[1]
    least = LEAST_OVERLAP * min(own.sum(), other.sum())
    best, lowest = 0, np.inf
    for shift in range(-n + 1, m):
        first, last = max(0, shift), min(m, shift + n)
        mine, theirs = own[:, first - shift : last - shift], other[:, first:last]
        total = mine.sum() + theirs.sum()
        if min(mine.sum(), theirs.sum()) < least or not total:
            continue
        cost = np.abs(mine - theirs).sum() / total
        if cost < lowest - 1e-12:
            best, lowest = shift, cost
    return best


def settle_heights(
    profiles: Sequence[Profile], seen: Sequence[tuple[float, float]], spacing: float, scans: int, band: float | None
) -> Heights | None:
    """Bands from the profiles of normal scans, of each of which ``seen`` (mm from its first slice) is looked at.

    ``scans`` is how many there are in all, ``spacing`` the distance of the slices learned from, ``band`` the height
    asked for (None: as low as statistics allow). None where normal scans share no heights.
    """
    order = np.argsort([last - first for first, last in seen])
    reference = profiles[int(order[len(order) // 2])]
    for _ in range(2):
        shifts = [best_shift(profile, reference) for profile in profiles]
        reference = _mean(profiles, [shift - min(shifts) for shift in shifts])
    moves = [PITCH_MM * best_shift(profile, reference) for profile in profiles]
    ends = [(first + move, last + move) for (first, last), move in zip(seen, moves, strict=True)]
    at = np.arange(min(e[0] for e in ends), max(e[1] for e in ends) + 0.5, 1.0)
    count = sum(((at >= first) & (at <= last)).astype(int) for first, last in ends)
    shared = at[np.asarray(count) >= max(2, len(profiles) / 2)]
    if not shared.size:
        return None
    area, mass = (tuple(round(float(value), 4) for value in row) for row in reference)
    return _divided((area, mass), (float(shared[0]), float(shared[-1])), spacing, scans, band)


def heights_between(ends: tuple[float, float], spacing: float, scans: int, band: float | None) -> Heights:
    """Bands from the first to the last slice (mm) of what normal scans show that are laid over each other."""
    return _divided(((), ()), ends, spacing, scans, band)


def _divided(
    profile: tuple[tuple[float, ...], tuple[float, ...]], ends: tuple[float, float], spacing: float, scans: int,
    band: float | None,
) -> Heights:  # fmt: skip
    lowest, height = ends[0] - spacing / 2, ends[1] - ends[0] + spacing
    wanted = band or max(LEAST_BAND_MM, SLICES_PER_BAND * spacing / max(1, scans), spacing)
    bands = max(1, int(height / wanted + 1e-9))
    return Heights(profile, round(lowest, 4), height / bands, bands)


def _mean(profiles: Sequence[Profile], shifts: Sequence[int]) -> Profile:
    """The mean of shifted profiles, cut to where half of them or more are known."""
    length = max(shift + profile.shape[1] for shift, profile in zip(shifts, profiles, strict=True))
    total, count = np.zeros((2, length)), np.zeros(length)
    for shift, profile in zip(shifts, profiles, strict=True):
        total[:, shift : shift + profile.shape[1]] += profile
        count[shift : shift + profile.shape[1]] += 1
    known = np.flatnonzero(count >= len(profiles) / 2)
    inside = slice(int(known[0]), int(known[-1]) + 1)
    return np.asarray(total[:, inside] / np.maximum(count[inside], 1))
