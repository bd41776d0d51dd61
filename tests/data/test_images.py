"""Loading: one read, one hash, one kind of error."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pictures import bomb_png, encoded, png_chunk, png_file, textured, write_bad_files
from PIL import Image

from ad_desktop.data import images
from ad_desktop.data.images import PIXEL_CAP, check_file, info, load, page_count, suggest_range
from ad_desktop.data.readers import UnreadableError, all_readers, by_suffix
from ad_desktop.data.readers.base import check_size
from ad_desktop.data.samples import Sample
from ad_desktop.errors import Cancelled, InputError
from ad_desktop.task import Task

GREY = textured(0, (37, 53))
COLOUR = textured(1, (37, 53), channels=3)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def reason(path: Path, page: int | None = None) -> str:
    """Why a file cannot be loaded; the header alone must not fail in another way."""
    with pytest.raises(InputError) as caught:
        load(Sample(path, page))
    assert caught.value.path == str(path)
    assert "\n" not in caught.value.reason
    return caught.value.reason


@pytest.fixture
def bad(tmp_path: Path) -> dict[str, Path]:
    return write_bad_files(tmp_path / "bad")


@pytest.mark.parametrize(("name", "words"), [
    ("empty.png", "the file is empty"),
    ("truncated.jpg", "the JPEG file is damaged or incomplete: copy or export it again"),
    ("text.png", "named like a PNG picture, but holds no picture"),
    ("bomb.png", "100000 × 100000 pixels (10,000 megapixels), and at most 500 megapixels"),
    ("missing.png", "does not exist"),
    ("folder.png", "it is a folder"),
])  # fmt: skip
def test_bad_files_are_named_with_their_reason(bad: dict[str, Path], name: str, words: str) -> None:
    assert words in reason(bad[name])


def test_unknown_content_under_an_unknown_suffix(tmp_path: Path) -> None:
    assert "use BMP, JPEG, PNG, TIFF or WebP" in reason(write(tmp_path / "notes.txt", b"some notes"))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.png", encoded(GREY, "PNG"))
    if os.name == "posix" and os.geteuid() != 0:
        path.chmod(0)
    else:  # root may read everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    assert "no permission" in reason(path)


def test_other_errors_of_the_system_keep_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.png", encoded(GREY, "PNG"))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    assert reason(path) == "it cannot be read: Input/output error"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert "a device or a pipe" in reason(tmp_path / "a.png")


def test_impossible_names(tmp_path: Path) -> None:
    assert reason(tmp_path / "a\0b.png") == "no file can have this name"
    assert "cannot be read" in reason(tmp_path / ("x" * 5000 + ".png"))


def test_page_of_a_file_without_pages(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encoded(GREY, "PNG"))
    np.testing.assert_array_equal(load(Sample(path, 0)).pixels, GREY)
    assert reason(path, 3) == "page 4 was asked for, but the file has one page"


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.bmp", encoded(GREY, "BMP"))

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(type(by_suffix()[".bmp"]), "read", fail)
    assert "not enough memory" in reason(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.tif", "a.xyz", "a"])
def test_content_counts_and_not_the_suffix(tmp_path: Path, kind: str, name: str) -> None:
    path = write(tmp_path / name, encoded(COLOUR, kind))
    assert load(Sample(path)).size == (37, 53)
    check_file(path)


def test_upper_case_unicode_and_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "Prüf teile 検査 🔧"
    folder.mkdir()
    for name, kind in (("größe 1.PNG", "PNG"), ("写真.Jpeg", "JPEG"), ("d é.TIFF", "TIFF"), ("#%41?.BMP", "BMP")):
        assert load(Sample(write(folder / name, encoded(COLOUR, kind)))).size == (37, 53)


def test_hash_is_of_the_files_bytes_and_only_on_request(tmp_path: Path) -> None:
    content = encoded(COLOUR, "JPEG")
    path = write(tmp_path / "a.jpg", content)
    assert load(Sample(path)).sha256 == ""
    assert load(Sample(path), at_least=8, hashed=True).sha256 == hashlib.sha256(content).hexdigest()


def test_hash_of_pages_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for stack in (np.zeros((3, 8, 9), np.uint8), np.ones((3, 8, 9), np.uint8), np.ones((3, 80, 90), np.uint8)):
        tifffile.imwrite(path, stack, photometric="minisblack")
        os.utime(path, ns=(0, int(stack.sum()) + 1))
        wanted = hashlib.sha256(path.read_bytes()).hexdigest()
        assert {load(Sample(path, page), hashed=True).sha256 for page in range(3)} == {wanted}


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    original = Path.open

    def counting(self: Path, *args: object, **kwargs: object) -> object:
        opened.append(self)
        return original(self, *args, **kwargs)

    paths = [write(tmp_path / f"a.{kind}", encoded(COLOUR, kind)) for kind in ("png", "jpeg", "bmp", "webp", "tiff")]
    monkeypatch.setattr(Path, "open", counting)
    for path in paths:
        load(Sample(path), hashed=True)
    assert opened == paths


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pictures_with_values_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    pixels = np.ones((6, 7), np.float32)
    pixels[2, 3] = value
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels)
    assert reason(path).startswith("1 of 42 values are not numbers (NaN) or are infinite")
    np.testing.assert_array_equal(load(Sample(path), finite=False).pixels, pixels)


def test_float64_beyond_float32_is_infinite(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.full((2, 2), 1e300))
    assert "4 of 4 values" in reason(path)


def huge_files() -> dict[str, bytes]:
    """Small files whose headers claim 30000 × 30000 pixels (WebP: 16384 × 65536), beyond the cap."""
    jpeg = bytearray(encoded(GREY, "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 30_000, 30_000)
    bmp = bytearray(encoded(GREY, "BMP"))
    bmp[18:26] = struct.pack("<ii", 30_000, 30_000)
    tiff = bytearray(encoded(GREY, "TIFF"))
    tags = struct.unpack_from("<I", tiff, 4)[0] + 2
    for entry in (tags, tags + 12):
        assert struct.unpack_from("<H", tiff, entry)[0] in (256, 257)
        struct.pack_into("<HII", tiff, entry + 2, 4, 1, 30_000)
    webp = bytearray(encoded(np.dstack([COLOUR, GREY]), "WEBP"))
    assert webp[12:16] == b"VP8X"
    webp[24:30] = (16_383).to_bytes(3, "little") + (65_535).to_bytes(3, "little")
    cmyk = bytearray(encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"))
    tags = struct.unpack_from("<I", cmyk, 4)[0] + 2
    for entry in (tags, tags + 12):
        struct.pack_into("<HII", cmyk, entry + 2, 4, 1, 30_000)
    return {"png": bomb_png(30_000, 30_000), "jpg": bytes(jpeg), "bmp": bytes(bmp), "tif": bytes(tiff),
            "webp": bytes(webp), "cmyk.tif": bytes(cmyk)}  # fmt: skip


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "tif", "webp", "cmyk.tif"])
def test_the_pixel_cap_holds_before_decoding_in_every_format(tmp_path: Path, kind: str) -> None:
    import tracemalloc

    path = write(tmp_path / f"a.{kind}", huge_files()[kind])
    load(Sample(write(tmp_path / "small.png", encoded(GREY, "PNG"))))
    tracemalloc.start()
    try:
        assert "and at most 500 megapixels can be opened" in reason(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    header = info(path)
    assert header.width * header.height > PIXEL_CAP


def test_the_cap_is_exact() -> None:
    check_size(PIXEL_CAP, 1)
    with pytest.raises(UnreadableError, match=r"500000001 × 1 pixels"):
        check_size(PIXEL_CAP + 1, 1)
    check_size(PIXEL_CAP, 1, 8)
    with pytest.raises(UnreadableError, match="pixels of 9 bytes, and at most 4 GB"):
        check_size(PIXEL_CAP, 1, 9)
    with pytest.raises(UnreadableError, match="no pixels"):
        check_size(0, 5)


def test_wide_numbers_in_many_channels_are_capped_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((8, 8, 3)), photometric="rgb", compression="deflate")
    content = bytearray(path.read_bytes())
    tags = struct.unpack_from("<I", content, 4)[0] + 2
    for entry in range(tags, tags + 60, 12):
        if struct.unpack_from("<H", content, entry)[0] in (256, 257, 278):
            struct.pack_into("<HII", content, entry + 2, 4, 1, 20_000)
    path.write_bytes(content)
    assert "20000 × 20000 pixels of 24 bytes" in reason(path)


def test_between_pillows_own_cap_and_ours(tmp_path: Path) -> None:
    """190 megapixels: Pillow's own limit would warn or refuse."""
    side = 13_800
    path = write(tmp_path / "a.png", png_file(side, side, 1, 0, bytes(side * (1 + side // 8))))
    picture = load(Sample(path))
    assert picture.size == (side, side)
    assert Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_every_way_to_cut_a_file_off(tmp_path: Path, kind: str) -> None:
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    content = encoded(textured(3, (40, 40), 3), kind, **options)
    path = tmp_path / "a.bin"
    kept = len(content) - {"PNG": 14, "JPEG": 40, "BMP": 1, "WEBP": 1, "TIFF": 4}[kind]
    for length in sorted({1, 2, 3, 4, 8, 12, 20, 30, 60, 100, *range(200, kept, 97), kept}):
        path.write_bytes(content[:length])
        assert reason(path)


FILES = {
    "png": encoded(COLOUR, "PNG"),
    "deep png": bytes(__import__("imagecodecs").png_encode(GREY.astype(np.uint16) * 200)),
    "jpeg": encoded(COLOUR, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
    "bmp": encoded(Image.fromarray(COLOUR).quantize(16), "BMP"),
    "webp": encoded(np.dstack([COLOUR, GREY]), "WEBP"),
    "tiff": encoded(COLOUR, "TIFF", compression="tiff_lzw"),
    "cmyk tiff": encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("kind", sorted(FILES))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6), near=st.booleans())
@example(changes=[(0.0, 0)], near=True)
def test_damaged_files_give_pictures_or_input_errors(
    tmp_path: Path, kind: str, changes: list[tuple[float, int]], near: bool
) -> None:
    content = bytearray(FILES[kind])
    span = min(len(content), 220) if near else len(content)
    for place, value in changes:
        content[min(int(place * span), span - 1)] = value
    path = write(tmp_path / "damaged.bin", bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (lambda: load(Sample(path), at_least=16), lambda: info(path), lambda: page_count(path)):
            with contextlib.suppress(InputError):
                call()


def test_nothing_is_printed_about_odd_or_damaged_files(tmp_path: Path) -> None:
    """In a process of its own: pytest has handlers for log records, and a plain program prints them."""
    odd = (png_chunk(b"iCCP", b"bad\0\0"), png_chunk(b"zTXt", b"k\0\0nonsense"), png_chunk(b"gAMA", b"\0"))
    write(tmp_path / "odd.png", png_file(3, 1, 8, 0, b"\0\1\2\3", *odd))
    damaged = bytearray(encoded(GREY, "PNG"))
    damaged[200] ^= 255
    write(tmp_path / "damaged.png", damaged)
    write(tmp_path / "cut.tif", encoded(COLOUR, "TIFF")[:-4])
    lines = [
        "import sys; from pathlib import Path",
        "from ad_desktop.data.images import Sample, InputError, load",
        "for path in sorted(Path(sys.argv[1]).iterdir()):",
        "    try: load(Sample(path))",
        "    except InputError: print(path.name)",
    ]
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path)]
    ran = subprocess.run(command, cwd=Path(images.__file__).parents[2], capture_output=True, text=True, check=False)
    assert (ran.stdout.split(), ran.stderr, ran.returncode) == (["cut.tif", "damaged.png"], "", 0)


def test_a_new_format_needs_nothing_but_its_module() -> None:
    assert [reader.format for reader in all_readers()] == ["BMP", "JPEG", "PNG", "TIFF", "WebP"]
    assert sorted(by_suffix()) == [".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"]


def test_a_reduced_jpeg_costs_a_fraction_of_the_time(tmp_path: Path) -> None:
    photograph = textured(5, (3000, 4000), 3)
    path = write(tmp_path / "photograph.jpg", encoded(photograph, "JPEG", quality=92))

    def seconds(at_least: int | None) -> float:
        times = []
        for _ in range(3):
            start = time.thread_time()
            picture = load(Sample(path), at_least=at_least)
            times.append(time.thread_time() - start)
        assert picture.size == (3000, 4000)
        return min(times)

    assert seconds(256) < 0.6 * seconds(None)


def test_suggested_range_of_deep_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = []
    for number in range(40):
        pixels = rng.integers(1000 + number, 3000 + number, (50, 60), dtype=np.uint16)
        pixels[0, 0], pixels[0, 1] = 0, 65535  # a dead and a hot pixel
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, pixels)
        samples.append(Sample(path))
    found = suggest_range(samples)
    assert found is not None
    assert found[0] == pytest.approx(1000 - 0.1 * 2039, abs=25)
    assert found[1] == pytest.approx(3039 + 0.1 * 2039, abs=25)


def test_suggested_range_passes_over_8_bit_and_unreadable_samples(tmp_path: Path) -> None:
    bad = write_bad_files(tmp_path)
    eight = write(tmp_path / "eight.png", encoded(GREY, "PNG"))
    assert suggest_range([]) is None
    assert suggest_range([Sample(eight), *map(Sample, bad.values())]) is None
    deep = tmp_path / "deep.tif"
    tifffile.imwrite(deep, np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100))
    broken = write(tmp_path / "broken.tif", deep.read_bytes()[:-100])
    found = suggest_range([Sample(eight), Sample(broken), *map(Sample, bad.values()), Sample(deep)])
    assert found == pytest.approx((-0.099, 1.099), abs=2e-3)


def test_suggested_range_stays_within_the_type(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 65536, (90, 90), dtype=np.uint16))
    assert suggest_range([Sample(path)]) == (0.0, 65535.0)


def test_suggested_range_reads_few_of_many_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 65536, (100, 9, 9), dtype=np.uint16))
    loaded: list[int | None] = []

    def counting(sample: Sample) -> images.Picture:
        loaded.append(sample.page)
        return load(sample)

    monkeypatch.setattr(images, "load", counting)
    suggest_range([Sample(path, page) for page in range(100)])
    assert len(loaded) == 32
    assert max(b - a for a, b in zip(sorted(loaded), sorted(loaded)[1:], strict=False)) <= 8


def test_suggested_range_can_be_cancelled(tmp_path: Path) -> None:
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        suggest_range([Sample(tmp_path / "a.tif")], task)
