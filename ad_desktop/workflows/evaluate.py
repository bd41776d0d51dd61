"""Measuring a model on a data set whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.datasets import MvtecDataset, TestItem, find_mvtec, load_mask
from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.data.volumes.truth import load_truth
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import InputError, UserError
from ad_desktop.scoring.metrics import image_metrics
from ad_desktop.scoring.pixel_metrics import PixelMetrics, PixelResult
from ad_desktop.scoring.thresholds import achieved_rate
from ad_desktop.scoring.voxel_metrics import VoxelMetrics, VoxelResult
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.predict import predict

AUPRO_LIMIT = 0.3


@dataclass
class Evaluation:
    """Metrics of a model on a test set, all on raw scores; None where the set does not allow one.

    ``fpr`` and ``tpr`` are shares of normal and anomalous pictures above the model's threshold, with
    95 % Clopper-Pearson intervals; ``per_defect`` holds count, detected share and image AUROC (against
    all normal ones) of each type. Pixel metrics cover what was examined
    of the pictures that are normal or have a mask. For a model of scans ``voxels`` stand in their place
    (None: the model is of pictures), with ``map_threshold``, the map's own.
    """

    threshold: float
    target_fpr: float
    scores: list[float] = field(default_factory=list)
    defects: list[str | None] = field(default_factory=list)
    pixels: PixelResult | None = None
    voxels: VoxelResult | None = None
    map_threshold: float | None = None
    errors: list[Failure] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """All figures, JSON-able."""
        scores, anomalous = np.asarray(self.scores), np.array([d is not None for d in self.defects], bool)
        image = image_metrics(scores, anomalous)
        pixels = self.pixels
        return {
            "image_auroc": image.auroc, "image_ap": image.ap, "image_f1_max": image.f1_max,
            "pixel_auroc": pixels and pixels.auroc, "pixel_ap": pixels and pixels.ap,
            "aupro": pixels and pixels.aupro, "aupro_limit": pixels and pixels.aupro_limit,
            "threshold": self.threshold, "target_fpr": self.target_fpr,
            **self._rate("fpr", scores[~anomalous]), **self._rate("tpr", scores[anomalous]),
            "per_defect": self._per_defect(scores, anomalous),
            "n_normal": int((~anomalous).sum()), "n_anomalous": int(anomalous.sum()),
            **(voxel_figures(self.voxels, self.map_threshold) if self.voxels else {}),
            "errors": [{"path": failure.path, "error": failure.reason} for failure in self.errors],
        }  # fmt: skip

    def _rate(self, name: str, scores: np.ndarray[Any, Any]) -> dict[str, Any]:
        if not len(scores):
            return {name: None, f"{name}_interval": None}
        rate = achieved_rate(int((scores > self.threshold).sum()), len(scores))
        return {name: rate.rate, f"{name}_interval": [rate.low, rate.high]}

    def _per_defect(self, scores: np.ndarray[Any, Any], anomalous: np.ndarray[Any, Any]) -> dict[str, Any]:
        found = {}
        for defect in sorted({d for d in self.defects if d is not None}):
            mine = np.array([d == defect for d in self.defects])
            chosen = mine | ~anomalous
            found[defect] = {
                "n": int(mine.sum()),
                "tpr": float((scores[mine] > self.threshold).mean()),
                "image_auroc": image_metrics(scores[chosen], mine[chosen]).auroc,
            }
        return found


def evaluate(model: FittedModel, folder: Path, task: Task) -> Evaluation:
    """Score a test set in the layout of MVTec AD, one picture in memory at a time; ``UserError`` if it is none."""
    dataset = find_mvtec(folder, task)
    if dataset is None or not dataset.test:
        raise UserError(
            f"{folder}: no test set was found there. Expected is the layout of MVTec AD: test/good, test/<defect>, and "
            "ground_truth/<defect> for masks; or a folder of good beside one of bad pictures."
        )
    return evaluate_dataset(model, dataset, task)


def evaluate_dataset(model: FittedModel, dataset: MvtecDataset, task: Task) -> Evaluation:
    """Score the test pictures of ``dataset``; ``UserError`` if none of them can be used."""
    found = Evaluation(model.threshold.value, model.fpr, errors=list(dataset.failures))
    pixels, voxels = PixelMetrics(AUPRO_LIMIT), VoxelMetrics(model.map_threshold)
    samples = [item.sample for item in dataset.test]
    results = predict(model, samples, task, keep_volumes=True)
    for item, result in zip(dataset.test, results, strict=True):
        try:
            if isinstance(result.prediction, VolumePrediction):
                _add_scan(found, voxels, item, result, result.prediction, model, task)
            else:
                _add(found, pixels, item, result)
        except InputError as error:
            found.errors.append(Failure(error.path, error.reason))
    if not found.scores:
        shown = found.errors[0] if found.errors else Failure(str(dataset.folder), "no picture")
        raise UserError(f"None of the test pictures could be used, such as {shown.path}: {shown.reason}")
    if any(isinstance(sample, VolumeSample) for sample in samples) and (model.scans or model.zero_shot_slices):
        found.voxels, found.map_threshold = voxels.result(), model.map_threshold
    elif any(item.mask is not None for item in dataset.test):
        found.pixels = pixels.result()
    return found


def _add(found: Evaluation, pixels: PixelMetrics, item: TestItem, result: Result) -> None:
    if result.prediction is None:
        raise InputError(item.sample.path, result.error or "it was not checked")
    found.scores.append(result.prediction.anomaly_score)
    found.defects.append(item.defect)
    seen = result.prediction.examined() if result.prediction.examined else None
    if item.mask is not None:
        pixels.add(result.prediction.anomaly_map, load_mask(item.mask, result.prediction.size), seen)
    elif item.defect is None:
        pixels.add(result.prediction.anomaly_map, np.zeros(result.prediction.size, bool), seen)


def _add_scan(
    found: Evaluation, voxels: VoxelMetrics, item: TestItem, result: Result, prediction: VolumePrediction,
    model: FittedModel, task: Task,
) -> None:  # fmt: skip
    found.scores.append(prediction.anomaly_score)
    found.defects.append(item.defect)
    if result.volume is None or (item.mask is None and item.defect is not None):
        return
    truth = np.zeros(prediction.shape, bool) if item.mask is None else load_truth(item.mask, result.volume, task)
    anomaly_map, seen, limit = prediction.anomaly_map, prediction.looked_at, model.map_threshold
    marked = None if limit is None else model.marking.regions(anomaly_map, limit, result.volume, seen)[0] > 0
    voxels.add(anomaly_map, truth, seen, marked)


def voxel_figures(voxels: VoxelResult, map_threshold: float | None) -> dict[str, Any]:
    """The figures of scans beyond those of pictures, JSON-able."""
    found, lesions = voxels.lesions_found, voxels.lesions
    rate = achieved_rate(found, lesions) if found is not None and lesions else None
    return {
        "voxel_auroc": voxels.auroc, "voxel_ap": voxels.ap, "map_threshold": map_threshold,
        "dice": voxels.dice, "dice_mean": voxels.dice_mean, "best_dice": voxels.best_dice,
        "lesions": lesions, "lesions_found": found, "lesion_sensitivity": rate and rate.rate,
        "lesion_sensitivity_interval": rate and [rate.low, rate.high],
        "false_regions_per_scan": voxels.false_regions / voxels.scans
        if voxels.false_regions is not None and voxels.scans else None,
    }  # fmt: skip


def table_rows(figures: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """The figures as lines for people: what, and how much."""
    names = {
        "image_auroc": "Image AUROC", "image_ap": "Image AP", "image_f1_max": "Image F1, best",
        "pixel_auroc": "Pixel AUROC", "pixel_ap": "Pixel AP",
        "aupro": f"AUPRO up to FPR {figures['aupro_limit'] or AUPRO_LIMIT:g}",
    }  # fmt: skip
    rows = [(title, "–" if figures[key] is None else f"{figures[key]:.4f}") for key, title in names.items()]
    if "voxel_auroc" in figures:
        rows = rows[:3] + _scan_rows(figures)
    for key, title in (("fpr", "False positives"), ("tpr", "Defects found")):
        if figures[key] is not None:
            low, high = figures[f"{key}_interval"]
            rows.append((f"{title} at the threshold", f"{figures[key]:.1%}  ({low:.1%} to {high:.1%})"))
    return rows


def _scan_rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    names = {
        "voxel_auroc": "Voxel AUROC", "voxel_ap": "Voxel AP", "dice": "Dice at the map's threshold",
        "dice_mean": "Dice at the map's threshold, mean of scans with lesions",
        "best_dice": "Dice at the threshold that is best for this test set", "lesion_sensitivity": "Lesions found",
        "false_regions_per_scan": "False regions per scan",
    }  # fmt: skip
    return [(title, "–" if figures[key] is None else f"{figures[key]:.4f}") for key, title in names.items()]
