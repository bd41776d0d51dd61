"""Makes the scan to try the model of healthy brains on: its own mean brain, with grain and one bright lesion.

Usage: make_brain_sample.py [MODEL] [FOLDER]

Nobody's head: what is shown is the mean of the scans that the model was fitted on, under their licence.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from ad_desktop.data.volumes.volume import flipped_lps_ras, make_affine
from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.export.nifti import SCANNER
from ad_desktop.workflows.store import load_model

MODELS = Path(__file__).parents[1] / "resources" / "models"
SEED = 2026
CENTRE, RADIUS = (0.6, 0.45, 0.65), 5.0
"""Of the lesion: parts of the grid along (z, y, x), and voxels."""
BRIGHTER, GRAIN = 0.45, 0.04


def make(model: Path, folder: Path) -> tuple[Path, Path]:
    """Write the scan and its lesion's mask."""
    detector = load_model(model, "cpu").detector
    if not isinstance(detector, AutoPaint) or detector.scans_ is None:
        raise SystemExit(f"{model} is no model of scans")
    fitted, rng = detector.scans_, np.random.default_rng(SEED)
    # Beyond half of all brains there is no mean to speak of.
    brain = ndimage.binary_opening(fitted.mean > 0.15, iterations=2)
    labels, _ = ndimage.label(brain)
    brain = ndimage.binary_fill_holes(labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1)
    middle = np.array(CENTRE) * brain.shape
    distance = np.linalg.norm(np.moveaxis(np.indices(brain.shape), 0, -1) - middle, axis=-1)
    lesion = np.clip((RADIUS + 0.5 - distance) / 1.5, 0, 1) * brain
    grain = ndimage.gaussian_filter(rng.standard_normal(brain.shape), 0.6)
    values = fitted.mean + GRAIN * grain / grain.std() + BRIGHTER * lesion
    scan = np.where(brain, np.clip(1000 * values, 1, None), 0).astype(np.int16)
    affine = flipped_lps_ras(make_affine([fitted.grid.spacing] * 3))
    paths = folder / "brain.nii.gz", folder / "brain-lesion.nii.gz"
    for path, array in zip(paths, (scan, (lesion > 0.5).astype(np.uint8)), strict=True):
        image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), affine)
        image.set_sform(affine, code=SCANNER)
        nibabel.save(image, path)
    return paths


if __name__ == "__main__":
    chosen = [Path(argument) for argument in sys.argv[1:]]
    make(chosen[0] if chosen else MODELS / "brain-t1.adm", chosen[1] if len(chosen) > 1 else MODELS)
