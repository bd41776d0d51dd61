"""``ad-desktop evaluate``: the figures, and what goes wrong with data sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import save, textured
from PIL import Image
from program import Run
from sklearn.metrics import average_precision_score, roc_auc_score
from world import make_dataset

FIELDS = {
    "image_auroc", "image_ap", "image_f1_max", "pixel_auroc", "pixel_ap", "aupro", "aupro_limit", "fpr", "tpr",
    "per_defect", "n_normal", "n_anomalous", "errors",
}  # fmt: skip
PIXEL_FIELDS = ("pixel_auroc", "pixel_ap", "aupro", "aupro_limit")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data set of one's own, some of whose defects are faint."""
    root = make_dataset(tmp_path / "set")
    for number in range(3):
        picture = textured(450 + number, 96)
        picture[40:46, 40:46] -= 25
        save(root / "test" / "stain" / f"{number:03}.png", picture)
        mask = np.zeros((96, 96), np.uint8)
        mask[40:46, 40:46] = 255
        save(root / "ground_truth" / "stain" / f"{number:03}_mask.png", mask)
    return root


def test_figures_are_those_of_sklearn_on_what_predict_says(
    run: Run, model: Path, dataset: Path, tmp_path: Path
) -> None:
    figures = run("evaluate", model, dataset, "--json").json
    assert set(figures) >= FIELDS
    out = tmp_path / "out"
    lines = run("predict", model, dataset / "test", "--out", out, "--export", "map,json", "--json").lines
    scores = np.array([line["anomaly_score"] for line in lines])
    kinds = np.array([Path(line["path"]).parent.name for line in lines])
    bad = kinds != "good"
    assert figures["image_auroc"] == pytest.approx(roc_auc_score(bad, scores), abs=1e-12)
    assert figures["image_ap"] == pytest.approx(average_precision_score(bad, scores), abs=1e-12)
    best = max(2 * (bad & (scores >= t)).sum() / (bad.sum() + (scores >= t).sum()) for t in scores)
    assert figures["image_f1_max"] == pytest.approx(best, abs=1e-12)
    flagged = np.array([line["pred_label"] for line in lines])
    assert figures["fpr"] == pytest.approx(flagged[~bad].mean())
    assert figures["tpr"] == pytest.approx(flagged[bad].mean())
    for kind in ("spot", "stain"):
        told, mine = figures["per_defect"][kind], kinds == kind
        assert (told["n"], told["tpr"]) == (3, pytest.approx(flagged[mine].mean()))
        chosen = mine | ~bad
        assert told["image_auroc"] == pytest.approx(roc_auc_score(mine[chosen], scores[chosen]), abs=1e-12)
    assert (figures["n_normal"], figures["n_anomalous"], figures["errors"]) == (5, 6, [])
    table = json.loads((out / "results.json").read_text("utf-8"))
    maps = np.stack([tifffile.imread(out / "anomaly_maps" / f"{row['name']}.tiff") for row in table])
    masks = np.stack([truth(dataset, Path(row["path"])) for row in table])
    assert figures["pixel_auroc"] == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-4)
    assert figures["pixel_ap"] == pytest.approx(average_precision_score(masks.ravel(), maps.ravel()), abs=1e-3)
    assert 0 < figures["aupro"] <= 1
    assert figures["aupro_limit"] == 0.3


def truth(dataset: Path, picture: Path) -> np.ndarray:
    if picture.parent.name == "good":
        return np.zeros((96, 96), bool)
    with Image.open(dataset / "ground_truth" / picture.parent.name / f"{picture.stem}_mask.png") as mask:
        return np.asarray(mask) > 0


def test_without_masks_pixel_figures_are_null(run: Run, model: Path, tmp_path: Path) -> None:
    call = run("evaluate", model, make_dataset(tmp_path, masks=False), "--json")
    assert call.code == 0
    assert [call.json[field] for field in PIXEL_FIELDS] == [None] * 4
    assert call.json["image_auroc"] is not None
    assert "–" in run("evaluate", model, tmp_path).out


def test_a_mask_that_does_not_fit_is_listed_and_the_rest_counts(run: Run, model: Path, dataset: Path) -> None:
    before = run("evaluate", model, dataset, "--json").json
    mask = save(dataset / "ground_truth" / "spot" / "000_mask.png", np.full((50, 50), 255, np.uint8))
    (dataset / "ground_truth" / "spot" / "001_mask.png").write_bytes(b"")
    call = run("evaluate", model, dataset, "--json")
    assert call.code == 1
    errors = {Path(error["path"]).name: error["error"] for error in call.json["errors"]}
    assert set(errors) == {"000_mask.png", "001_mask.png"}
    assert "50 × 50" in errors["000_mask.png"]
    assert str(mask) in call.err
    assert call.json["image_auroc"] == before["image_auroc"]
    assert call.json["n_anomalous"] == 6
    assert call.json["pixel_auroc"] not in (None, before["pixel_auroc"])


def test_a_bad_picture_is_listed_and_left_out(run: Run, model: Path, dataset: Path) -> None:
    (dataset / "test" / "good" / "000.png").write_bytes(b"nothing")
    call = run("evaluate", model, dataset, "--json")
    assert call.code == 1
    assert [Path(error["path"]).name for error in call.json["errors"]] == ["000.png"]
    assert call.json["n_normal"] == 4
    assert "000.png: " in run("evaluate", model, dataset).err


def test_one_class_alone_has_no_ranking_but_rates(run: Run, model: Path, dataset: Path) -> None:
    shutil.rmtree(dataset / "test" / "good")
    only_bad = run("evaluate", model, dataset, "--json").json
    assert (only_bad["image_auroc"], only_bad["fpr"], only_bad["n_normal"]) == (None, None, 0)
    assert only_bad["tpr"] is not None
    assert only_bad["pixel_auroc"] is not None
    assert run("evaluate", model, dataset).code == 0
    make_dataset(dataset)
    for kind in ("spot", "stain"):
        shutil.rmtree(dataset / "test" / kind)
    only_good = run("evaluate", model, dataset, "--json").json
    assert (only_good["image_auroc"], only_good["tpr"], only_good["per_defect"]) == (None, None, {})
    assert only_good["fpr"] is not None
    assert run("evaluate", model, dataset).code == 0


def test_good_beside_bad_is_a_data_set(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "set" / "test" / "good", tmp_path / "OK")
    shutil.copytree(world / "set" / "test" / "spot", tmp_path / "NG")
    figures = run("evaluate", model, tmp_path, "--json").json
    assert (figures["n_normal"], figures["n_anomalous"], list(figures["per_defect"])) == (5, 3, ["NG"])


@pytest.mark.parametrize("name", ["good", "nowhere", "empty", "model.adm", "set/train"])
def test_what_is_no_data_set_is_exit_code_2(name: str, run: Run, model: Path, world: Path) -> None:
    call = run("evaluate", model, world / name, "--json")
    assert (call.code, call.out) == (2, "")
    assert "no test set was found" in call.err


def test_nothing_usable_is_exit_code_2(run: Run, model: Path, dataset: Path) -> None:
    for file in (dataset / "test").rglob("*.png"):
        file.write_bytes(b"")
    call = run("evaluate", model, dataset, "--json")
    assert (call.code, call.out) == (2, "")
    assert "0 bytes" in call.err


def test_the_table_names_metrics_defects_and_rates(run: Run, model: Path, dataset: Path) -> None:
    call = run("evaluate", model, dataset)
    assert call.err == ""
    for word in ("5 normal and 6 anomalous", "Image AUROC", "AUPRO up to FPR 0.3", "Defects found", "spot", "stain"):
        assert word in call.out
