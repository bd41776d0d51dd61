"""A scan as the program holds it: values, and where each voxel lies in the patient.

Two conventions hold everywhere inside the program, and are left only where a file format or a library wants others:

- arrays are indexed (z, y, x), and ``spacing`` follows that order;
- positions are in millimetres in **LPS** (x grows to the patient's left, y to the back, z to the head), as in DICOM
  and ITK. NIfTI and nibabel use RAS: ``flipped_lps_ras`` goes either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ad_desktop.data.samples import VolumeSample

Array = NDArray[Any]
Affine = NDArray[np.float64]

HU, SUV, BECQUEREL_PER_ML = "HU", "SUVbw", "Bq/ml"
UNKNOWN_UNIT = ""
NO_UNIT = "none"
"""What a user says of values without one; ``UNKNOWN_UNIT``: nobody has said anything."""

_LPS_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
"""For each axis of space, the letter of its lower and of its upper end."""


@dataclass(frozen=True, eq=False)
class Volume:
    """One scan.

    ``array`` (z, y, x) holds real numbers of any type, read-only, in ``unit`` (``HU``, ``SUVbw``, ``Bq/ml``, or empty
    where the file does not say). ``affine`` (4, 4) float64 maps a voxel's index (x, y, z, 1), its centre, to LPS in mm;
    its axes need not be orthogonal. ``modality`` is DICOM's word (``CT``, ``PT``, ``MR``, …; empty: not known).
    ``frame_of_reference`` is DICOM's UID of the space that positions are in. ``warnings`` are what the user
    should know of how the scan was put together; ``facts`` what was used to compute its values, in words. ``partners``
    are other modalities of the same patient and space that are looked at together with it, on voxels of their own.
    """

    array: Array
    affine: Affine
    unit: str = UNKNOWN_UNIT
    modality: str = ""
    source: VolumeSample | None = None
    frame_of_reference: str = ""
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    partners: tuple[Volume, ...] = ()

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or 0 in self.array.shape:
            raise ValueError(f"a volume needs three axes with voxels, not the shape {self.array.shape}")
        affine = np.array(self.affine, np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise ValueError("the affine of a volume has to be 4×4, finite and invertible")
        affine.flags.writeable = False
        array = self.array.view()
        array.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "array", array)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        z, y, x = self.array.shape
        return z, y, x

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Distance in mm between voxels along (z, y, x)."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def orientation(self) -> str:
        """Three letters, for array axes x, y, z: the side of the patient that each grows towards, such as ``LPS``."""
        return "".join(_letter(column) for column in self.affine[:3, :3].T)

    def position(self, index: ArrayLike) -> NDArray[np.float64]:
        """LPS positions (…, 3) in mm of voxel indices (…, 3), both with x first; indices may lie between voxels."""
        return np.asarray(np.asarray(index, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def index(self, position: ArrayLike) -> NDArray[np.float64]:
        """Voxel indices (…, 3), x first, of LPS positions (…, 3) in mm; not rounded."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(position, np.float64) @ inverse[:3, :3].T + inverse[:3, 3])

    def with_array(self, array: Array, unit: str | None = None) -> Volume:
        """Another array (z, y, x) on the same voxels."""
        if array.shape != self.array.shape:
            raise ValueError(f"an array of shape {array.shape} does not lie on voxels of shape {self.array.shape}")
        return replace(self, array=array, unit=self.unit if unit is None else unit)

    def same_grid(self, other: Volume, tolerance_mm: float = 1e-3) -> bool:
        """Whether both have the same voxels: equal shapes, and all corners within ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        corners = _corners(self.shape)
        return bool(np.abs(self.position(corners) - other.position(corners)).max() <= tolerance_mm)


def make_affine(spacing: ArrayLike, origin: ArrayLike = (0, 0, 0), directions: ArrayLike | None = None) -> Affine:
    """An affine from spacings (x, y, z) in mm, the LPS position of voxel 0, and the axes' directions as columns (3, 3).

    The arguments are those of ``SimpleITK.Image`` (GetSpacing, GetOrigin, GetDirection as 3×3).
    """
    affine = np.eye(4)
    columns = np.eye(3) if directions is None else np.asarray(directions, np.float64).reshape(3, 3)
    affine[:3, :3] = columns * np.asarray(spacing, np.float64)
    affine[:3, 3] = origin
    return affine


def flipped_lps_ras(affine: ArrayLike) -> Affine:
    """An affine to LPS from one to RAS, or the other way round."""
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine, np.float64)


def _letter(column: NDArray[np.float64]) -> str:
    axis = int(np.argmax(np.abs(column)))
    return _LPS_LETTERS[axis][int(column[axis] > 0)]


def _corners(shape: tuple[int, int, int]) -> NDArray[np.float64]:
    z, y, x = (length - 1 for length in shape)
    return np.array([(i, j, k) for i in (0, x) for j in (0, y) for k in (0, z)], np.float64)
