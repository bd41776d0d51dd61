"""DICOM SEG as truth, written by highdicom itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from phantoms import save_series
from pydicom.sr.codedict import codes

from ad_desktop.data.volumes.opening import find_volumes, load_volume
from ad_desktop.data.volumes.truth import load_truth
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.errors import InputError
from ad_desktop.task import Task


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_series(tmp_path_factory.mktemp("scan") / "series", 0)


@pytest.fixture(scope="module")
def scan(series: Path) -> Volume:
    return load_volume(find_volumes([series]).series[0].sample)


def segments(shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Two boxes that overlap, off the middle, (z, y, x, 2)."""
    drawn = np.zeros((*shape, 2), np.uint8)
    drawn[4:9, 3:9, 12:17, 0] = 1
    drawn[7:12, 6:11, 14:20, 1] = 1
    return drawn


def write(path: Path, series: Path, drawn: np.ndarray[Any, Any], kind: SegmentationTypeValues) -> Path:
    """The segments on the slices of the series, which are in the order of their file names."""
    described = [
        SegmentDescription(
            number, f"segment {number}", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Lesion,
            SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, drawn.shape[-1] + 1)
    ]  # fmt: skip
    sources = [pydicom.dcmread(file, stop_before_pixels=True) for file in sorted(series.iterdir())]
    highdicom.seg.Segmentation(
        sources, drawn, kind, described, highdicom.UID(), 5, highdicom.UID(), 1, "Test", "Test", "1", "1",
        max_fractional_value=255,
    ).save_as(path)  # fmt: skip
    return path


@pytest.mark.parametrize("kind", [SegmentationTypeValues.BINARY, SegmentationTypeValues.FRACTIONAL])
def test_all_segments_count(kind: SegmentationTypeValues, series: Path, scan: Volume, tmp_path: Path) -> None:
    drawn = segments(scan.shape)
    pixels = drawn if kind is SegmentationTypeValues.BINARY else np.where(drawn, 0.9, 0.2 * (drawn[..., ::-1] > 0))
    # Stored fractions below a half are no part of a segment.
    path = write(tmp_path / "truth.dcm", series, pixels.astype(drawn.dtype if kind.value == "BINARY" else float), kind)
    task = Task()
    assert np.array_equal(load_truth(path, scan, task), drawn.any(axis=-1))
    # Its empty slices are not stored, but the voxels are the scan's.
    assert task.notes == ()


def test_a_segmentation_is_seen_from_another_grid(series: Path, scan: Volume, tmp_path: Path) -> None:
    path = write(tmp_path / "truth.dcm", series, segments(scan.shape), SegmentationTypeValues.BINARY)
    finer = scan.affine @ np.diag([0.5, 0.5, 0.5, 1])
    finer[:3, 3] += 0.1
    other = Volume(np.zeros([2 * n for n in scan.shape], np.int16), finer, frame_of_reference=scan.frame_of_reference)
    task = Task()
    found = load_truth(path, other, task)
    assert found.sum() == pytest.approx(8 * segments(scan.shape).any(axis=-1).sum(), rel=0.1)
    assert "nearest neighbour" in task.notes[0]


def test_what_is_no_truth_of_the_scan_is_told(series: Path, scan: Volume, tmp_path: Path) -> None:
    path = write(tmp_path / "truth.dcm", series, segments(scan.shape), SegmentationTypeValues.BINARY)
    elsewhere = Volume(scan.array, scan.affine, frame_of_reference="1.2.3")
    with pytest.raises(InputError, match="another frame of reference"):
        load_truth(path, elsewhere, Task())
    far = Volume(scan.array, make_affine((4, 4, 5), (900, 0, 0)), frame_of_reference=scan.frame_of_reference)
    with pytest.raises(InputError, match="another scan"):
        load_truth(path, far, Task())
    damaged = tmp_path / "damaged.dcm"
    data = path.read_bytes()
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        load_truth(damaged, scan, Task())
    (tmp_path / "text.dcm").write_text("nothing")
    with pytest.raises(InputError, match="no DICOM file"):
        load_truth(tmp_path / "text.dcm", scan, Task())
    with pytest.raises(InputError, match="RTSTRUCT"):
        load_truth(next(series.iterdir()), scan, Task())
