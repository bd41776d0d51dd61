"""Healthy brain scans with label maps, aligned, and networks fitted on them, for AutoPaint's benchmarks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from safetensors.numpy import load_file

from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Volume, flipped_lps_ras
from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Recipe, Scan
from ad_desktop.detectors.painting.grid import Grid
from ad_desktop.detectors.painting.intensity import Scaling
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.workflows.store import load_model


@dataclass(frozen=True)
class Fitted:
    """A network, the grid it works on, the healthy mean and spread there, and how a scan is made even.

    ``lay`` brings any volume and its mask to the grid, and tells the grid's affine.
    """

    painter: Painter
    grid: Grid
    mean: np.ndarray
    spread: np.ndarray
    even: Callable[[Scan], Scan] = lambda scan: scan
    lay: Callable[[Volume, np.ndarray], tuple[Scan, np.ndarray]] | None = None

    def scan(self, image: Path, labels: Path) -> Scan:
        """A scan laid on the grid, beside the healthy statistics."""
        return self.even(Scan(*aligned_scan(self, image, labels), self.mean, self.spread))


def scans_of(data: Path, part: str) -> list[tuple[Path, Path]]:
    """Scans and their label maps, by name."""
    return [(path, data / part / "labels" / path.name) for path in sorted((data / part / "t1").glob("*.nii.gz"))]


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values (z, y, x) and affine to LPS of a NIfTI file."""
    image = nib.load(path)
    return np.ascontiguousarray(np.asarray(image.dataobj, np.float32).T), flipped_lps_ras(image.affine)


def aligned(grid: Grid, image: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Scaled values and brain mask on the grid."""
    values, affine = read(image)
    brain = read(labels)[0] > 0
    target = grid.affine(place(brain, affine))
    mask = resample(brain.astype(np.float32), affine, target, grid.shape) > 0.5
    scaled = resample(Scaling.for_unit("").apply(values, brain), affine, target, grid.shape)
    return np.where(mask, scaled, 0).astype(np.float32), mask


def aligned_scan(fitted: Fitted, image: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Scaled values and brain mask on the grid of a fitted network."""
    return aligned(fitted.grid, image, labels)


def load_shipped(path: Path, even: bool) -> Fitted:
    """What a model file of scans holds; ``even``: scans are made even as the model has it."""
    import torch

    torch.set_num_threads(1)
    detector = load_model(path, "cpu").detector
    if not isinstance(detector, AutoPaint) or detector.scans_ is None:
        raise SystemExit(f"{path} is no AutoPaint model of scans")
    model = detector.scans_
    found = Fitted(model.painter, model.grid, model.mean, model.spread, lay=model.laid)
    return replace(found, even=lambda scan: model.even(scan)[0]) if even else found


def load_fitted(folder: Path) -> Fitted:
    """What fit_autopaint.py wrote."""
    import torch

    torch.set_num_threads(1)
    told = json.loads((folder / "fitted.json").read_text())
    recipe = Recipe(**told["recipe"])
    net = Inpainter(recipe.inputs, widths=told["widths"])
    arrays = load_file(folder / "weights.safetensors")
    net.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    template = load_file(folder / "template.safetensors")
    grid = Grid.from_json(told["grid"])
    return Fitted(Painter(net, recipe, grid.spacing), grid, template["mean"], template["spread"])
