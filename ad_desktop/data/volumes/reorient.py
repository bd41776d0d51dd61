"""Turning a volume's axes so that its slices are (nearly) axial, coronal and sagittal, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from ad_desktop.data.volumes.volume import Affine, Array, Volume


@dataclass(frozen=True)
class Reorientation:
    """Which array axis (z, y, x) goes where, and which of them are turned round.

    ``order`` gives, for each new array axis, the old one; ``flips`` says which new axes run backwards.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def to_patient(cls, affine: Affine) -> Reorientation:
        """The one after which x grows to the left, y to the back and z to the head, as nearly as can be."""
        # Rows: axes of space, columns: axes of the array, both x first; each is a share of the voxel's own length.
        shares = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        best = max(permutations(range(3)), key=lambda p: sum(abs(shares[axis, p[axis]]) for axis in range(3)))
        flips = tuple(bool(shares[axis, best[axis]] < 0) for axis in range(3))
        z, y, x = (2 - best[axis] for axis in (2, 1, 0))
        return cls((z, y, x), (flips[2], flips[1], flips[0]))

    def apply(self, array: Array) -> Array:
        """The array (z, y, x) turned; a view, nothing is copied."""
        turned = array.transpose(self.order)
        return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def undo(self, array: Array) -> Array:
        """A turned array as it was; a view."""
        unflipped = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]
        return unflipped.transpose(tuple(int(axis) for axis in np.argsort(self.order)))

    def turn(self, volume: Volume) -> Volume:
        """The volume on turned axes; every voxel keeps its position."""
        array = self.apply(volume.array)
        shape = [volume.array.shape[axis] for axis in self.order]
        matrix = np.eye(4)
        matrix[:3, :3] = 0
        for new in range(3):
            row, column = 2 - self.order[new], 2 - new
            matrix[row, column] = -1 if self.flips[new] else 1
            matrix[row, 3] = shape[new] - 1 if self.flips[new] else 0
        return replace(volume, array=array, affine=volume.affine @ matrix)


def patient_axes(volume: Volume) -> Volume:
    """The volume with x towards the left, y towards the back, z towards the head, as nearly as its axes allow."""
    return Reorientation.to_patient(volume.affine).turn(volume)
