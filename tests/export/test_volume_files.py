"""Files of scans, read back with nibabel, SimpleITK and highdicom: equal voxels in equal places."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from phantoms import ct_slice
from pydicom.uid import generate_uid

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.errors import UserError
from ad_desktop.export.volume_record import VolumeRecord
from ad_desktop.export.write import export_volume
from ad_desktop.scoring.volume_regions import find_volume_regions

OBLIQUE = np.array([[0.8, -0.6, 0], [0.6 * 0.6, 0.8 * 0.6, -0.8], [0.6 * 0.8, 0.8 * 0.8, 0.6]])
KINDS = ("map", "mask", "json", "csv")


def record_of(volume: Volume) -> VolumeRecord:
    """A record with two balls of anomaly, placed off every axis of symmetry."""
    index = np.stack(np.indices(volume.shape), axis=-1)
    size = np.array(volume.shape)
    field = np.random.default_rng(0).uniform(0, 1e-6, volume.shape).astype(np.float32)
    for share, peak in (((0.3, 0.25, 0.6), 6.0), ((0.75, 0.6, 0.2), 4.0)):
        field += peak * np.exp(-((((index - size * share) / (0.08 * size)) ** 2).sum(axis=-1))).astype(np.float32)
    labels, regions = find_volume_regions(field, 2.0, volume)
    assert len(regions) == 2
    return VolumeRecord(
        "scan", volume, field, labels, regions, 3.5, 2.5, 2.0, True, 99.0, np.array([np.nan, 1.0]), 1.5,
        model="Gaussian-AD",
    )  # fmt: skip


def oblique_series(folder: Path) -> Path:
    """A tilted head of 12 slices of 20 × 24 pixels, its files named against their order."""
    folder.mkdir()
    uids = (generate_uid(), generate_uid(), generate_uid())
    for number in range(12):
        dataset = ct_slice(number, uids, "Test^Oblique")
        dataset.Rows, dataset.Columns, dataset.PixelSpacing, dataset.SliceThickness = 20, 24, [1.25, 0.75], 2.5
        dataset.ImageOrientationPatient = [*OBLIQUE[:, 0], *OBLIQUE[:, 1]]
        dataset.ImagePositionPatient = list(np.array([-30, 12, 80]) + OBLIQUE[:, 2] * 2.5 * number)
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 1
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        pixels = np.random.default_rng(number).integers(0, 2000, (20, 24), dtype=np.int16)
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(folder / f"{99 - number:02}.dcm", enforce_file_format=True)
    return folder


def read_series(folder: Path, unit: str = "") -> Volume:
    """A series as SimpleITK reads it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = make_affine(image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return Volume(sitk.GetArrayFromImage(image), affine, unit, source=VolumeSample(folder))


def check_segmentation(record: VolumeRecord, path: Path) -> None:
    """Read a SEG with highdicom: every region is a segment, each voxel where it was."""
    found = highdicom.seg.segread(path)
    assert found.Modality == "SEG"
    assert found.number_of_segments == len(record.regions)
    description = found.get_segment_description(1)
    assert (description.segment_label, description.segmented_property_type.value) == ("Anomaly 1", "52988006")
    assert description.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "Gaussian-AD"
    volume = found.get_volume(combine_segments=True)
    # highdicom's affine takes indices (slice, row, column), and its slices may run the other way.
    marked = np.argwhere(volume.array)
    index = record.volume.index(marked @ volume.affine[:3, :3].T + volume.affine[:3, 3])
    assert np.abs(index - np.round(index)).max() < 1e-2
    labels = np.zeros_like(record.labels)
    labels[tuple(np.round(index).astype(int).T[::-1])] = volume.array[tuple(marked.T)]
    assert np.array_equal(labels, record.labels)


@pytest.mark.parametrize("directions", [np.eye(3), np.diag([-1, 1, -1]), OBLIQUE, OBLIQUE[:, [2, 0, 1]]])
def test_nifti_files_lie_on_the_scan(directions: np.ndarray, tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(size=(15, 18, 21)).astype(np.float32)
    record = record_of(Volume(array, make_affine((0.7, 1.1, 3), (5, -60, 700), directions), HU))
    written = export_volume(record, tmp_path / "out", KINDS)
    assert sorted(path.name for path in written) == [
        "anomaly_map.nii.gz", "pred_mask.nii.gz", "regions.csv", "regions.json",
    ]  # fmt: skip
    for name, array in (("anomaly_map", record.anomaly_map), ("pred_mask", record.labels)):
        path = tmp_path / "out" / f"{name}.nii.gz"
        image = sitk.ReadImage(str(path))
        theirs = sitk.GetArrayFromImage(image)
        assert theirs.dtype == array.dtype
        assert np.array_equal(theirs, array)
        for index in ((0, 0, 0), (20, 0, 3), (4, 17, 14)):
            assert image.TransformIndexToPhysicalPoint(index) == pytest.approx(record.volume.position(index), abs=1e-3)
        also = nibabel.load(path)
        assert np.array_equal(np.asarray(also.dataobj), array.T)
        ras = nibabel.affines.apply_affine(also.affine, (4, 17, 14))
        assert ras * [-1, -1, 1] == pytest.approx(record.volume.position((4, 17, 14)), abs=1e-3)


def test_tables_of_regions(tmp_path: Path) -> None:
    record = record_of(Volume(np.zeros((15, 18, 21), np.float32), make_affine((1, 1, 2)), HU))
    export_volume(record, tmp_path, KINDS)
    told = json.loads((tmp_path / "regions.json").read_text())
    assert (told["anomaly_score"], told["slice_scores"]) == (3.5, [None, 1.0])
    assert [region["label"] for region in told["regions"]] == [1, 2]
    with (tmp_path / "regions.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for line, region in zip(lines, record.regions, strict=True):
        assert float(line["volume_ml"]) == region.volume_ml
        assert (float(line["peak_x_mm"]), line["unit"]) == (region.peak_position[0], "HU")


def test_a_segmentation_of_an_oblique_series(tmp_path: Path) -> None:
    volume = read_series(oblique_series(tmp_path / "series"))
    record = record_of(volume)
    export_volume(record, tmp_path / "out", ("dicom-seg",))
    check_segmentation(record, tmp_path / "out" / "pred_mask.seg.dcm")


@pytest.mark.parametrize("folder", ["ct_CRLM-CT-1004/image", "petct_crop_STS_001/PET/dicom/image"])
def test_a_segmentation_of_a_real_series(folder: str, shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "dicom" / folder
    # Their headers are not to the letter of the standard.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record = record_of(read_series(source))
        export_volume(record, tmp_path, ("dicom-seg",))
        check_segmentation(record, tmp_path / "pred_mask.seg.dcm")
        found = pydicom.dcmread(tmp_path / "pred_mask.seg.dcm")
        one = pydicom.dcmread(next(source.glob("*.dcm")), stop_before_pixels=True)
    assert found.StudyInstanceUID == one.StudyInstanceUID
    assert found.FrameOfReferenceUID == one.FrameOfReferenceUID
    assert found.ReferencedSeriesSequence[0].SeriesInstanceUID == one.SeriesInstanceUID


def test_a_segmentation_needs_a_series(tmp_path: Path) -> None:
    record = record_of(Volume(np.zeros((15, 18, 21), np.float32), make_affine((1, 1, 2)), HU))
    with pytest.raises(UserError, match="no DICOM series"):
        export_volume(record, tmp_path, ("dicom-seg",))
    volume = read_series(oblique_series(tmp_path / "series"))
    moved = Volume(volume.array, make_affine((1, 1, 1)), source=volume.source)
    with pytest.raises(UserError, match="12 slices, but"):
        export_volume(record_of(moved), tmp_path, ("dicom-seg",))


def test_a_segmentation_without_regions_says_so_quietly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    volume = read_series(oblique_series(tmp_path / "series"))
    nothing = np.zeros(volume.shape, np.float32)
    record = VolumeRecord("scan", volume, nothing, nothing.astype(np.int16), (), 1.0, 2.5, 2.0, False, model="M")
    export_volume(record, tmp_path / "out", ("dicom-seg",))
    found = highdicom.seg.segread(tmp_path / "out" / "pred_mask.seg.dcm")
    assert found.number_of_segments == 1
    assert not found.pixel_array.any()
    assert caplog.messages == []
