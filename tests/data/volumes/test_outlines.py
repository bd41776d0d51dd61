"""RTSTRUCT and SEG files beside series: each is told to belong to the series it was drawn on, or to none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import image, save, values, write_series
from pydicom.dataset import Dataset

from ad_desktop.data.volumes.opening import find_volumes


def drawing(path: Path, series: str = "", frame: str = "", kind: str = "RTSTRUCT", **tags: str) -> Path:
    """A file that names a series and a frame of reference, and has no image."""
    data = image(values(1)[0], Modality=kind, FrameOfReferenceUID=None, SeriesInstanceUID="1.8", **tags)
    for name in ("Rows", "Columns", "PixelData"):
        del data[name]
    named = Dataset()
    named.SeriesInstanceUID = series
    if kind == "SEG":
        data.ReferencedSeriesSequence = [named]
        data.FrameOfReferenceUID = frame
    else:
        study, place = Dataset(), Dataset()
        study.RTReferencedSeriesSequence = [named]
        place.RTReferencedStudySequence = [study]
        place.FrameOfReferenceUID = frame
        data.ReferencedFrameOfReferenceSequence = [place]
    return save(data, path)


def outlines(*paths: Path) -> dict[str, list[str]]:
    found = find_volumes(list(paths))
    assert not found.failures
    return {info.description: [path.name for path in info.outlines] for info in found.series}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_series(tmp_path / "a", series="1.4", SeriesDescription="one")
    write_series(tmp_path / "b", series="1.5", SeriesDescription="two")
    return tmp_path


@pytest.mark.parametrize("kind", ["RTSTRUCT", "SEG"])
def test_the_series_that_is_named_gets_it_wherever_it_lies(folder, kind):
    drawing(folder / "a" / "drawn.dcm", "1.5", "1.9", kind)
    assert outlines(folder) == {"one": [], "two": ["drawn.dcm"]}


def test_of_series_that_share_a_frame_the_nearest_gets_it(folder):
    drawing(folder / "b" / "drawn.dcm", "1.77", "1.9")
    assert outlines(folder) == {"one": [], "two": ["drawn.dcm"]}
    drawing(folder / "between.dcm", "1.77", "1.9")
    assert outlines(folder) == {"one": [], "two": ["drawn.dcm"]}
    drawing(folder / "b" / "elsewhere.dcm", "1.77", "1.6")
    assert outlines(folder) == {"one": [], "two": ["drawn.dcm"]}


def test_findings_of_this_program_are_no_truth(folder):
    drawing(folder / "a" / "found.dcm", "1.4", "1.9", "SEG", Manufacturer="AD Desktop")
    assert outlines(folder) == {"one": [], "two": []}


def test_series_in_parts_get_none(tmp_path):
    for at in range(6):
        save(image(values(6)[at], (0, 0, at % 3), AcquisitionNumber=1 + at // 3), tmp_path / f"{at}.dcm")
    drawing(tmp_path / "drawn.dcm", "1.2.3", "1.9")
    assert [info.outlines for info in find_volumes([tmp_path]).series] == [(), ()]


def test_one_image_named_by_itself_brings_what_lies_beside_it(folder):
    drawing(folder / "a" / "drawn.dcm", "1.4", "1.9")
    assert outlines(folder / "a" / "000.dcm") == {"one": ["drawn.dcm"]}


def test_a_damaged_one_hides_no_series(folder):
    path = drawing(folder / "a" / "drawn.dcm", "1.4", "1.9")
    rng = np.random.default_rng(0)
    whole = bytearray(path.read_bytes())
    for start in range(200, len(whole), 7):
        whole[start] = rng.integers(256)
    path.write_bytes(whole)
    found = find_volumes([folder])
    assert [info.description for info in found.series] == ["one", "two"]


def test_the_real_ones_belong_to_their_series(shared):
    found = find_volumes([shared / "data/dicom/petct_crop_STS_001"])
    owners = {info.outlines: info.sample.path for info in found.series if info.sample.series}
    assert len(owners) == 3
    for paths, scan in owners.items():
        assert [path.parents[1] for path in paths] == [scan.parent]
