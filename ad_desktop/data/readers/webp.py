"""WebP, decoded by libwebp through imagecodecs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from ad_desktop.data.readers.base import Decoded, ImageInfo, Reader, UnreadableError, check_size, page_index
from ad_desktop.data.readers.colour import flatten_alpha
from ad_desktop.data.readers.orientation import exif_orientation, orient, oriented_size

_ALPHA_FLAG = 0x10
_ALPHA_BIT = 1 << 28


class _Header(NamedTuple):
    width: int
    height: int
    channels: int
    orientation: int


class WebpReader(Reader):
    """Lossy and lossless WebP with or without opacity; of an animation the first frame."""

    format = "WebP"
    suffixes = (".webp",)

    def accepts(self, head: bytes) -> bool:
        return head[:4] == b"RIFF" and head[8:12] == b"WEBP"

    def info(self, stream: BinaryIO) -> ImageInfo:
        header = _header(stream)
        height, width = oriented_size(header.width, header.height, header.orientation)
        return ImageInfo(self.format, width, height, header.channels, "uint8", 8)

    def read(self, stream: BinaryIO, page: int | None = None, at_least: int | None = None) -> Decoded:
        import imagecodecs

        page_index(page, 1)
        header = _header(stream)
        check_size(header.width, header.height)
        stream.seek(0)
        pixels = flatten_alpha(np.asarray(imagecodecs.webp_decode(stream.read())))
        return Decoded(
            orient(pixels, header.orientation), oriented_size(pixels.shape[1], pixels.shape[0], header.orientation)
        )


def _header(stream: BinaryIO) -> _Header:
    """The canvas of an extended file, else the one frame; the orientation stands behind the pixels."""
    size: tuple[int, int, int] | None = None
    orientation = 1
    for kind, start, length in _chunks(stream):
        if size is None and kind in (b"VP8X", b"VP8L", b"VP8 "):
            stream.seek(start)
            size = _frame(kind, stream.read(10))
        elif kind == b"EXIF":
            stream.seek(start)
            orientation = exif_orientation(stream.read(min(length, 1 << 20)))
    if size is None:
        raise UnreadableError("the WebP file is damaged: its header is incomplete")
    return _Header(*size, orientation)


def _frame(kind: bytes, data: bytes) -> tuple[int, int, int] | None:
    """Width, height and channels from the first bytes of a chunk."""
    if kind == b"VP8X" and len(data) == 10:
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height, 4 if data[0] & _ALPHA_FLAG else 3
    if kind == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        word = int.from_bytes(data[1:5], "little")
        return (word & 0x3FFF) + 1, (word >> 14 & 0x3FFF) + 1, 4 if word & _ALPHA_BIT else 3
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and len(data) == 10:
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF, 3
    return None


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and length of each chunk's data."""
    at = 12
    while True:
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        length = int.from_bytes(head[4:], "little")
        yield head[:4], at + 8, length
        at += 8 + length + length % 2


READER = WebpReader()
