"""DICOM series that clinics send: what is handled right, and what is reported with the names of files."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import image, save, values, write_series
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ad_desktop.data.volumes.opening import find_volumes, load_volume


def only(folder):
    found = find_volumes([folder])
    assert not found.failures
    (info,) = found.series
    return load_volume(info.sample)


def test_slices_are_ordered_by_position_not_by_name(tmp_path):
    stored = write_series(tmp_path, [4, 0, 10, 2, 8, 6])
    volume = only(tmp_path)
    assert np.array_equal(volume.array, stored[[1, 3, 0, 5, 4, 2]].astype(np.int32) - 1024)
    assert volume.array.dtype == np.int16
    assert (volume.spacing, volume.unit, volume.warnings) == ((2.0, 0.5, 0.75), "HU", ())


def test_each_slice_has_its_own_slope(tmp_path):
    stored = values(3)
    for at in range(3):
        save(image(stored[at], (0, 0, at), RescaleSlope=at + 0.5, RescaleIntercept=at), tmp_path / f"{at}.dcm")
    expected = [stored[at] * (at + 0.5) + at for at in range(3)]
    np.testing.assert_allclose(only(tmp_path).array, expected, rtol=1e-6)


def test_texts_that_mean_the_same_number_do_not_split_a_series(tmp_path):
    for at in range(4):
        spacing = ["0.625000", "0.625000"] if at % 2 else ["0.625", "0.625"]
        save(image(values(1)[0], (0, 0, at), PixelSpacing=spacing), tmp_path / f"{at}.dcm")
    assert only(tmp_path).shape == (4, 5, 7)


def test_missing_slices_stay_empty_and_are_named(tmp_path):
    stored = write_series(tmp_path, [0, 2, 4, 6, 8, 10, 14, 16])
    volume = only(tmp_path)
    assert volume.shape[0] == 9
    assert volume.spacing[0] == pytest.approx(2)
    assert np.array_equal(volume.array[8], stored[7].astype(np.int32) - 1024)
    assert (volume.array[6] == volume.array.min()).all()
    assert "missing between 035.dcm and 042.dcm (4.00 mm instead of 2.00 mm)" in volume.warnings[0]


def test_slightly_uneven_spacing_is_told_with_names(tmp_path):
    write_series(tmp_path, [0, 2, 4.15, 6, 8, 10])
    assert "unevenly spaced" in only(tmp_path).warnings[0]
    assert ".dcm and " in only(tmp_path).warnings[0]


def test_two_spacings_are_two_parts(tmp_path):
    write_series(tmp_path, [0, 2, 4, 6, 11, 16, 21, 26])
    found = find_volumes([tmp_path])
    assert [load_volume(info.sample).shape[0] for info in found.series] == [4, 4]
    assert sorted(info.spacing[0] for info in found.series) == pytest.approx([2, 5])
    assert all("split into 2 parts" in info.warnings[0] for info in found.series)


def test_random_spacing_is_refused_with_names(tmp_path):
    write_series(tmp_path, np.cumsum([0, 1, 3, 1.7, 5, 2.2, 4.1, 1.3, 6, 2.9, 7.7, 1.1, 3.9, 5.2, 2.4, 8.8, 1.9, 3.3]))
    found = find_volumes([tmp_path])
    assert not found.series
    assert "without stretching" in found.failures[0].reason
    assert ".dcm" in found.failures[0].reason


def test_a_tilted_gantry_is_kept_exactly(tmp_path):
    for at in range(4):
        save(image(values(1)[0], (0, at * 0.5, at * 2)), tmp_path / f"{at}.dcm")
    volume = only(tmp_path)
    np.testing.assert_allclose(volume.position((0, 0, 3)), (0, 1.5, 6))
    assert "tilted by 14.0°" in volume.warnings[0]


def test_orientations_and_sizes_are_separate_parts(tmp_path):
    stored = write_series(tmp_path)
    for at in range(3):
        save(image(stored[at], (at, 0, 0), axes=(0, 1, 0, 0, 0, -1)), tmp_path / "a" / f"{at}.dcm")
    save(image(stored[0, :4, :4], (0, 0, 0), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), tmp_path / "l.dcm")
    found = find_volumes([tmp_path])
    assert not found.failures
    assert sorted(info.shape for info in found.series)[-1] == (6, 5, 7)
    assert (1, 4, 4) in [load_volume(info.sample).shape for info in found.series]


def test_a_copy_of_a_series_counts_once(tmp_path):
    stored = write_series(tmp_path / "a")
    for path in (tmp_path / "a").iterdir():
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "b" / path.name).write_bytes(path.read_bytes())
    volume = only(tmp_path)
    assert np.array_equal(volume.array, stored.astype(np.int32) - 1024)
    assert "6 images are there twice" in volume.warnings[0]


def test_different_images_at_one_place_are_split_and_told(tmp_path):
    write_series(tmp_path)
    save(image(values(1, 9)[0], (0, 0, 4), number=30), tmp_path / "other.dcm")
    found = find_volumes([tmp_path])
    assert sorted(info.shape[0] for info in found.series) == [1, 6]
    assert any("other.dcm" in warning for warning in found.series[0].warnings)


def test_a_series_over_sub_folders_is_one(tmp_path):
    stored = values(4)
    for at in range(4):
        save(image(stored[at], (0, 0, at)), tmp_path / f"part{at % 2}" / f"{at}.dcm")
    assert np.array_equal(only(tmp_path).array, stored.astype(np.int32) - 1024)


@pytest.mark.parametrize(
    "key", ["TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime", "DiffusionBValue", "EchoTime"]
)
def test_four_dimensions_become_parts(tmp_path, key):
    stored = values(6)
    for at in range(6):
        save(image(stored[at], (0, 0, at % 3), number=at, **{key: 1 + at // 3}), tmp_path / f"{at}.dcm")
    found = find_volumes([tmp_path])
    assert [info.sample.part for info in found.series] == [0, 1]
    for part, info in enumerate(found.series):
        assert np.array_equal(load_volume(info.sample).array, stored[part * 3 : part * 3 + 3].astype(np.int32) - 1024)
        assert not info.warnings


def test_strays_and_directories_are_ignored(tmp_path):
    write_series(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 200)
    (tmp_path / "noname").write_bytes(b"\1" * 300)
    assert only(tmp_path).shape[0] == 6


def test_files_without_suffix_are_found_by_their_mark(tmp_path):
    for at in range(3):
        save(image(values(1)[0], (0, 0, at)), tmp_path / f"1.2.840.{at}")
    assert only(tmp_path).shape[0] == 3


def test_one_file_stands_for_its_series(tmp_path):
    write_series(tmp_path)
    (info,) = find_volumes([tmp_path / "007.dcm"]).series
    assert info.slices == 6


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_compressed_files_hold_the_same_values(tmp_path, syntax, kind):
    wide = np.tile(values(3).astype(np.int32), (1, 14, 10))
    stored = (wide - (1500 if kind is np.int16 else 0)).astype(kind)
    for at in range(3):
        data = image(stored[at], (0, 0, at), RescaleIntercept=0)
        data.compress(syntax, generate_instance_uid=False)
        save(data, tmp_path / f"{at}.dcm")
    assert np.array_equal(only(tmp_path).array, stored)


def test_a_multi_frame_file_uses_each_frames_own_place_and_slope(tmp_path):
    stored = values(4)
    data = image(stored, RescaleSlope=None, RescaleIntercept=None, ImagePositionPatient=None, PixelSpacing=None)
    groups = []
    for at, z in enumerate([6, 0, 4, 2]):
        group, place, scale = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [1, 2, z]
        scale.RescaleSlope, scale.RescaleIntercept = at + 1, 0
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [place], [scale]
        groups.append(group)
    shared, measures = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.75], 2
    shared.PixelMeasuresSequence = [measures]
    data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence = groups, [shared]
    path = save(data, tmp_path / "multi.dcm")
    (info,) = find_volumes([tmp_path]).series
    assert (info.sample.path, info.sample.series) == (path, "")
    volume = load_volume(info.sample)
    assert np.array_equal(volume.array, [stored[at].astype(np.int32) * (at + 1) for at in (1, 3, 2, 0)])
    np.testing.assert_allclose(volume.position((0, 0, 1)), (1, 2, 2))


def test_bits_above_those_stored_are_left_out(tmp_path):
    stored = values(2) | 0x8000
    for at in range(2):
        save(image(stored[at], (0, 0, at), BitsStored=12, HighBit=11), tmp_path / f"{at}.dcm")
    assert np.array_equal(only(tmp_path).array, (stored & 0xFFF).astype(np.int32) - 1024)
