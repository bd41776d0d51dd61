"""Fits the model of healthy brains that ships in resources/models.

Usage: fit_brain_model.py FOLDER [--out MODEL] [--steps N] [--checkpoint FILE]

FOLDER has T1 scans of healthy heads in ``t1`` and, under the same names, label maps in ``labels``; what has no label is
set to 0, as skull stripping does. An interrupted fit goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np

from ad_desktop.data.samples import VolumeSample
from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.detectors.base import Detector
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.store import save_model

TARGET = Path(__file__).parents[1] / "resources" / "models" / "brain-t1.adm"
RATE = 0.1
"""Of healthy scans that are called anomalous: 12 are kept apart, and 0.05 lies far beyond what these can tell."""
ORIGIN = {
    "name": "Healthy brains, T1-weighted MR, skull-stripped",
    "data": "60 scans of the IXI dataset (brain-development.org), resampled to 2 mm, with automatic label maps",
    "licence": "CC BY-SA 3.0, as the data",
    "use": "research only",
}


def stripped(folder: Path, target: Path) -> list[VolumeSample]:
    """Scans without what has no label, written to ``target``."""
    samples = []
    for path in sorted((folder / "t1").glob("*.nii.gz")):
        scan = nibabel.load(path)
        brain = np.asarray(nibabel.load(folder / "labels" / path.name).dataobj) > 0
        # Inside the brain nothing is 0, so that the mask can be told from the values.
        values = np.where(brain, np.maximum(np.rint(np.asarray(scan.dataobj)), 1), 0).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, scan.affine), target / path.name)
        samples.append(VolumeSample(target / path.name))
    return samples


def forget_places(detector: Detector) -> None:
    """Where scans and checkpoint lay says nothing to anybody else."""
    if isinstance(detector, AutoPaint):
        detector.params = replace(detector.params, checkpoint="")
        detector.keys_ = [Path(key).name for key in detector.keys_]
        detector.held_out_ = [Path(key).name for key in detector.held_out_]


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--checkpoint", default="")
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        samples = stripped(options.folder, Path(name))
        params = {"steps": options.steps, "checkpoint": options.checkpoint}
        outcome = fit(samples, FitOptions(detector="autopaint", params=params, fpr=RATE), Task())
    for failure in outcome.failures:
        print(f"{failure.path}: {failure.reason}")
    model = replace(outcome.model, provenance=ORIGIN)
    forget_places(model.detector)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB; map threshold {model.map_threshold:.3f}")


if __name__ == "__main__":
    main()
