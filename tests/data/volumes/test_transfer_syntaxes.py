"""DICOM files in the transfer syntaxes that devices use, encoded by GDCM, and what decoders and headers doubt."""

from __future__ import annotations

from pathlib import Path

import gdcm
import numpy as np
import pytest
from dicom_files import image, save, values
from pydicom import dcmread

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.opening import load_volume
from ad_desktop.errors import InputError

LOSSLESS = {
    "JPEGLosslessProcess14_1": "1.2.840.10008.1.2.4.70", "JPEGLosslessProcess14": "1.2.840.10008.1.2.4.57",
    "JPEG2000Lossless": "1.2.840.10008.1.2.4.90", "JPEGLSLossless": "1.2.840.10008.1.2.4.80",
    "RLELossless": "1.2.840.10008.1.2.5", "DeflatedExplicitVRLittleEndian": "1.2.840.10008.1.2.1.99",
    "ExplicitVRBigEndian": "1.2.840.10008.1.2.2", "ImplicitVRLittleEndian": "1.2.840.10008.1.2",
}  # fmt: skip
SMOOTH = 128 + 100 * np.outer(np.sin(np.arange(70) / 9), np.cos(np.arange(70) / 8))


def encode(pixels: np.ndarray, folder: Path, syntax: str, **tags: int) -> Path:
    """The pixels in a file of GDCM's."""
    plain = save(image(pixels, RescaleIntercept=0, **tags), folder / "plain" / "a.dcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    path = folder / f"{syntax}.dcm"
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_lossless_files_hold_the_very_values(tmp_path, syntax, dtype):
    pixels = (np.tile(values(1)[0].astype(int), (14, 10)) - (1500 if dtype is np.int16 else 0)).astype(dtype)
    path = encode(pixels, tmp_path, syntax)
    assert dcmread(path).file_meta.TransferSyntaxUID == LOSSLESS[syntax]
    volume = load_volume(VolumeSample(path))
    assert np.array_equal(volume.array[0], pixels)


def test_baseline_jpeg_is_near(tmp_path):
    path = encode(SMOOTH.astype(np.uint8), tmp_path, "JPEGBaselineProcess1")
    assert dcmread(path).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    assert np.abs(load_volume(VolumeSample(path)).array[0] - SMOOTH.astype(np.uint8)).max() <= 2


def test_lossy_jpeg_2000_is_near(tmp_path):
    pixels = (SMOOTH * 10).astype(np.uint16)
    data = image(pixels, RescaleIntercept=0)
    data.compress("1.2.840.10008.1.2.4.91", j2k_cr=[8], generate_instance_uid=False)
    path = save(data, tmp_path / "a.dcm")
    volume = load_volume(VolumeSample(path))
    assert 0 < np.abs(volume.array[0] - pixels.astype(int)).max() < 30
    assert np.array_equal(volume.array[0], dcmread(path).pixel_array)
    assert volume.warnings == ()


@pytest.mark.parametrize(
    ("syntax", "told"),
    [
        ("JPEGExtendedProcess2_4", "JPEG Extended"),
        ("ImplicitVRBigEndianPrivateGE", "1.2.840.113619.5.2"),
    ],
)
def test_what_no_decoder_reads_is_told_as_such(tmp_path, syntax, told):
    path = encode((SMOOTH * 10).astype(np.uint16), tmp_path, syntax, BitsStored=12, HighBit=11)
    with pytest.raises(InputError, match=f"stored as {told} with 12 bits, which cannot be read here: export it"):
        load_volume(VolumeSample(path))


def test_what_the_decoder_doubts_is_told(tmp_path):
    pixels = values(1)[0]
    path = save(image(pixels, PixelData=pixels.tobytes() + bytes(30)), tmp_path / "long.dcm")
    (warning,) = load_volume(VolumeSample(path)).warnings
    assert warning.startswith("long.dcm: the decoder says: ")
    assert "30 bytes" in warning


@pytest.mark.parametrize(
    ("written", "read", "told"),
    [(b"7777", b"0   ", "slope (0028,1053) is 0"), (b"7777", b"inf ", "slope (0028,1053) is inf"),
     (b"5555", b"nan ", "intercept (0028,1052) is nan")],
)  # fmt: skip
def test_a_scale_that_cannot_be_meant_is_named(tmp_path, written, read, told):
    for at in range(3):
        data = image(values(1)[0], (0, 0, at), RescaleSlope="7777", RescaleIntercept="5555")
        path = save(data, tmp_path / f"{at}.dcm")
    whole = path.read_bytes()
    assert whole.count(written) == 1
    path.write_bytes(whole.replace(written, read))
    (warning,) = load_volume(VolumeSample(tmp_path, series="1.2.3")).warnings
    assert warning.startswith(f"2.dcm: its {told}")
