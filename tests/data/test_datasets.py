"""Recognising data sets and reading their masks."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from phantoms import save_scan, save_series
from pictures import encoded, save, textured
from PIL import Image

from ad_desktop.data.datasets import MvtecDataset, find_mvtec, load_mask
from ad_desktop.data.images import load
from ad_desktop.errors import InputError


def make(folder: Path, *names: str) -> Path:
    for name in names:
        save(folder / name, textured(0, 8))
    return folder


def found(folder: Path) -> MvtecDataset:
    dataset = find_mvtec(folder)
    assert dataset is not None
    return dataset


def test_the_whole_layout(tmp_path: Path) -> None:
    make(tmp_path, "train/good/2.png", "train/good/10.png", "test/good/000.png", "test/crack/000.png",
         "test/crack/001.png", "test/hole/000.JPG", "ground_truth/crack/000_mask.png", "ground_truth/crack/001.png",
         "ground_truth/hole/000_MASK.PNG", "ground_truth/good/000_mask.png")  # fmt: skip
    dataset = found(tmp_path)
    assert [sample.name for sample in dataset.normal] == ["2.png", "10.png"]
    rows = [(item.sample.path.parent.name, item.defect, item.is_anomalous, item.mask and item.mask.name)
            for item in dataset.test]  # fmt: skip
    assert rows == [
        ("crack", "crack", True, "000_mask.png"), ("crack", "crack", True, "001.png"), ("good", None, False, None),
        ("hole", "hole", True, "000_MASK.PNG"),
    ]  # fmt: skip
    assert dataset.has_masks
    assert dataset.failures == []


def test_a_mask_named_mask_is_preferred(tmp_path: Path) -> None:
    make(tmp_path, "test/crack/a.png", "ground_truth/crack/a.png", "ground_truth/crack/a_mask.png")
    (item,) = found(tmp_path).test
    assert item.mask == tmp_path / "ground_truth" / "crack" / "a_mask.png"


def test_scans_have_masks_that_are_scans_or_contours(tmp_path: Path) -> None:
    make(tmp_path, "test/tumour/a.png", "ground_truth/tumour/a.png", "ground_truth/tumour/b.png")
    for name in ("a.nii.gz", "b.nii", "c.d.nii.gz"):
        save_scan(tmp_path / "test" / "tumour" / name, 0)
    for name in ("a.nii.gz", "C.D_mask.nii.gz", "B_Mask.nii"):
        save_scan(tmp_path / "ground_truth" / "tumour" / name, 0)
    save_series(tmp_path / "test" / "tumour" / "p.1", 0)
    (tmp_path / "ground_truth" / "tumour" / "p.1.dcm").write_bytes(b"contours")
    rows = [(item.sample.path.name, item.mask and item.mask.name) for item in found(tmp_path).test]
    assert rows == [
        ("a.png", "a.png"), ("a.nii.gz", "a.nii.gz"), ("b.nii", "B_Mask.nii"), ("c.d.nii.gz", "C.D_mask.nii.gz"),
        ("p.1", "p.1.dcm"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ok", "OK", "normal", "Good"])
def test_other_words_for_good(tmp_path: Path, name: str) -> None:
    make(tmp_path, f"Train/{name}/1.png", f"TEST/{name}/2.png")
    dataset = found(tmp_path)
    assert len(dataset.normal) == 1
    assert [item.defect for item in dataset.test] == [None]
    assert not dataset.has_masks


def test_train_or_test_alone(tmp_path: Path) -> None:
    assert found(make(tmp_path / "a", "train/good/1.png")).test == []
    assert found(make(tmp_path / "b", "test/good/1.png", "test/crack/1.png")).normal == []


@pytest.mark.parametrize(("good", "bad"), [("good", "bad"), ("OK", "NG"), ("normal", "abnormal"), ("good", "defective"),
                                           ("normal", "Anomalous")])  # fmt: skip
def test_a_pair_of_folders_is_a_test_set(tmp_path: Path, good: str, bad: str) -> None:
    make(tmp_path, f"{good}/1.png", f"{good}/2.png", f"{bad}/1.png", f"ground_truth/{bad}/1_mask.png", "other/x.png")
    dataset = found(tmp_path)
    assert dataset.normal == []
    assert Counter(item.defect for item in dataset.test) == {None: 2, bad: 1}
    assert dataset.has_masks


@pytest.mark.parametrize("names", [
    (), ("a.png",), ("good/a.png",), ("bad/a.png",), ("crack/a.png", "good/a.png"), ("train/crack/a.png",),
    ("train/a.png",), ("test/a.png",),
])  # fmt: skip
def test_other_folders_are_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert find_mvtec(make(tmp_path, *names)) is None


def test_missing_folders_and_files_are_none(tmp_path: Path) -> None:
    assert find_mvtec(tmp_path / "missing") is None
    assert find_mvtec(save(tmp_path / "a.png", textured(0, 8))) is None


def test_empty_folders_are_named(tmp_path: Path) -> None:
    make(tmp_path, "train/good/1.png", "test/good/1.png")
    (tmp_path / "test" / "crack").mkdir()
    dataset = found(tmp_path)
    assert [failure.path for failure in dataset.failures] == [str(tmp_path / "test" / "crack")]


def test_no_mask_for_single_pages(tmp_path: Path) -> None:
    make(tmp_path, "ground_truth/crack/a_mask.png", "test/crack/b.png")
    pages = [Image.fromarray(textured(seed, 8)) for seed in range(2)]
    (tmp_path / "test" / "crack" / "a.tif").write_bytes(
        encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    )
    assert [(item.sample.page, item.mask) for item in found(tmp_path).test] == [(0, None), (1, None), (None, None)]


def test_magnetic_tile(shared: Path) -> None:
    folder = shared / "data" / "magnetic_tile"
    dataset = found(folder)
    with (folder / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    train = {folder / row["path"] for row in rows if row["split"] == "train"}
    test = {folder / row["path"]: row for row in rows if row["split"] == "test"}
    assert len(dataset.normal) == 701
    assert {sample.path for sample in dataset.normal} == train
    assert {item.sample.path for item in dataset.test} == set(test)
    assert Counter(item.defect or "good" for item in dataset.test) == Counter(row["kind"] for row in test.values())
    assert Counter(item.defect or "good" for item in dataset.test)["blowhole"] == 115
    for item in dataset.test:
        row = test[item.sample.path]
        assert (item.mask.relative_to(folder).as_posix() if item.mask else "") == row["mask"]
    assert dataset.failures == []


def test_magnetic_tile_masks_have_the_indexed_area(shared: Path) -> None:
    folder = shared / "data" / "magnetic_tile"
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"]]
    for row in rows[::10]:
        size = load_size(folder / row["path"])
        assert size == (int(row["height"]), int(row["width"]))
        mask = load_mask(folder / row["mask"], size)
        assert mask.shape == size
        assert int(mask.sum()) == int(row["defect_px"])


def load_size(path: Path) -> tuple[int, int]:
    from ad_desktop.data.samples import Sample

    return load(Sample(path)).size


@pytest.mark.parametrize("form", ["0 and 255", "0 and 1", "boolean", "rgb", "palette", "16 bits", "opacity"])
def test_masks_of_any_form(tmp_path: Path, form: str) -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[4:9, 6:20] = True
    grey = mask.astype(np.uint8)
    pictures = {
        "0 and 255": Image.fromarray(grey * 255),
        "0 and 1": Image.fromarray(grey),
        "boolean": Image.fromarray(mask),
        "rgb": Image.fromarray(np.dstack([grey * 200, grey * 0, grey * 0])),
        "palette": Image.fromarray(grey * 255).convert("P"),
        "16 bits": Image.fromarray(grey.astype(np.uint16) * 300),
        "opacity": Image.fromarray(np.dstack([np.full((20, 30, 3), 255, np.uint8), grey * 255])),
    }
    path = tmp_path / "mask.png"
    path.write_bytes(encoded(pictures[form], "PNG"))
    read = load_mask(path, (20, 30))
    assert read.dtype == np.bool_
    np.testing.assert_array_equal(read, mask)


def test_a_mask_off_by_rounding_is_stretched(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[:10] = 255
    path = save(tmp_path / "mask.png", mask)
    for size in ((21, 30), (19, 31), (20, 29)):
        read = load_mask(path, size)
        assert read.shape == size
        assert read[:9].all()
        assert not read[11:].any()


@pytest.mark.parametrize("size", [(22, 30), (20, 32), (30, 20), (10, 15)])
def test_a_mask_of_another_size_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = save(tmp_path / "mask.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(InputError, match=f"30 × 20 pixels and its picture {size[1]} × {size[0]}"):
        load_mask(path, size)


def test_a_missing_mask_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_mask(tmp_path / "mask.png", (2, 2))
