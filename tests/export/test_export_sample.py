from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from ad_desktop.errors import UserError
from ad_desktop.export.record import ExportRecord, OverlayStyle, row_of
from ad_desktop.export.registry import sample_exporters, table_exporters
from ad_desktop.export.write import export_sample

MakeRecord = Callable[..., ExportRecord]


def test_kinds() -> None:
    assert set(sample_exporters()) == {"map", "mask", "overlay"}
    assert set(table_exporters()) == {"csv", "json", "jsonl"}


def test_mask_reads_back(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record()
    [path] = export_sample(record, tmp_path, ["mask"])
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        np.testing.assert_array_equal(np.asarray(image), np.where(record.anomaly_map > 2, 255, 0))


def test_map_reads_back_bit_by_bit_with_its_facts(tmp_path: Path, make_record: MakeRecord) -> None:
    values = np.random.default_rng(0).normal(30, 9, (30, 40)).astype(np.float32)
    [path] = export_sample(make_record(anomaly_map=values, path="in/Größe.png", page=2), tmp_path, ["map"])
    with tifffile.TiffFile(path) as file:
        np.testing.assert_array_equal(file.pages[0].asarray(), values)
        facts = json.loads(file.pages[0].description)
    assert facts["path"] == "in/Größe.png"
    assert (facts["page"], facts["model"], facts["threshold"]) == (3, "gaussian-ad 1a2b", 3.5)
    assert (facts["anomaly_score"], facts["map_threshold"], facts["pred_label"]) == (4.25, 2.0, True)
    with Image.open(path) as image:
        assert image.mode == "F"
        np.testing.assert_array_equal(np.asarray(image), values)


def test_overlay_leaves_normal_pixels_and_marks_the_others(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record()
    [path] = export_sample(record, tmp_path, ["overlay"])
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (40, 30))
        shown = np.asarray(image).astype(int)
    far = np.ones((30, 40), bool)
    far[2:8, 9:16] = far[19:22, 29:32] = False
    np.testing.assert_array_equal(shown[far], record.pixels[far])
    assert (shown[20, 30] == 255).all()
    assert (shown[19, 30] == 0).all()
    assert (shown[3, 10:15] == 255).all()
    # Inside the outline: 60 % of the colour at 3 of 0…4, 40 % of the picture.
    from ad_desktop.export.colour import lut

    expected = 0.6 * lut("inferno")[191] + 0.4 * record.pixels[5, 12]
    assert np.abs(shown[5, 12] - expected).max() <= 2


def test_overlay_of_a_grey_picture_without_a_threshold(tmp_path: Path, make_record: MakeRecord) -> None:
    grey = np.full((30, 40), 100, np.uint8)
    [path] = export_sample(make_record(pixels=grey, map_threshold=None), tmp_path, ["overlay"])
    with Image.open(path) as image:
        shown = np.asarray(image).astype(int)
    assert (shown[0, 0] == 100).all()
    assert np.ptp(shown[20, 30]) > 20


@pytest.mark.parametrize("value", [0.0, -3.0, 7.0])
def test_overlay_of_a_flat_map(tmp_path: Path, make_record: MakeRecord, value: float) -> None:
    flat = np.full((30, 40), value, np.float32)
    record = make_record(anomaly_map=flat, map_threshold=None)
    [path] = export_sample(record, tmp_path, ["overlay"])
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), record.pixels)


def test_style_is_followed(tmp_path: Path, make_record: MakeRecord) -> None:
    style = OverlayStyle("grey", 1.0, (0.0, 5.0), contour=False)
    [path] = export_sample(make_record(style=style), tmp_path, ["overlay"])
    with Image.open(path) as image:
        shown = np.asarray(image)
    assert (shown[20, 30] == 255).all()
    assert (shown[3:7, 10:15] == 153).all()


def test_names_make_folders_and_files_are_replaced(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record(name="crack/漢字.v1")
    kinds = list(sample_exporters())
    written = export_sample(record, tmp_path / "new", kinds)
    assert sorted(p.relative_to(tmp_path / "new").as_posix() for p in written) == [
        "anomaly_maps/crack/漢字.v1.tiff", "overlays/crack/漢字.v1.png", "pred_masks/crack/漢字.v1.png",
    ]  # fmt: skip
    before = written[0].read_bytes()
    assert export_sample(record, tmp_path / "new", kinds) == written
    assert written[0].read_bytes() == before
    assert sum(p.is_file() for p in tmp_path.rglob("*")) == 3


def test_only_what_was_asked_for(tmp_path: Path, make_record: MakeRecord) -> None:
    assert export_sample(make_record(), tmp_path, ["csv"]) == []
    assert list(tmp_path.iterdir()) == []


def test_unknown_kind(tmp_path: Path, make_record: MakeRecord) -> None:
    with pytest.raises(UserError, match=r"'gif'.*overlay"):
        export_sample(make_record(), tmp_path, ["overlay", "gif"])


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../b", ""])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, make_record: MakeRecord, name: str) -> None:
    with pytest.raises(ValueError, match="leaves the export folder"):
        export_sample(make_record(name=name), tmp_path, ["mask"])


def test_no_mask_without_a_threshold(tmp_path: Path, make_record: MakeRecord) -> None:
    with pytest.raises(UserError, match=r"in/part.png: there is no mask"):
        export_sample(make_record(map_threshold=None), tmp_path, ["mask"])
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_file_in_the_way_of_the_folder(tmp_path: Path, make_record: MakeRecord) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match=r"out.* cannot be written"):
        export_sample(make_record(), tmp_path / "out", ["mask"])
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
@pytest.mark.parametrize("kind", ["overlay", "map"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, make_record: MakeRecord, kind: str) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(UserError, match=r"part\.(png|tiff) cannot be written"):
            export_sample(make_record(), tmp_path, [kind])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_shapes_must_agree(make_record: MakeRecord) -> None:
    with pytest.raises(ValueError, match="do not match"):
        make_record(pixels=np.zeros((40, 30, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8 is needed"):
        make_record(pixels=np.zeros((30, 40), np.uint16))


def test_row_measures_the_map(make_record: MakeRecord) -> None:
    row = row_of(make_record(page=0))
    assert (row.area_fraction, row.n_regions, row.peak) == (21 / 1200, 2, 5.0)
    assert (row.page, row.name, row.path, row.error) == (1, "part", "in/part.png", None)
    bare = row_of(make_record(map_threshold=None))
    assert (bare.area_fraction, bare.n_regions, bare.peak) == (None, None, 5.0)
    clean = row_of(make_record(map_threshold=9.0))
    assert (clean.area_fraction, clean.n_regions) == (0.0, 0)
