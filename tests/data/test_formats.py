"""Every format, mode and depth, against pixels known beforehand or decoded by another library."""

from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pictures import encoded, exif_block, png_chunk, png_file, textured
from PIL import Image, ImageOps

from ad_desktop.data.images import Picture, info, load
from ad_desktop.data.samples import Sample
from ad_desktop.errors import InputError

GREY = textured(0, (37, 53))
COLOUR = np.dstack([GREY, textured(1, (37, 53)), textured(2, (37, 53))])
OPACITY = np.tile(np.linspace(0, 255, 53).round().astype(np.uint8), (37, 1))
EXIF = b"Exif\0\0"
EIGHT_BIT = ["PNG", "BMP", "WEBP", "TIFF"]


def decode(folder: Path, content: bytes, name: str = "picture.bin", page: int | None = None) -> Picture:
    path = folder / name
    path.write_bytes(content)
    picture = load(Sample(path, page))
    assert picture.pixels.flags.c_contiguous
    assert not picture.pixels.flags.writeable
    assert picture.pixels.dtype in (np.uint8, np.uint16, np.float32)
    return picture


def over_black(colour: np.ndarray, opacity: np.ndarray, top: int = 255) -> np.ndarray:
    weight = opacity.astype(np.float64) / top
    return np.floor(colour * (weight if colour.ndim == 2 else weight[..., None]) + 0.5)


def lossless(kind: str) -> dict[str, bool]:
    return {"lossless": True, "exact": True} if kind == "WEBP" else {}


@pytest.mark.parametrize("kind", EIGHT_BIT)
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "rgb"])
def test_plain_pictures_are_exact(tmp_path: Path, kind: str, pixels: np.ndarray) -> None:
    picture = decode(tmp_path, encoded(pixels, kind, **lossless(kind)))
    wanted = np.dstack([pixels] * 3) if kind == "WEBP" and pixels.ndim == 2 else pixels
    np.testing.assert_array_equal(picture.pixels, wanted)
    assert picture.pixels.dtype == np.uint8
    assert picture.size == (37, 53)
    assert picture.sha256 == ""


def bmp_with_opacity(rgba: np.ndarray) -> bytes:
    """A bitmap with a version 4 header, whose masks declare the fourth byte as opacity."""
    height, width = rgba.shape[:2]
    masks = struct.pack("<IIII", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    body = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(body), 0, 0, 0, 0) + masks
    header += bytes(108 - len(header))
    return struct.pack("<2sIII", b"BM", 14 + 108 + len(body), 0, 14 + 108) + header + body


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_opacity_is_composited_over_black(tmp_path: Path, kind: str) -> None:
    rgba = np.dstack([COLOUR, OPACITY])
    picture = decode(tmp_path, encoded(Image.fromarray(rgba), kind, **lossless(kind)))
    np.testing.assert_array_equal(picture.pixels, over_black(COLOUR, OPACITY))


def test_opacity_of_a_bitmap(tmp_path: Path) -> None:
    picture = decode(tmp_path, bmp_with_opacity(np.dstack([COLOUR, OPACITY])))
    np.testing.assert_array_equal(picture.pixels, over_black(COLOUR, OPACITY))


def test_bitmap_whose_opacity_is_zero_everywhere_is_opaque(tmp_path: Path) -> None:
    picture = decode(tmp_path, bmp_with_opacity(np.dstack([COLOUR, np.zeros_like(GREY)])))
    np.testing.assert_array_equal(picture.pixels, COLOUR)


def test_colour_hidden_under_full_transparency_does_not_show(tmp_path: Path) -> None:
    rgba = np.dstack([COLOUR, np.zeros_like(GREY)])
    assert not decode(tmp_path, encoded(rgba, "PNG")).pixels.any()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_with_opacity_stays_grey(tmp_path: Path, kind: str) -> None:
    picture = decode(tmp_path, encoded(Image.merge("LA", [Image.fromarray(p) for p in (GREY, OPACITY)]), kind))
    np.testing.assert_array_equal(picture.pixels, over_black(GREY, OPACITY))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_one_bit_is_black_and_white(tmp_path: Path, kind: str) -> None:
    pixels = decode(tmp_path, encoded(Image.fromarray(GREY > 128), kind)).pixels
    np.testing.assert_array_equal(pixels, np.where(GREY > 128, 255, 0))
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("colours", [2, 9, 256])
def test_palettes_become_rgb(tmp_path: Path, kind: str, colours: int) -> None:
    image = Image.fromarray(COLOUR).quantize(colours)
    np.testing.assert_array_equal(decode(tmp_path, encoded(image, kind)).pixels, np.asarray(image.convert("RGB")))


