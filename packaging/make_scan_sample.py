"""Make the scan with lesions that ships in resources/scans, from a healthy one.

Usage: make_scan_sample.py FOLDER

FOLDER has T1 scans of healthy heads in ``t1`` and, under the same names, label maps in ``labels``, as for
``fit_brain_model.py``; the scan must be none of those that the model in resources/models was fitted on. What has no
label is set to 0, what is empty around the brain is cut off, and two soft-edged ellipsoids are painted in.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

TARGET = Path(__file__).parents[1] / "resources" / "scans"
SOURCE = "IXI213-HH-1642.nii.gz"
NAME = "brain-two-lesions"
MARGIN = 2
"""Voxels around the brain."""


@dataclass(frozen=True)
class Lesion:
    """An ellipsoid of ``half_axes`` (mm) around a ``middle`` (voxel), in the order of the file's axes: P, S, R.

    ``change`` is what its values are raised by, as a share of the brain's range from the 1st to the 99th percentile.
    """

    middle: tuple[int, int, int]
    half_axes: tuple[float, float, float]
    change: float


LESIONS = (Lesion((50, 67, 28), (11.0, 8.0, 9.0), -0.4), Lesion((78, 66, 62), (8.0, 7.0, 7.0), 0.3))


def make(folder: Path) -> tuple[nibabel.Nifti1Image, nibabel.Nifti1Image]:
    """The scan, int16, and the mask of its lesions, uint8: 1 where more than half is painted."""
    scan = nibabel.load(folder / "t1" / SOURCE)
    brain = np.asarray(nibabel.load(folder / "labels" / SOURCE).dataobj) > 0
    # Inside the brain nothing is 0, so that the mask can be told from the values.
    values = np.where(brain, np.maximum(np.asarray(scan.dataobj, np.float64), 1), 0)
    low, high = np.percentile(values[brain], [1, 99])
    mask = np.zeros(values.shape, np.uint8)
    spacing = np.linalg.norm(scan.affine[:3, :3], axis=0)
    rng = np.random.default_rng(0)
    for lesion in LESIONS:
        share = _share(lesion, values.shape, spacing) * brain
        grain = rng.normal(0, 0.02, values.shape)
        values += share * (lesion.change + grain) * (high - low)
        mask[share > 0.5] = 1
    values = np.where(brain, np.maximum(np.rint(values), 1), 0).astype(np.int16)
    inside = np.argwhere(brain)
    first = np.maximum(inside.min(axis=0) - MARGIN, 0)
    box = tuple(slice(a, b + 1 + MARGIN) for a, b in zip(first, inside.max(axis=0), strict=True))
    affine = scan.affine @ np.vstack([np.eye(4)[:, :3].T, [*first, 1]]).T
    made = nibabel.Nifti1Image(values[box], affine), nibabel.Nifti1Image(mask[box], affine)
    for image, text in zip(made, ("IXI213, CC BY-SA 3.0, two lesions painted in", "painted lesions"), strict=True):
        image.header.set_xyzt_units("mm")
        image.header["descrip"] = text.encode()
    return made


def _share(lesion: Lesion, shape: tuple[int, ...], spacing: np.ndarray) -> np.ndarray:
    """How much of each voxel is painted: 1 inside, 0 outside, with an edge of a third of the half axes between."""
    offsets = np.indices(shape) - np.reshape(lesion.middle, (3, 1, 1, 1))
    half = np.reshape(np.asarray(lesion.half_axes) / spacing, (3, 1, 1, 1))
    distance = np.sqrt(((offsets / half) ** 2).sum(axis=0))
    return np.clip((1.15 - distance) / 0.3, 0, 1)


def main() -> None:
    """Write both."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for image, name in zip(make(Path(sys.argv[1])), (NAME, f"{NAME}_mask"), strict=True):
        path = TARGET / f"{name}.nii.gz"
        nibabel.save(image, path)
        print(f"{path}: {image.shape}, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
