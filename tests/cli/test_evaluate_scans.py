"""``ad-desktop evaluate`` on scans: the figures are those of scikit-learn on what ``predict`` writes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from phantoms import AFFINE, SHAPE, lesion_mask, save_nifti, save_scan, save_series
from program import SMALL, Run
from sklearn.metrics import average_precision_score, roc_auc_score

from ad_desktop.__main__ import main


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of scans: one lesion is outlined on other voxels, and one scan is a DICOM series."""
    root = tmp_path_factory.mktemp("set")
    for number in range(8):
        save_scan(root / "train" / "good" / f"{number}.nii.gz", number)
    for number in range(3):
        save_scan(root / "test" / "good" / f"well {number}.nii.gz", 30 + number)
    masks = root / "ground_truth" / "ball"
    for number in range(2):
        save_scan(root / "test" / "ball" / f"ill.{number}.nii.gz", 40 + number, lesion=True)
    save_nifti(lesion_mask(), masks / "ill.0.nii.gz")
    half = AFFINE @ np.diag([0.5, 0.5, 1, 1])
    half[:3, 3] -= half[:3, :3] @ (0.5, 0.5, 0)
    save_nifti(lesion_mask().repeat(2, axis=1).repeat(2, axis=2), masks / "ill.1_mask.nii.gz", half)
    save_series(root / "test" / "ball" / "series", 42, lesion=True)
    save_nifti(lesion_mask()[:, ::-1, ::-1], masks / "series.nii.gz", AFFINE @ turned())
    return root


def turned() -> np.ndarray:
    """Indices counted from the other ends along x and y, as the series has them."""
    affine = np.diag([-1.0, -1, 1, 1])
    affine[:2, 3] = SHAPE[2] - 1, SHAPE[1] - 1
    return affine


@pytest.fixture(scope="module")
def model(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that looks everywhere."""
    target = tmp_path_factory.mktemp("model") / "scans.adm"
    assert main(["fit", str(dataset), "--out", str(target), "--unit", "HU", "--mask", "none", "--groups", "none",
                 *SMALL]) == 0  # fmt: skip
    return target


def test_figures_are_those_of_sklearn_on_what_predict_writes(
    run: Run, model: Path, dataset: Path, tmp_path: Path
) -> None:
    call = run("evaluate", model, dataset, "--json")
    assert call.code == 0
    figures = call.json
    assert call.err.count("nearest neighbour") == 1
    assert (figures["n_normal"], figures["n_anomalous"], figures["errors"]) == (3, 3, [])
    out = tmp_path / "out"
    lines = run("predict", model, dataset / "test", "--out", out, "--export", "map,mask,json", "--json").lines
    bad = np.array(["ball" in line["path"] for line in lines])
    scores = [line["anomaly_score"] for line in lines]
    assert figures["image_auroc"] == pytest.approx(roc_auc_score(bad, scores), abs=1e-12)
    assert figures["image_ap"] == pytest.approx(average_precision_score(bad, scores), abs=1e-12)
    table = json.loads((out / "results.json").read_text("utf-8"))
    maps, marks, masks = [], [], []
    for row in table:
        maps.append(np.asarray(nibabel.load(out / row["name"] / "anomaly_map.nii.gz").dataobj).T)
        marks.append(np.asarray(nibabel.load(out / row["name"] / "pred_mask.nii.gz").dataobj).T > 0)
        truth = lesion_mask() if "ball" in row["path"] else np.zeros(SHAPE, np.uint8)
        masks.append(truth[:, ::-1, ::-1] if row["path"].endswith("series") else truth)
    anomaly, marked, truth = np.array(maps).ravel(), np.array(marks).ravel(), np.array(masks).ravel() > 0
    assert figures["voxel_auroc"] == pytest.approx(roc_auc_score(truth, anomaly), abs=1e-9)
    assert figures["voxel_ap"] == pytest.approx(average_precision_score(truth, anomaly), abs=1e-9)
    assert figures["dice"] == pytest.approx(2 * (truth & marked).sum() / (truth.sum() + marked.sum()), abs=1e-12)
    assert figures["best_dice"] >= figures["dice"]
    found = sum(bool(mark[np.array(mask) > 0].any()) for mark, mask in zip(marks, masks, strict=True))
    assert (figures["lesions"], figures["lesions_found"]) == (3, found)
    assert found > 0
    regions = sum(len(json.loads((out / row["name"] / "regions.json").read_text("utf-8"))["regions"]) for row in table)
    assert figures["false_regions_per_scan"] <= regions / 6


def test_the_table_names_what_is_measured_of_scans(run: Run, model: Path, dataset: Path) -> None:
    out = run("evaluate", model, dataset).out
    for word in ("3 normal and 3 anomalous scans", "Voxel AUROC", "Lesions found", "best for this test set", "ball"):
        assert word in out
    assert "Pixel" not in out


def test_a_mask_of_another_scan_is_listed_and_the_rest_counts(
    run: Run, model: Path, dataset: Path, tmp_path: Path
) -> None:
    save_scan(tmp_path / "test" / "good" / "a.nii.gz", 60)
    save_scan(tmp_path / "test" / "ball" / "b.nii.gz", 61, lesion=True)
    far = AFFINE.copy()
    far[0, 3] += 1000
    mask = save_nifti(lesion_mask(), tmp_path / "ground_truth" / "ball" / "b.nii.gz", far)
    call = run("evaluate", model, tmp_path, "--json")
    assert (call.code, call.json["n_anomalous"], call.json["lesions"]) == (1, 1, 0)
    assert [error["path"] for error in call.json["errors"]] == [str(mask)]
    assert call.json["voxel_auroc"] is None
    assert call.json["false_regions_per_scan"] is not None
