"""TIFF in its many forms, against the arrays that were written."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from pictures import textured
from PIL import Image

from ad_desktop.data.images import info, load, page_count
from ad_desktop.data.samples import Sample
from ad_desktop.errors import InputError

RNG = np.random.default_rng(0)
GREY = textured(0, (37, 53))
COLOUR = np.dstack([GREY, textured(1, (37, 53)), textured(2, (37, 53))])


def written(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, **options)
    return path


def values(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return RNG.normal(0, 100, shape).astype(kind)
    limits = np.iinfo(kind)
    return RNG.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "f2", "i1", "i2", "u4", "i4", "u8"])
@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3)], ids=["grey", "rgb"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_every_number_type(tmp_path: Path, dtype: str, shape: tuple[int, ...], byteorder: str) -> None:
    pixels = values(dtype, shape)
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    path = written(tmp_path / "a.tif", pixels, photometric=photometric, byteorder=byteorder)
    picture = load(Sample(path))
    wanted = pixels if dtype in ("u1", "u2") else pixels.astype(np.float32)
    assert picture.pixels.dtype == wanted.dtype
    assert picture.pixels.dtype.isnative
    np.testing.assert_array_equal(picture.pixels, wanted)
    header = info(path)
    assert (header.dtype, header.bits) == (str(wanted.dtype), 8 * pixels.itemsize)
    assert (header.height, header.width, header.channels) == (20, 31, 3 if len(shape) == 3 else 1)


@pytest.mark.parametrize(("compression", "predictor"), [
    (None, False), ("packbits", False), *((name, flag) for name in ("lzw", "deflate", "zstd", "lzma")
                                          for flag in (False, True)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("layout", ["contig", "separate", "tiles", "strips"])
def test_compression_predictor_and_layout(
    tmp_path: Path, compression: str | None, predictor: bool, dtype: str, layout: str
) -> None:
    pixels = values(dtype, (37, 53, 3))
    options: dict[str, Any] = {"planarconfig": "contig"}
    stored = pixels
    if layout == "separate":
        options, stored = {"planarconfig": "separate"}, np.moveaxis(pixels, -1, 0)
    elif layout == "tiles":
        options["tile"] = (16, 32)
    elif layout == "strips":
        options["rowsperstrip"] = 5
    path = written(
        tmp_path / "a.tif", stored, photometric="rgb", compression=compression, predictor=predictor, **options
    )
    np.testing.assert_array_equal(load(Sample(path)).pixels, pixels)


def smooth(channels: int) -> np.ndarray:
    rows, columns = np.mgrid[:148, :212]
    planes = [rows, columns, 255 - rows][:channels]
    return np.dstack(planes).astype(np.uint8).squeeze()


@pytest.mark.parametrize("options", [{"photometric": "rgb"}, {"photometric": "ycbcr"}, {"photometric": "minisblack"}])
@pytest.mark.parametrize("tiled", [False, True])
def test_jpeg_inside_tiff(tmp_path: Path, options: dict[str, Any], tiled: bool) -> None:
    pixels = smooth(1 if options["photometric"] == "minisblack" else 3)
    layout: dict[str, Any] = {"tile": (64, 64)} if tiled else {"rowsperstrip": 64}
    stored = np.asarray(Image.fromarray(pixels).convert("YCbCr")) if options["photometric"] == "ycbcr" else pixels
    path = written(tmp_path / "a.tif", stored, compression="jpeg", compressionargs={"level": 95}, **options, **layout)
    decoded = load(Sample(path)).pixels
    assert decoded.shape == pixels.shape
    assert np.abs(decoded.astype(int) - pixels).mean() < 2


def test_jpeg_inside_tiff_written_by_libtiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(smooth(3)).convert("YCbCr").save(path, compression="jpeg", quality=95)
    with Image.open(path) as reference:
        assert reference.tag_v2[262] == 6  # YCbCr
    assert np.abs(load(Sample(path)).pixels.astype(int) - smooth(3)).mean() < 2


def test_ycbcr_without_jpeg_through_pillow(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(smooth(3)).convert("YCbCr").save(path, compression="tiff_lzw")
    assert np.abs(load(Sample(path)).pixels.astype(int) - smooth(3)).mean() < 2


@pytest.mark.parametrize(("dtype", "top"), [("u1", 255), ("u2", 65535)])
def test_min_is_white_is_turned_round(tmp_path: Path, dtype: str, top: int) -> None:
    pixels = values(dtype, (20, 31))
    path = written(tmp_path / "a.tif", pixels, photometric="miniswhite")
    np.testing.assert_array_equal(load(Sample(path)).pixels, top - pixels)


def test_min_is_white_of_floats_keeps_the_order(tmp_path: Path) -> None:
    pixels = values("f4", (20, 31))
    np.testing.assert_array_equal(load(Sample(written(tmp_path / "a.tif", pixels, photometric="miniswhite"))).pixels,
                                  -pixels)  # fmt: skip


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "group4", "group3", "tiff_lzw"])
def test_bilevel(tmp_path: Path, photometric: str, compression: str | None) -> None:
    bits = GREY > 128
    if compression is None:
        path = written(tmp_path / "a.tif", bits, photometric=photometric)
        wanted = bits if photometric == "minisblack" else ~bits
    else:
        path = tmp_path / "a.tif"
        Image.fromarray(bits).save(
            path, compression=compression, tiffinfo={262: 1 if photometric == "minisblack" else 0}
        )
        with Image.open(path) as reference:
            wanted = np.asarray(reference)
    np.testing.assert_array_equal(load(Sample(path)).pixels, np.where(wanted, 255, 0))


@pytest.mark.parametrize(("bits", "factor"), [(2, 85), (4, 17)])
@pytest.mark.parametrize("white", [False, True])
def test_shallow_grey_fills_the_whole_range(tmp_path: Path, bits: int, factor: int, white: bool) -> None:
    pixels = RNG.integers(0, 1 << bits, (20, 32), dtype=np.uint8)
    path = raw_tiff(tmp_path / "a.tif", packed(pixels, bits), (32, 20), bits, 0 if white else 1)
    top = (1 << bits) - 1
    np.testing.assert_array_equal(load(Sample(path)).pixels, (top - pixels if white else pixels) * factor)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_deep_grey_keeps_its_values(tmp_path: Path, bits: int) -> None:
    pixels = RNG.integers(0, 1 << bits, (20, 32), dtype=np.uint16)
    path = raw_tiff(tmp_path / "a.tif", packed(pixels, bits), (32, 20), bits, 1)
    picture = load(Sample(path))
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert info(path).bits == bits


def packed(values: np.ndarray, bits: int) -> bytes:
    """Numbers as a stream of bits, the highest first."""
    places = np.arange(bits - 1, -1, -1)
    return np.packbits((values.reshape(-1, 1).astype(int) >> places) & 1).tobytes()


def raw_tiff(path: Path, data: bytes, size: tuple[int, int], bits: int, photometric: int) -> Path:
    """One uncompressed strip with a hand-made directory."""
    tags = [(256, 4, size[0]), (257, 4, size[1]), (258, 3, bits), (259, 3, 1), (262, 3, photometric),
            (273, 4, 200), (277, 3, 1), (278, 4, size[1]), (279, 4, len(data))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    path.write_bytes(head.ljust(200, b"\0") + bytes(data))
    return path


@pytest.mark.parametrize("depth", ["u1", "u2"])
def test_palette(tmp_path: Path, depth: str) -> None:
    index = values("u1", (20, 31)).astype(depth)
    colours = RNG.integers(0, 256, (3, 256 if depth == "u1" else 65536), dtype=np.uint16)
    path = written(tmp_path / "a.tif", index, photometric="palette", colormap=colours * 257)
    wanted = colours.astype(np.uint8).T[index]
    np.testing.assert_array_equal(load(Sample(path)).pixels, wanted)
    assert info(path).dtype == "uint8"


def test_palette_with_8_bit_entries(tmp_path: Path) -> None:
    colours = RNG.integers(0, 256, (3, 256), dtype=np.uint16)
    index = values("u1", (20, 31))
    path = written(tmp_path / "a.tif", index, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(load(Sample(path)).pixels, colours.astype(np.uint8).T[index])


@pytest.mark.parametrize(("dtype", "top"), [("u1", 255), ("u2", 65535), ("f4", 1.0)])
@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_opacity_is_composited_unless_already_multiplied_in(
    tmp_path: Path, dtype: str, top: float, layout: str
) -> None:
    rgba = np.abs(values(dtype, (20, 31, 4)))
    if dtype == "f4":
        rgba[..., 3] = RNG.random((20, 31))
    stored = rgba if layout == "contig" else np.moveaxis(rgba, -1, 0)
    options = {"photometric": "rgb", "planarconfig": layout}
    apart = load(Sample(written(tmp_path / "a.tif", stored, extrasamples=["unassalpha"], **options))).pixels
    weight = rgba[..., 3:].astype(np.float64) / top
    wanted = rgba[..., :3] * weight
    if dtype == "f4":
        np.testing.assert_allclose(apart, wanted, rtol=1e-6)
    else:
        np.testing.assert_array_equal(apart, np.floor(wanted + 0.5))
    multiplied = load(Sample(written(tmp_path / "b.tif", stored, extrasamples=["assocalpha"], **options))).pixels
    np.testing.assert_array_equal(multiplied, rgba[..., :3])
    unknown = load(Sample(written(tmp_path / "c.tif", stored, extrasamples=["unspecified"], **options))).pixels
    np.testing.assert_array_equal(unknown, rgba[..., :3])


def test_three_grey_planes_are_rgb_and_other_numbers_are_refused(tmp_path: Path) -> None:
    planes = values("u2", (3, 20, 31))
    path = written(tmp_path / "a.tif", planes, photometric="minisblack", planarconfig="separate")
    np.testing.assert_array_equal(load(Sample(path)).pixels, np.moveaxis(planes, 0, -1))
    for count in (2, 5):
        path = written(
            tmp_path / "b.tif", values("u2", (count, 20, 31)), photometric="minisblack", planarconfig="separate"
        )
        with pytest.raises(InputError, match=f"{count} channels of unknown meaning"):
            load(Sample(path))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_cmyk_through_pillow(tmp_path: Path, compression: str | None) -> None:
    image = Image.fromarray(COLOUR).convert("CMYK")
    path = tmp_path / "a.tif"
    image.save(path, compression=compression, tiffinfo={274: 6})
    wanted = np.rot90(np.asarray(image.convert("RGB")), -1)
    picture = load(Sample(path))
    np.testing.assert_array_equal(picture.pixels, wanted)
    assert picture.size == (53, 37)


def test_deep_cmyk_is_refused_rather_than_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", values("u2", (20, 31, 4)), photometric="separated")
    with pytest.raises(InputError, match="save it as"):
        load(Sample(path))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="complex64 cannot be used"):
        load(Sample(written(tmp_path / "a.tif", np.ones((4, 5), np.complex64))))


def test_volume_in_one_page_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", values("u1", (16, 32, 32)), volumetric=True, tile=(16, 32, 32))
    with pytest.raises(InputError, match="volumes in one TIFF page"):
        load(Sample(path))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (1, 7, 3), (3, 3, 3)])
def test_sides_of_one_pixel_are_kept(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = values("u1", shape)
    path = written(tmp_path / "a.tif", pixels, photometric="rgb" if len(shape) == 3 else "minisblack")
    np.testing.assert_array_equal(load(Sample(path)).pixels, pixels)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_pages(tmp_path: Path, bigtiff: bool, byteorder: str) -> None:
    stack = values("u2", (5, 20, 31))
    path = written(tmp_path / "a.tif", stack, bigtiff=bigtiff, byteorder=byteorder, photometric="minisblack")
    assert page_count(path) == info(path).pages == 5
    for page in range(5):
        np.testing.assert_array_equal(load(Sample(path, page)).pixels, stack[page])
    np.testing.assert_array_equal(load(Sample(path)).pixels, stack[0])
    with pytest.raises(InputError, match="page 6 was asked for, but the file has 5 pages"):
        load(Sample(path, 5))


def test_pages_may_differ_in_everything(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pages = [values("u1", (20, 31)), values("u2", (9, 8, 3)), values("f4", (5, 6))]
    with tifffile.TiffWriter(path) as file:
        for pixels in pages:
            file.write(pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack", compression="lzw")
    for number, pixels in enumerate(pages):
        picture = load(Sample(path, number))
        np.testing.assert_array_equal(picture.pixels, pixels)
        assert picture.size == pixels.shape[:2]


def test_thumbnails_and_masks_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    first, second = values("u1", (20, 31)), values("u1", (20, 31))
    with tifffile.TiffWriter(path) as file:
        file.write(first[::4, ::4], subfiletype=1)
        file.write(first)
        file.write(first[::2, ::2], subfiletype=1)
        file.write(second)
        file.write(second > 3, subfiletype=4)
    assert page_count(path) == 2
    np.testing.assert_array_equal(load(Sample(path)).pixels, first)
    np.testing.assert_array_equal(load(Sample(path, 1)).pixels, second)


def test_pages_of_a_kind_for_pillow(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    first, second = (Image.fromarray(p).convert("CMYK") for p in (COLOUR, 255 - COLOUR))
    first.save(path, save_all=True, append_images=[second])
    np.testing.assert_array_equal(load(Sample(path, 1)).pixels, np.asarray(second.convert("RGB")))


def test_directories_in_a_circle_end(tmp_path: Path) -> None:
    path = raw_tiff(tmp_path / "a.tif", bytes(100), (10, 10), 8, 1)
    content = bytearray(path.read_bytes())
    content[8 + 2 + 9 * 12 : 8 + 2 + 9 * 12 + 4] = (8).to_bytes(4, "little")
    path.write_bytes(content)
    assert page_count(path) == 1
    assert load(Sample(path)).size == (10, 10)


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "jpeg", "lzma"])
@pytest.mark.parametrize("missing", [0.02, 0.5])
def test_cut_off_files_are_refused(tmp_path: Path, compression: str | None, missing: float) -> None:
    stream = BytesIO()
    tifffile.imwrite(stream, COLOUR, photometric="rgb", compression=compression, rowsperstrip=8)
    content = stream.getvalue()
    path = tmp_path / "a.tif"
    path.write_bytes(content[: int(len(content) * (1 - missing))])
    with pytest.raises(InputError, match=r"incomplete.*copy"):
        load(Sample(path))


def test_missing_strips_are_not_filled_with_black(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", GREY, compression="lzw", rowsperstrip=8)
    content = bytearray(path.read_bytes())
    entry = struct.unpack_from("<I", content, 4)[0] + 2
    while struct.unpack_from("<H", content, entry)[0] != 257:
        entry += 12
    struct.pack_into("<HII", content, entry + 2, 4, 1, 80)
    path.write_bytes(content)
    with pytest.raises(InputError, match="ends inside the picture"):
        load(Sample(path))
