"""The three planes through a volume on patient axes: slices, letters at their edges, places in them."""

from __future__ import annotations

from enum import Enum

import numpy as np

from ad_desktop.data.volumes.volume import Affine, Array, Volume

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
_OBLIQUE_DEGREES = 1.0


class Plane(Enum):
    """A plane by its array axes (z, y, x).

    ``axis`` is the one it is cut across, ``rows`` that along which its rows follow each other, ``columns`` that of
    its columns.

    It presumes x towards the left, y towards the back, z towards the head, as ``patient_axes`` makes them.
    """

    AXIAL = (0, 1, 2)
    CORONAL = (1, 0, 2)
    SAGITTAL = (2, 0, 1)

    def __init__(self, axis: int, rows: int, columns: int) -> None:
        # Plain attributes: they are asked for a hundred times a frame.
        self.axis = axis
        self.rows = rows
        self.columns = columns

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name.capitalize()

    @property
    def upward(self) -> bool:
        """Whether its first row belongs at the bottom: the head is up."""
        return self is not Plane.AXIAL

    def mirrored(self, neurological: bool) -> bool:
        """Whether its first column belongs at the right: in the neurological view the patient's left is at the left."""
        return neurological and self is not Plane.SAGITTAL

    def cut(self, array: Array, index: int) -> Array:
        """The slice at ``index`` of an array (z, y, x); a view."""
        found: Array = array[(slice(None),) * self.axis + (index,)]
        return found

    def spacing(self, volume: Volume) -> tuple[float, float]:
        """Distance in mm between its rows and between its columns."""
        return volume.spacing[self.rows], volume.spacing[self.columns]

    def shape(self, volume: Volume) -> tuple[int, int]:
        """Its rows and columns."""
        return volume.shape[self.rows], volume.shape[self.columns]

    def letters(self, volume: Volume, neurological: bool = False) -> tuple[str, str, str, str]:
        """The side of the patient at the left, right, top and bottom edge, as nearly as the volume's axes tell."""
        left, right = axis_letters(volume.affine, 2 - self.columns)
        top, bottom = axis_letters(volume.affine, 2 - self.rows)
        if self.mirrored(neurological):
            left, right = right, left
        if self.upward:
            top, bottom = bottom, top
        return left, right, top, bottom


def axis_letters(affine: Affine, axis: int) -> tuple[str, str]:
    """The sides of the patient where index axis ``axis`` (x first) starts and where it ends."""
    column = affine[:3, axis]
    space = int(np.argmax(np.abs(column)))
    first, last = _LETTERS[space]
    return (first, last) if column[space] > 0 else (last, first)


def obliquity(volume: Volume) -> float:
    """The largest angle in degrees between an axis of the volume and the axis of the patient next to it."""
    columns = np.abs(volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0))
    return float(np.degrees(np.arccos(np.clip(columns.max(axis=0), 0, 1))).max())


def is_oblique(volume: Volume) -> bool:
    """Whether its planes are not the patient's own."""
    return obliquity(volume) > _OBLIQUE_DEGREES
