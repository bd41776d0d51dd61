"""One scan cut into square slices that detectors take for pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ad_desktop.data.datasets import scan_mask
from ad_desktop.data.images import Picture
from ad_desktop.data.samples import SliceSample, VolumeSample
from ad_desktop.data.volumes.masks import body_mask, brain_mask
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.stack import plane_spacing, planes
from ad_desktop.data.volumes.truth import load_truth
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.volume_prediction import SquareFrame
from ad_desktop.errors import InputError, UnsuitedError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.heights import Heights
from ad_desktop.workflows.scans.reference import Laid, Reference
from ad_desktop.workflows.scans.settings import MASKS, ScanView, SliceSettings

Opener: TypeAlias = Callable[[VolumeSample, Task], Volume]
"""Reads a scan; ``InputError`` where it cannot be used."""

LEAST_SHARE = 0.05
"""Slices with less of the body than this share of the fullest one are passed over: there is nothing to compare."""


@dataclass(frozen=True, eq=False)
class Body:
    """Where to look in a scan, in slices: ``mask`` (n, rows, columns), or None for everywhere.

    ``indices`` are the slices to look at; ``middle`` (row, column) and ``extent_mm`` (rows, columns) are of all slices
    together.
    """

    mask: NDArray[np.bool_] | None
    examined: NDArray[np.bool_] | None
    indices: Sequence[int]
    middle: tuple[float, float]
    extent_mm: tuple[float, float]


def find_body(volume: Volume, settings: SliceSettings, path: Path) -> Body:
    """What of a scan is looked at; ``InputError`` where nothing is left."""
    if settings.mask == "none":
        _, rows_mm, columns_mm = plane_spacing(volume, settings.axis)
        n, rows, columns = planes(volume.array, volume.affine, settings.axis).shape
        indices = settings.chosen(0, n - 1)
        body = Body(None, None, indices, (rows / 2, columns / 2), (rows * rows_mm, columns * columns_mm))
    else:
        body = body_of(_found_mask(volume, settings.mask, path), volume, settings)
    if not len(body.indices):
        raise InputError(path, f"slices={settings.slices} leaves none of its slices: choose others")
    return body


def body_of(examined: NDArray[np.bool_], volume: Volume, settings: SliceSettings) -> Body:
    """What a mask (z, y, x) of a scan, which marks something, leaves to be looked at."""
    _, rows_mm, columns_mm = plane_spacing(volume, settings.axis)
    mask = planes(examined, volume.affine, settings.axis)
    areas = np.count_nonzero(mask, axis=(1, 2))
    full = np.flatnonzero(areas >= LEAST_SHARE * areas.max())
    indices = [i for i in settings.chosen(int(full[0]), int(full[-1])) if areas[i] >= LEAST_SHARE * areas.max()]
    (top, bottom), (left, right) = (_ends(mask, axis) for axis in (1, 2))
    return Body(
        mask, examined, indices, ((top + bottom) / 2, (left + right) / 2),
        ((bottom - top) * rows_mm, (right - left) * columns_mm),
    )  # fmt: skip


def _found_mask(volume: Volume, mask: str, path: Path) -> NDArray[np.bool_]:
    if mask not in MASKS:
        return _told_mask(volume, mask, path)
    try:
        return brain_mask(volume) if mask == "brain" else body_mask(volume)
    except ValueError as error:
        raise InputError(path, f"{error}; choose another mask than {mask}") from error


def _told_mask(volume: Volume, told: str, path: Path) -> NDArray[np.bool_]:
    """What a user's mask of the scan marks, on the scan's voxels."""
    place = Path(told).expanduser()
    if not place.exists():
        raise UserError(f"{told}: there is no such file or folder. Choose masks that exist.")
    found = scan_mask(place, path) if place.is_dir() else place
    if found is None:
        raise InputError(path, f"{place} holds no mask of its name")
    mask = load_truth(found, volume, Task())
    if not mask.any():
        raise InputError(path, f"its mask {found} marks nothing")
    return mask


def _ends(mask: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    """Where the mask begins and ends (exclusive) along an axis."""
    found = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return int(found[0]), int(found[-1]) + 1


class Slicer:
    """One scan ready to be cut; ``body`` is what is looked at, ``frame`` the square in every slice.

    ``volume`` is the scan as it was read, ``cut_from`` what is cut: the same, or where scans are laid over the normal
    ones, the scan on their grid (``laid``), on which body and frame are, too.
    """

    def __init__(self, volume: Volume, sample: VolumeSample, view: ScanView) -> None:
        settled, axis = view.settled, view.settings.axis
        if settled.unit and volume.unit and volume.unit != settled.unit:
            raise UnsuitedError(
                sample.path, f"it is in {volume.unit}, and the model was fitted on scans in {settled.unit}: their "
                "values cannot be compared",
            )  # fmt: skip
        self.volume, self.sample, self.view = volume, sample, view
        self.body = find_body(volume, view.settings, sample.path)
        self.laid = self._lay(view.reference) if view.reference is not None else None
        self.cut_from = self.volume if self.laid is None else self.laid.volume
        self._bands: Any = None
        if view.heights is not None:
            self._keep_heights(view.heights)
        self._stack = planes(self.cut_from.array, self.cut_from.affine, axis)
        slices_mm, rows_mm, columns_mm = plane_spacing(self.cut_from, axis)
        self._gap = slices_mm / settled.field_mm
        row, column = self.body.middle
        if view.reference is not None:
            row, column = body_of(view.reference.inside, self.cut_from, view.settings).middle
        down, across = settled.field_mm / rows_mm / 2, settled.field_mm / columns_mm / 2
        self.frame = SquareFrame((column - across, row - down, column + across, row + down), settled.pixels)
        self._offset, self._scale = scaling(self.cut_from, self.body, axis) if settled.scaled else (0.0, 1.0)

    def _lay(self, reference: Reference) -> Laid:
        """The scan on the grid of the normal ones, and the body there."""
        settings, path, whole = self.view.settings, self.sample.path, self.body.examined
        assert whole is not None  # noqa: S101 - a fit without a mask has no reference
        laid = reference.lay(self.volume, whole, path)
        if settings.slices != "all":
            laid = replace(laid, mask=laid.mask & self._on_grid(laid, self.examined))
        if not laid.mask.any():
            raise InputError(path, "nothing of it is left to be looked at: choose another mask, or other slices")
        self.body = body_of(laid.mask, laid.volume, replace(settings, slices="all"))
        return laid

    def _on_grid(self, laid: Laid, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        assert mask is not None  # noqa: S101 - as above
        return resample(mask, self.volume.affine, laid.to_scan, laid.volume.shape, nearest=True) > 0

    def _keep_heights(self, heights: Heights) -> None:
        axis = self.view.settings.axis
        offset, width = scaling(self.cut_from, self.body, axis)
        self._bands = heights.bands(self.cut_from, self.body.mask, axis, (offset, offset + width))
        kept = [index for index in self.body.indices if self._bands[index] >= 0]
        if not kept:
            raise InputError(self.sample.path, "it shows no part of the body that the normal scans show")
        self.body = replace(self.body, indices=kept)

    @property
    def examined(self) -> NDArray[np.bool_] | None:
        """Where methods for whole scans look, (z, y, x): the body in the chosen slices; None: everywhere."""
        if self.view.settings.slices == "all":
            return self.body.examined
        chosen = np.zeros(self.volume.shape, bool)
        planes(chosen, self.volume.affine, self.view.settings.axis)[list(self.body.indices)] = True
        return chosen if self.body.examined is None else chosen & self.body.examined

    def known_lesions(self) -> NDArray[np.bool_] | None:
        """Where the user says that lesions are, (z, y, x); None where nothing was said of this scan."""
        told = self.view.settings.lesions
        if not told:
            return None
        place = Path(told).expanduser()
        if place.is_dir() and scan_mask(place, self.sample.path) is None:
            return None
        return _told_mask(self.volume, told, self.sample.path)

    def without_lesions(self) -> None:
        """Pass over the slices that show known lesions; ``InputError`` where none is left."""
        lesions = self.known_lesions()
        if lesions is None:
            return
        if self.laid is not None:
            lesions = self._on_grid(self.laid, lesions)
        shown = np.count_nonzero(planes(lesions, self.cut_from.affine, self.view.settings.axis), axis=(1, 2))
        kept = [index for index in self.body.indices if not shown[index]]
        if not kept:
            raise InputError(self.sample.path, "all of its slices show lesions")
        self.body = replace(self.body, indices=kept)

    def samples(self, step: int = 1) -> Iterator[SliceSample]:
        """The slices to look at, one after another."""
        for index in self.body.indices[::step]:
            yield self._sample(index)

    def _sample(self, index: int) -> SliceSample:
        settled = self.view.settled
        values = (self._stack[index].astype(np.float32) - np.float32(self._offset)) / np.float32(self._scale)
        if not np.isfinite(values).all():
            raise InputError(self.sample.path, f"slice {index + 1} has values that are no finite numbers: fill them")
        if self.body.mask is not None:
            values = np.where(self.body.mask[index], values, np.float32(settled.low))
        # Clipped first: an implant of 30,000 HU would bleed into its surroundings.
        pixels = cut(np.clip(values, settled.low, settled.high), self.frame, settled.low)
        pixels.flags.writeable = False
        picture = Picture(pixels, (self.frame.pixels, self.frame.pixels), hashlib.sha256(pixels.tobytes()).hexdigest())
        path = Path(f"{self.sample.key}#{self.view.settings.axis}:{index + 1}")
        band = None if self._bands is None else int(self._bands[index])
        return SliceSample(path, picture=picture, value_range=(settled.low, settled.high), band=band, gap=self._gap)


def scaling(volume: Volume, body: Body, axis: str) -> tuple[float, float]:
    """The scan's own 1st percentile of what is looked at, and how far the 99th lies above it."""
    stack = planes(volume.array, volume.affine, axis)
    values = stack[::2, ::2, ::2] if body.mask is None else stack[::2, ::2, ::2][body.mask[::2, ::2, ::2]]
    low, high = np.percentile(values, (1, 99)) if values.size else (0.0, 1.0)
    return float(low), float(high - low) if high > low else 1.0


def cut(pixels: NDArray[np.float32], frame: SquareFrame, fill: float) -> NDArray[Any]:
    """The square of a slice, antialiased and bilinear; ``fill`` where it reaches beyond the slice."""
    left, top, right, bottom = frame.box
    rows, columns = pixels.shape
    before = (max(0, int(np.ceil(-top))), max(0, int(np.ceil(-left))))
    after = (max(0, int(np.ceil(bottom - rows))), max(0, int(np.ceil(right - columns))))
    padded = np.pad(pixels, tuple(zip(before, after, strict=True)), constant_values=fill)
    box = (left + before[1], top + before[0], right + before[1], bottom + before[0])
    size = (frame.pixels, frame.pixels)
    return np.array(Image.fromarray(padded).resize(size, Image.Resampling.BILINEAR, box=box))


def volume_key(slice_key: str) -> str:
    """The key of the scan that a slice belongs to."""
    return slice_key.rpartition("#")[0]
