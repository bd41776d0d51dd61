"""Results of scans as DICOM: Secondary Captures and segmentations of multi-frame files, read back with highdicom."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from phantoms import ct_slice
from pydicom.uid import EnhancedCTImageStorage, SecondaryCaptureImageStorage, generate_uid
from test_volume_files import oblique_series, record_of

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.opening import find_volumes, load_volume
from ad_desktop.errors import UserError
from ad_desktop.export.dicom_source import source_of
from ad_desktop.export.write import export_volume
from ad_desktop.export.writers.key_slice import key_slice

ORDER = [3, 0, 2, 1, 4, 11, 5, 6, 10, 7, 9, 8]
"""The slice that each frame of the multi-frame file is."""


def multi_frame(path: Path) -> Path:
    """An Enhanced CT of twelve frames in no order, 2 mm apart."""
    data = ct_slice(0, (generate_uid(), generate_uid(), generate_uid()), "Test^Frames")
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = EnhancedCTImageStorage
    data.Rows, data.Columns, data.NumberOfFrames = 20, 24, len(ORDER)
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 1
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    measures, orientation, scale, shared = (pydicom.Dataset() for _ in range(4))
    measures.PixelSpacing, measures.SliceThickness = [1.5, 1.5], 2
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 1, -1024, "HU"
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    shared.PixelValueTransformationSequence = [scale]
    groups = []
    for number in ORDER:
        group, place, content = (pydicom.Dataset() for _ in range(3))
        place.ImagePositionPatient = [-11, -8, 2.0 * number]
        content.InStackPositionNumber, content.StackID = number + 1, "1"
        group.PlanePositionSequence, group.FrameContentSequence = [place], [content]
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence = groups, [shared]
    pixels = np.random.default_rng(0).integers(0, 2000, (len(ORDER), 20, 24), dtype=np.int16)
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def test_a_segmentation_of_a_multi_frame_file_lies_on_its_frames(tmp_path: Path) -> None:
    path = multi_frame(tmp_path / "frames.dcm")
    volume = load_volume(VolumeSample(path))
    assert source_of(volume).slices == ORDER
    record = record_of(volume)
    [target] = export_volume(record, tmp_path / "out", ["dicom-seg"])
    told = highdicom.seg.segread(target)
    source = pydicom.dcmread(path)
    frames = told.get_pixels_by_source_frame(
        source.SOPInstanceUID, range(1, len(ORDER) + 1), combine_segments=True, ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )  # fmt: skip
    assert np.array_equal(frames, record.labels[ORDER])
    assert record.labels.any()
    assert told.SeriesInstanceUID != source.SeriesInstanceUID
    assert told.FrameOfReferenceUID == source.FrameOfReferenceUID


def test_frames_without_a_place_are_told(tmp_path: Path) -> None:
    path = multi_frame(tmp_path / "frames.dcm")
    volume = load_volume(VolumeSample(path))
    data = pydicom.dcmread(path)
    del data.PerFrameFunctionalGroupsSequence
    data.save_as(path)
    with pytest.raises(UserError, match="export NIfTI instead"):
        export_volume(record_of(volume), tmp_path / "out", ["dicom-seg"])
    assert not list((tmp_path / "out").iterdir())


def test_a_secondary_capture_belongs_to_the_study(tmp_path: Path) -> None:
    (info,) = find_volumes([oblique_series(tmp_path / "series")]).series
    record = record_of(load_volume(info.sample))
    [target] = export_volume(record, tmp_path / "out", ["dicom-sc"])
    told, source = pydicom.dcmread(target), pydicom.dcmread(next((tmp_path / "series").iterdir()))
    index, picture = key_slice(record)
    assert told.SOPClassUID == SecondaryCaptureImageStorage
    assert (told.StudyInstanceUID, told.PatientID) == (source.StudyInstanceUID, source.PatientID)
    assert told.SeriesInstanceUID != source.SeriesInstanceUID
    assert np.array_equal(told.pixel_array, picture)
    assert list(told.PatientOrientation) == ["L", "P"]
    assert f"slice {index + 1}" in told.DerivationDescription
    assert "Research use only" in told.DerivationDescription
    assert len({channel.tobytes() for channel in np.moveaxis(picture, 2, 0)}) > 1
