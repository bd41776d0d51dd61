"""``fit``, ``predict``, ``update`` and ``info`` on scans."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
from phantoms import AFFINE, lesion_mask, save_scan, save_series
from pictures import save, textured
from program import SMALL, Run

from ad_desktop.__main__ import main

FILES = ["anomaly_map.nii.gz", "key_slice.png", "pred_mask.nii.gz", "regions.csv", "regions.json"]


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight normal scans."""
    folder = tmp_path_factory.mktemp("normal")
    for number in range(8):
        save_scan(folder / f"{number}.nii.gz", number)
    return folder


@pytest.fixture(scope="module")
def model(normal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of them."""
    target = tmp_path_factory.mktemp("model") / "scans.adm"
    arguments = ["fit", str(normal), "--out", str(target), "--unit", "HU", "--axis", "axial", "--groups", "none"]
    assert main([*arguments, *SMALL]) == 0
    return target


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A folder with a scan, one with a lesion as DICOM, and a damaged one."""
    folder = tmp_path / "cases"
    whole = save_scan(folder / "well.nii.gz", 50).read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[:500])
    save_series(folder / "ill", 51, lesion=True)
    return folder


def test_each_scan_has_a_folder_and_a_damaged_one_is_told(run: Run, model: Path, cases: Path) -> None:
    out = cases / "out"
    call = run("predict", model, cases, "--out", out, "--json", "--dicom-seg")
    assert call.code == 1
    lines = {Path(line["path"]).name: line for line in call.lines}
    assert {name: line["pred_label"] for name, line in lines.items()} == {
        "cut.nii.gz": None, "well.nii.gz": False, "ill": True,
    }  # fmt: skip
    assert "damaged" in lines["cut.nii.gz"]["error"]
    # A DICOM SEG is for series; the others are no failures.
    assert lines["well.nii.gz"]["error"] is lines["ill"]["error"] is None
    assert lines["ill"]["slice_scores"]["highest_slice"] in range(7, 14)
    assert sorted(path.name for path in (out / "well").iterdir()) == FILES
    assert sorted(path.name for path in (out / "ill").iterdir()) == sorted([*FILES, "pred_mask.seg.dcm"])
    labels = nibabel.load(out / "ill" / "pred_mask.nii.gz")
    marked = np.argwhere(np.asarray(labels.dataobj) == 1)
    middle = nibabel.affines.apply_affine(labels.affine, marked.mean(axis=0))
    truth = nibabel.affines.apply_affine(AFFINE, np.argwhere(lesion_mask().T).mean(axis=0))
    assert np.linalg.norm(middle - truth) < 12
    segmentation = highdicom.seg.segread(out / "ill" / "pred_mask.seg.dcm")
    assert segmentation.number_of_segments == lines["ill"]["regions"]
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    assert len(json.loads((out / "results.json").read_text("utf-8"))) == 3


def test_dicom_results_need_a_folder(run: Run, model: Path, cases: Path) -> None:
    call = run("predict", model, cases / "ill", "--dicom-seg")
    assert (call.code, call.out) == (2, "")
    assert "--out" in call.err
    call = run("predict", model, cases / "ill", "--dicom-sc", "--out", cases / "out", "--export", "csv", "--json")
    assert call.code == 0
    told = pydicom.dcmread(cases / "out" / "ill" / "key_slice.sc.dcm")
    assert told.StudyInstanceUID == pydicom.dcmread(cases / "ill" / "00.dcm").StudyInstanceUID
    assert not (cases / "out" / "ill" / "pred_mask.seg.dcm").exists()


def test_earlier_results_are_no_scans_to_check(run: Run, model: Path, cases: Path) -> None:
    first = run("predict", model, cases, "--out", cases, "--json", "--dicom-seg")
    again = run("predict", model, cases, "--out", cases, "--json", "--dicom-seg")
    assert again.lines == first.lines
    assert "earlier results" in again.err


def test_pictures_among_scans_are_told(run: Run, model: Path, normal: Path, cases: Path, tmp_path: Path) -> None:
    picture = save(tmp_path / "picture.png", textured(0, 32))
    call = run("predict", model, picture, cases / "well.nii.gz", "--json")
    assert call.code == 1
    assert [line["error"] is None for line in call.lines] == [False, True]
    assert "this is a picture" in call.lines[0]["error"]
    call = run("fit", normal, picture, "--out", tmp_path / "mixed.adm", *SMALL)
    assert (call.code, (tmp_path / "mixed.adm").exists()) == (2, False)
    assert "8 scans and 1 pictures" in call.err


def test_a_model_of_scans_is_updated(run: Run, model: Path, normal: Path, cases: Path, tmp_path: Path) -> None:
    call = run(
        "update", model, "--add", cases / "well.nii.gz", "--remove", normal / "3.nii.gz", cases / "cut.nii.gz",
        "--out", tmp_path / "updated.adm", "--json",
    )  # fmt: skip
    assert (call.code, call.json["n_normal"]) == (1, 8)
    assert [Path(error["path"]).name for error in call.json["errors"]] == ["cut.nii.gz"]
    told = run("info", tmp_path / "updated.adm", "--json").json
    assert told["scans"]["heights"]["count"] >= 1
    call = run("update", model, "--remove", normal, "--out", tmp_path / "none.adm")
    assert (call.code, "two normal scans" in call.err) == (2, True)


def test_info_tells_how_scans_are_seen(run: Run, model: Path) -> None:
    told = run("info", model, "--json").json
    assert told["scans"]["settings"]["axis"] == "axial"
    assert told["scans"]["settled"]["unit"] == "HU"
    assert "normal scans, and there are" in told["threshold"]["basis"]


def test_a_damaged_scan_is_left_out_of_a_fit(run: Run, normal: Path, tmp_path: Path) -> None:
    folder = tmp_path / "normal"
    shutil.copytree(normal, folder)
    (folder / "3.nii.gz").write_bytes(b"nothing")
    call = run("fit", folder, "--out", tmp_path / "m.adm", "--step", "4", "--unit", "HU", "--json", *SMALL)
    assert (call.code, call.json["n_normal"]) == (1, 7)
    assert [Path(error["path"]).name for error in call.json["errors"]] == ["3.nii.gz"]
