"""``ad-desktop info`` and ``convert`` on scans."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import image, save, values, write_series
from program import Run

AXES = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0)
"""Rows and columns turned by 37° about the patient's long axis."""


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``one`` (oblique CT), ``two`` (CT and MR beside a text), ``parts`` (4-D), and ``plain.nii.gz``."""
    home = tmp_path_factory.mktemp("scans")
    write_series(home / "one", axes=AXES)
    write_series(home / "two" / "a", series="1.4", SeriesDescription="Chest")
    write_series(home / "two" / "b", series="1.5", Modality="MR", SeriesDescription="T1")
    (home / "two" / "notes.txt").write_text("nothing")
    for at in range(6):
        pixels = values(6)[at]
        save(image(pixels, (0, 0, at % 3), AcquisitionNumber=1 + at // 3), home / "parts" / f"{at}.dcm")
    array = np.linspace(0, 20, 60, dtype=np.float32).reshape(3, 4, 5)
    nib.save(nib.Nifti1Image(array.T, np.diag([-1.0, -2.0, 3.0, 1.0])), home / "plain.nii.gz")
    return home


def test_info_tells_the_series_of_a_folder(run: Run, scans: Path) -> None:
    call = run("info", scans / "two", "--json")
    assert (call.code, call.err) == (0, "")
    assert call.json["pictures"] == 0
    chest, brain = call.json["series"]
    stored = values(6).astype(int) - 1024
    assert {name: chest[name] for name in ("modality", "description", "slices", "size", "orientation", "unit")} == {
        "modality": "CT", "description": "Chest", "slices": 6, "size": [7, 5, 6], "orientation": "LPS", "unit": "HU",
    }  # fmt: skip
    assert chest["spacing"] == [0.75, 0.5, 2.0]
    assert (chest["minimum"], chest["maximum"]) == (stored.min(), stored.max())
    assert chest["mean"] == pytest.approx(stored.mean())
    assert (brain["modality"], brain["unit"], brain["series"]) == ("MR", "", "1.5")
    words = run("info", scans / "two").out
    assert all(word in words for word in ("Chest", "T1", "HU", "7,5,6"))


def test_info_tells_what_a_volume_file_is(run: Run, scans: Path) -> None:
    told = run("info", scans / "plain.nii.gz", "--json").json
    (facts,) = told["series"]
    assert (told["kind"], facts["size"], facts["orientation"], facts["unit"]) == ("scan", [5, 4, 3], "LPS", "")
    assert (facts["minimum"], facts["maximum"]) == (0, 20)


def test_info_warns_of_a_missing_slice(run: Run, tmp_path: Path) -> None:
    write_series(tmp_path / "gap", [0, 2, 4, 8, 10, 12])
    (facts,) = run("info", tmp_path / "gap", "--json").json["series"]
    assert (facts["slices"], facts["size"][2]) == (6, 7)
    assert "missing" in facts["warnings"][0]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_convert_writes_hu_where_simpleitk_sees_the_series(run: Run, scans: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"out{ending}"
    call = run("convert", scans / "one", "--out", target, "--json")
    assert (call.code, call.err) == (0, "")
    assert (call.json["unit"], call.json["out"], call.json["size"]) == ("HU", str(target), [7, 5, 6])
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(scans / "one")))
    theirs, ours = reader.Execute(), sitk.ReadImage(str(target))
    assert np.array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs))
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(ours, name)(), getattr(theirs, name)(), atol=1e-5)
    assert nib.load(target).header["descrip"].tobytes().startswith(b"HU")


def test_convert_asks_which_of_several_series(run: Run, scans: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.nii.gz"
    call = run("convert", scans / "two", "--out", target)
    assert (call.code, call.out) == (2, "")
    assert all(word in call.err for word in ("several scans", "--series", "1  Chest  CT", "2  T1  MR", "1.4", "1.5"))
    assert not target.exists()
    assert run("convert", scans / "two", "--series", "3", "--out", target).code == 2
    for chosen in ("2", "1.5"):
        assert run("convert", scans / "two", "--series", chosen, "--out", target, "--json").json["modality"] == "MR"


def test_convert_asks_which_part_of_a_series(run: Run, scans: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.nii"
    call = run("convert", scans / "parts", "--series", "1.2.3", "--out", target)
    assert call.code == 2
    assert "several parts" in call.err
    assert run("convert", scans / "parts", "--series", "2", "--out", target).code == 0
    assert np.array_equal(np.asarray(nib.load(target).dataobj).T, values(6)[3:].astype(int) - 1024)


@pytest.mark.parametrize(("unit", "expected"), [("HU", "HU"), ("SUVbw", "SUVbw"), ("none", ""), (None, "")])
def test_convert_takes_the_users_word_for_the_unit(
    run: Run, scans: Path, tmp_path: Path, unit: str | None, expected: str
) -> None:
    more = [] if unit is None else ["--unit", unit]
    told = run("convert", scans / "plain.nii.gz", "--out", tmp_path / "o.nii", *more, "--json").json
    assert told["unit"] == expected
    assert run("convert", scans / "one", "--out", tmp_path / "o.nii", *more, "--json").json["unit"] == "HU"


def test_convert_refuses_what_it_cannot_write_or_read(run: Run, scans: Path, tmp_path: Path) -> None:
    call = run("convert", scans / "one", "--out", tmp_path / "out.mha")
    assert (call.code, ".nii.gz" in call.err) == (2, True)
    call = run("convert", tmp_path / "gone", "--out", tmp_path / "out.nii")
    assert (call.code, "does not exist" in call.err) == (2, True)
    (tmp_path / "none").mkdir()
    call = run("convert", tmp_path / "none", "--out", tmp_path / "out.nii")
    assert (call.code, "no scans" in call.err) == (2, True)
    assert run("convert", scans / "one", "--out", tmp_path / "out.nii", "--unit", "K").code == 2
    assert not (tmp_path / "out.nii").exists()