def test_palette_with_a_transparent_colour_is_composited(tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR).quantize(8)
    wanted = np.asarray(image.convert("RGB")).copy()
    wanted[np.asarray(image) == 3] = 0
    np.testing.assert_array_equal(decode(tmp_path, encoded(image, "PNG", transparency=3)).pixels, wanted)


def test_png_colour_key_is_composited(tmp_path: Path) -> None:
    key = tuple(int(v) for v in COLOUR[5, 5])
    wanted = COLOUR.copy()
    wanted[np.equal(COLOUR, COLOUR[5, 5]).all(axis=2)] = 0
    np.testing.assert_array_equal(decode(tmp_path, encoded(COLOUR, "PNG", transparency=key)).pixels, wanted)


@pytest.mark.parametrize(("bits", "rows", "wanted"), [
    (1, b"\0\xa0", [255, 0, 255]),
    (2, b"\0\x1b", [0, 85, 170, 255]),
    (4, b"\0\x0f\x80", [0, 255, 136]),
])  # fmt: skip
def test_shallow_png_fills_the_whole_range(tmp_path: Path, bits: int, rows: bytes, wanted: list[int]) -> None:
    picture = decode(tmp_path, png_file(len(wanted), 1, bits, 0, rows))
    assert picture.pixels.tolist() == [wanted]
    assert info(tmp_path / "picture.bin").bits == bits


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png_keeps_16_bits(tmp_path: Path, channels: int) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, channels), dtype=np.uint16).squeeze()
    pixels = decode(tmp_path, imagecodecs.png_encode(deep)).pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, deep)


def test_16_bit_png_written_by_pillow(tmp_path: Path) -> None:
    deep = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    np.testing.assert_array_equal(decode(tmp_path, encoded(Image.fromarray(deep), "PNG")).pixels, deep)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_png_with_opacity(tmp_path: Path, channels: int) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    deep[:2, :2, -1], deep[3:5, :2, -1] = 0, 65535
    pixels = decode(tmp_path, imagecodecs.png_encode(deep)).pixels
    colour = deep[..., 0] if channels == 2 else deep[..., :3]
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, over_black(colour, deep[..., -1], 65535))


def test_png_texts_and_profiles_are_passed_over(tmp_path: Path) -> None:
    odd = (
        png_chunk(b"iCCP", b"bad profile\0\0nonsense"),
        png_chunk(b"zTXt", b"k\0\0nonsense"),
        png_chunk(b"gAMA", b"\0"),
    )
    wanted = [[1, 2, 3]]
    assert decode(tmp_path, png_file(3, 1, 8, 0, b"\0\1\2\3", *odd)).pixels.tolist() == wanted


def test_animations_show_their_first_picture(tmp_path: Path) -> None:
    frames = [Image.fromarray(p) for p in (COLOUR, 255 - COLOUR)]
    for kind in ("PNG", "WEBP"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless(kind))
        np.testing.assert_array_equal(decode(tmp_path, content).pixels, COLOUR)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}, {"quality": 30}])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "rgb"])
def test_jpeg_equals_pillows_own_decoding(tmp_path: Path, pixels: np.ndarray, options: dict[str, int]) -> None:
    content = encoded(pixels, "JPEG", **options)
    picture = decode(tmp_path, content, "picture.jpg")
    with Image.open(tmp_path / "picture.jpg") as reference:
        np.testing.assert_array_equal(picture.pixels, np.asarray(reference))
    assert np.abs(picture.pixels.astype(int) - pixels).mean() < 12


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 80, 40), np.uint8)
    pixels = decode(tmp_path, encoded(Image.fromarray(flat).convert("CMYK"), "JPEG", quality=98)).pixels
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels.astype(int) - flat).max() <= 4


def test_lossy_webp_is_close(tmp_path: Path) -> None:
    content = encoded(COLOUR, "WEBP", quality=90)
    pixels = decode(tmp_path, content).pixels
    with Image.open(tmp_path / "picture.bin") as reference:
        np.testing.assert_array_equal(pixels, np.asarray(reference))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    if kind == "TIFF":
        content = encoded(COLOUR, kind, tiffinfo={274: orientation})
    else:
        options = {"quality": 95} if kind == "JPEG" else lossless(kind)
        content = encoded(COLOUR, kind, exif=EXIF + exif_block(orientation), **options)
    picture = decode(tmp_path, content)
    with Image.open(tmp_path / "picture.bin") as stored:
        wanted = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    np.testing.assert_array_equal(picture.pixels, wanted)
    assert picture.size == wanted.shape[:2]
    assert picture.size == ((53, 37) if orientation >= 5 else (37, 53))
    header = info(tmp_path / "picture.bin")
    assert (header.height, header.width) == picture.size


