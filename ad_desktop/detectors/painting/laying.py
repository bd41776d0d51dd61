"""A scan's modalities brought to the grid, each scaled in its own way, and why a scan cannot be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Affine, Volume
from ad_desktop.detectors.painting.grid import Grid
from ad_desktop.detectors.painting.intensity import Scaling, usable
from ad_desktop.errors import UserError

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


def check(volume: Volume, mask: Mask, like: Volume) -> None:
    """``UserError`` if a volume or a partner of it cannot be used, or is not ``like`` the others."""
    reason = usable(volume, mask) or _unlike(volume, like)
    if reason is None and len(volume.partners) != len(like.partners):
        reason = f"{len(volume.partners)} scans come with it, and {len(like.partners)} with the normal scans."
    for partner, other in zip(volume.partners, like.partners, strict=False):
        if reason is None:
            told = usable(partner, np.ones(1, bool)) or _unlike(partner, other)
            reason = told and f"of its {partner.modality or 'partner'}: {told}"
    if reason is not None:
        raise UserError(reason)


def _unlike(volume: Volume, like: Volume) -> str | None:
    if volume.unit != like.unit:
        return f"its values are in {volume.unit or 'no unit'}, those of the normal scans in {like.unit or 'no unit'}."
    if volume.modality and like.modality and volume.modality != like.modality:
        return f"it is {volume.modality}, the normal scans are {like.modality}. Choose a model for its modality."
    return None


def lay(
    volume: Volume, mask: Mask, grid: Grid, scalings: Sequence[Scaling], like: Volume
) -> tuple[list[FloatArray], Mask]:
    """Scaled values of a volume and its partners, and its mask, on the grid; one scaling for each of them.

    Every modality is interpolated once, from its own voxels. ``UserError`` if the volume cannot be used or is not
    ``like`` others.
    """
    check(volume, mask, like)
    affine = grid.affine(place(mask, volume.affine))
    inside = resample(mask.astype(np.float32), volume.affine, affine, grid.shape) > 0.5
    if not inside.any():
        raise UserError("what its mask holds is smaller than a voxel of the grid.")
    images = [_scaled(volume, mask, scalings[0], affine, inside)]
    for partner, scaling in zip(volume.partners, scalings[1:], strict=True):
        covered = resample(mask, volume.affine, partner.affine, partner.shape, nearest=True) > 0.5
        if not covered.any():
            raise UserError(f"its {partner.modality or 'partner'} shows nothing of what is looked at.")
        images.append(_scaled(partner, covered, scaling, affine, inside))
    return images, inside


def _scaled(volume: Volume, mask: Mask, scaling: Scaling, affine: Affine, inside: Mask) -> FloatArray:
    try:
        scaled = scaling.apply(volume.array, mask)
    except ValueError as error:
        raise UserError(f"{error}.") from error
    shape = (inside.shape[0], inside.shape[1], inside.shape[2])
    return np.where(inside, resample(scaled, volume.affine, affine, shape), 0).astype(np.float32)
