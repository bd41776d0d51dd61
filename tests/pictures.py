"""Pictures made for tests: textures, defects, and files of every odd kind."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def textured(seed: int, size: int | tuple[int, int], channels: int = 1) -> NDArray[np.uint8]:
    """A texture like brushed metal, H×W or H×W×3: the same family for every seed, and no two alike."""
    height, width = (size, size) if isinstance(size, int) else size
    rng = np.random.default_rng(seed)
    total = np.full((height, width), 128.0, np.float32)
    for cells, strength in ((4, 18), (12, 12), (40, 10)):
        noise = rng.standard_normal((cells, max(1, cells // 3))).astype(np.float32)
        total += strength * np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))
    total += rng.normal(0, 4, (height, width)).astype(np.float32)
    grey = np.clip(np.rint(total), 0, 255).astype(np.uint8)
    if channels == 1:
        return grey
    tint = np.array([1.0, 0.94, 0.86], np.float32)
    return np.rint(grey[..., None] * tint).astype(np.uint8)


def with_defect(pixels: NDArray[np.uint8], seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A copy with a dark or bright disc on it, and where the disc is."""
    rng = np.random.default_rng(seed + 10_000)
    height, width = pixels.shape[:2]
    radius = max(2.0, min(height, width) * rng.uniform(0.06, 0.12))
    row, column = rng.uniform(radius, height - radius), rng.uniform(radius, width - radius)
    rows, columns = np.ogrid[:height, :width]
    mask = np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)
    spoilt = pixels.copy()
    spoilt[mask] = 15 if rng.random() < 0.5 else 245
    return spoilt, mask


def save(path: Path, pixels: Array, **options: Any) -> Path:
    """Write an 8-bit picture with Pillow in the format of its suffix, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def encoded(image: Image.Image | Array, kind: str, **options: Any) -> bytes:
    """A picture as the bytes of a file, written by Pillow."""
    stream = BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def exif_block(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """A TIFF-like EXIF block with nothing but an orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + {1: "Bxxx", 3: "Hxx", 4: "I"}[kind], orientation)
    return mark + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(width: int, height: int, bits: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file from filtered rows (each starting with its filter byte); ``extra`` chunks stand before the pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return _SIGNATURE + header + b"".join(extra) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def bomb_png(width: int = 100_000, height: int = 100_000) -> bytes:
    """A PNG of a few bytes that claims to be huge."""
    return png_file(width, height, 8, 0, bytes(1000))


def write_bad_files(folder: Path) -> dict[str, Path]:
    """Write one of every kind of file that cannot be used, and return them by name; ``missing.png`` is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    jpeg = encoded(textured(1, 120, 3), "JPEG", quality=90)
    contents = {
        "empty.png": b"",
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "text.png": b"This is not a picture.\n" * 20,
        "bomb.png": bomb_png(),
    }
    paths = {name: folder / name for name in (*contents, "missing.png", "folder.png")}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    paths["folder.png"].mkdir(exist_ok=True)
    return paths