@pytest.mark.parametrize("block", [
    exif_block(6), exif_block(6, ">"), exif_block(6, ">", 4), exif_block(6, "<", 1),
])  # fmt: skip
def test_orientation_in_any_byte_order_and_type(tmp_path: Path, block: bytes) -> None:
    assert decode(tmp_path, encoded(COLOUR, "JPEG", exif=EXIF + block)).size == (53, 37)


@pytest.mark.parametrize("block", [
    b"II*\0", b"II*\0\xff\xff\xff\xff", exif_block(0), exif_block(9), exif_block(6)[:14], b"junk", exif_block(6)[:19],
    b"MM\0*" + bytes(3),
])  # fmt: skip
def test_damaged_exif_means_upright_without_a_warning(tmp_path: Path, block: bytes) -> None:
    content = encoded(COLOUR, "JPEG")
    # No JFIF mark: Pillow would then look for the resolution in the EXIF block.
    body = EXIF + block
    content = b"\xff\xd8\xff\xe1" + (len(body) + 2).to_bytes(2) + body + content[20:]
    assert decode(tmp_path, content).size == (37, 53)


def test_exif_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    content = encoded(COLOUR, "PNG")
    end = content[-12:]
    assert decode(tmp_path, content[:-12] + png_chunk(b"eXIf", exif_block(8)) + end).size == (53, 37)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "rgb"])
def test_reduced_jpeg_keeps_the_short_side(tmp_path: Path, pixels: np.ndarray, orientation: int) -> None:
    large = np.kron(pixels, np.ones((20, 20) if pixels.ndim == 2 else (20, 20, 1), np.uint8))  # 740 × 1060
    path = tmp_path / "large.jpg"
    path.write_bytes(encoded(large, "JPEG", quality=95, exif=EXIF + exif_block(orientation)))
    full = load(Sample(path))
    for at_least in (1, 90, 92, 93, 94, 185, 186, 256, 370, 371, 740, 741, 2000):
        reduced = load(Sample(path), at_least=at_least)
        assert reduced.size == full.size == full.pixels.shape[:2]
        assert min(reduced.pixels.shape[:2]) >= min(at_least, 740)
        factor = full.size[0] / reduced.pixels.shape[0]
        shape = tuple(-(-side // round(factor)) for side in full.size)
        assert reduced.pixels.shape[:2] == shape
        wanted = np.asarray(Image.fromarray(full.pixels).resize(shape[::-1], Image.Resampling.BOX)).astype(int)
        assert np.abs(wanted - reduced.pixels).mean() < 2.5
    assert min(load(Sample(path), at_least=92).pixels.shape[:2]) == 93
    assert min(load(Sample(path), at_least=256).pixels.shape[:2]) == 370


def test_other_formats_ignore_the_reduction(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(COLOUR, "PNG"))
    np.testing.assert_array_equal(load(Sample(tmp_path / "a.png"), at_least=4).pixels, COLOUR)


@pytest.mark.parametrize(("kind", "pixels", "wanted"), [
    ("PNG", GREY, ("PNG", 1)), ("PNG", COLOUR, ("PNG", 3)), ("PNG", np.dstack([COLOUR, OPACITY]), ("PNG", 4)),
    ("JPEG", GREY, ("JPEG", 1)), ("JPEG", COLOUR, ("JPEG", 3)), ("BMP", GREY, ("BMP", 1)), ("BMP", COLOUR, ("BMP", 3)),
    ("WEBP", COLOUR, ("WebP", 3)), ("WEBP", np.dstack([COLOUR, OPACITY]), ("WebP", 4)), ("TIFF", COLOUR, ("TIFF", 3)),
])  # fmt: skip
def test_info_tells_what_the_header_says(kind: str, pixels: np.ndarray, wanted: tuple[str, int]) -> None:
    for options in ({}, {"lossless": True}) if kind == "WEBP" else ({},):
        header = info(encoded(pixels, kind, **options))
        assert (header.format, header.channels) == wanted
        assert (header.width, header.height, header.bits, header.dtype, header.pages) == (53, 37, 8, "uint8", 1)


def test_info_of_deep_and_palette_png() -> None:
    deep = info(imagecodecs.png_encode(np.zeros((4, 5, 3), np.uint16)))
    assert (deep.dtype, deep.bits, deep.channels) == ("uint16", 16, 3)
    palette = info(encoded(Image.fromarray(COLOUR).quantize(4), "PNG"))
    assert (palette.dtype, palette.bits, palette.channels) == ("uint8", 2, 1)


def test_12_bit_jpeg_is_refused_by_name(tmp_path: Path) -> None:
    content = bytearray(encoded(GREY, "JPEG"))
    content[content.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(InputError, match="12 bits per channel cannot be opened"):
        decode(tmp_path, bytes(content))
