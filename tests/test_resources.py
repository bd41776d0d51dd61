"""The files that come with the program: found, whole, and made by the scripts beside them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from ad_desktop import resources
from ad_desktop.errors import UserError
from ad_desktop.resources import resource

PACKAGING = Path(__file__).parents[1] / "packaging"
DEFECTS = ("chip", "dent", "hole", "rust", "scratch")
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


@pytest.fixture(scope="module")
def make_sample() -> ModuleType:
    sys.path.insert(0, str(PACKAGING))
    try:
        return importlib.import_module("make_sample")
    finally:
        sys.path.remove(str(PACKAGING))


def test_checkout_resources_are_found() -> None:
    assert resource("sample") == PACKAGING.parent / "resources" / "sample"
    assert resource("icons", "ad-desktop.svg").is_file()


def test_installed_resources_come_before_the_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ad_desktop"
    (package / "_resources" / "sample").mkdir(parents=True)
    (tmp_path / "resources" / "sample").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resource("sample") == package / "_resources" / "sample"


def test_frozen_resources_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources" / "icons").mkdir(parents=True)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("icons") == tmp_path / "resources" / "icons"


def test_a_strangers_folder_beside_an_installed_package_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resources" / "sample").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "ad_desktop")
    with pytest.raises(UserError, match="Install AD Desktop again"):
        resource("sample")


def test_a_missing_resource_names_itself_and_where_it_was_looked_for() -> None:
    with pytest.raises(UserError, match=r"sample/none\.jpg is missing") as caught:
        resource("sample", "none.jpg")
    assert str(PACKAGING.parent / "resources") in str(caught.value)


def test_sample_has_the_mvtec_layout() -> None:
    sample = resource("sample")
    counts = {
        folder: len(list(sample.joinpath(folder).glob("*.jpg")))
        for folder in ("train/good", "test/good", *(f"test/{name}" for name in DEFECTS))
    }
    assert counts == {"train/good": 60, "test/good": 15} | {f"test/{name}": 6 for name in DEFECTS}
    assert sorted(path.name for path in (sample / "test").iterdir()) == sorted((*DEFECTS, "good"))
    assert sorted(path.name for path in (sample / "ground_truth").iterdir()) == sorted(DEFECTS)


def test_sample_is_small_and_every_picture_decodes() -> None:
    sample = resource("sample")
    assert sum(path.stat().st_size for path in sample.rglob("*") if path.is_file()) < 3_600_000
    for path in sample.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("RGB", (384, 384))
            low, high = np.percentile(np.asarray(image.convert("L")), (5, 95))
        assert 20 < low < 80, path
        assert 160 < high < 250, path


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_has_its_mask(defect: str) -> None:
    sample = resource("sample")
    masks = {path.name for path in (sample / "ground_truth" / defect).iterdir()}
    assert masks == {f"{path.stem}_mask.png" for path in (sample / "test" / defect).iterdir()}
    for name in masks:
        with Image.open(sample / "ground_truth" / defect / name) as image:
            assert (image.mode, image.size) == ("L", (384, 384))
            mask = np.asarray(image)
        assert set(np.unique(mask)) == {0, 255}
        assert 30 < np.count_nonzero(mask) < 0.05 * mask.size, name


def test_sample_states_its_origin_and_licence() -> None:
    text = resource("sample", "README.md").read_text(encoding="utf-8")
    assert "SPDX-License-Identifier: CC0-1.0 OR Apache-2.0" in text
    assert "packaging/make_sample.py" in text
    assert (PACKAGING / "make_sample.py").is_file()


def test_plan_of_the_script_is_what_is_bundled(make_sample: ModuleType) -> None:
    plan = make_sample.pictures()
    sample = resource("sample")
    planned = {sample / p.path for p in plan} | {sample / p.mask_path for p in plan if p.mask_path}
    assert planned == {path for path in sample.rglob("*") if path.suffix in {".jpg", ".png"}}


@pytest.mark.parametrize(("split", "kind", "number"), [("train", "good", 7), ("test", "scratch", 1)])
def test_script_makes_the_bundled_pictures(make_sample: ModuleType, split: str, kind: str, number: int) -> None:
    picture = next(p for p in make_sample.pictures() if (p.split, p.kind, p.number) == (split, kind, number))
    image, mask = make_sample.render(picture)
    again, mask_again = make_sample.render(picture)
    np.testing.assert_array_equal(image, again)
    with Image.open(resource("sample") / picture.path) as bundled:
        difference = np.abs(np.asarray(bundled).astype(int) - image)
    # What JPEG costs at this quality; another picture of the same part differs by more than 6.
    assert difference.mean() < 2.0
    if kind == "good":
        assert mask is None
    else:
        np.testing.assert_array_equal(mask, mask_again)
        with Image.open(resource("sample") / picture.mask_path) as bundled:
            assert np.count_nonzero(np.asarray(bundled) != mask) <= 4  # the last bit of sin may differ elsewhere


def test_a_defect_changes_the_picture_where_its_mask_says(make_sample: ModuleType) -> None:
    scene = importlib.import_module("sample_scene")
    picture = make_sample.Picture("test", "dent", 0, 1.0)
    image, mask = make_sample.render(picture)
    others = [make_sample.render(make_sample.Picture("test", "good", n))[0] for n in (0, 1)]
    inside = np.abs(image.astype(int) - others[0])[mask > 0].mean()
    usual = np.abs(others[1].astype(int) - others[0])[mask > 0].mean()
    assert image.shape == (scene.SIZE, scene.SIZE, 3)
    assert inside > 2 * usual


@pytest.mark.parametrize("size", ICON_SIZES)
def test_icon_decodes_and_has_an_outline_and_a_highlight(size: int) -> None:
    with Image.open(resource("icons", f"ad-desktop-{size}.png")) as image:
        assert (image.mode, image.size) == ("RGBA", (size, size))
        pixels = np.asarray(image).astype(int)
    assert pixels[0, 0, 3] < 128
    red, _, blue, alpha = pixels[3 * size // 4, 3 * size // 4]
    assert red - blue > 120
    assert alpha == 255


def test_pngs_are_rendered_from_the_svg(qapp: object) -> None:
    sys.path.insert(0, str(PACKAGING))
    try:
        make_icons = importlib.import_module("make_icons")
    finally:
        sys.path.remove(str(PACKAGING))
    assert make_icons.SIZES == ICON_SIZES
    image = make_icons.render(resource("icons", "ad-desktop.svg"), 48)
    rendered = np.frombuffer(image.constBits(), np.uint8).reshape(48, 48, 4)[..., [2, 1, 0, 3]].astype(int)
    with Image.open(resource("icons", "ad-desktop-48.png")) as stored:
        assert np.abs(np.asarray(stored) - rendered).max() <= 8
