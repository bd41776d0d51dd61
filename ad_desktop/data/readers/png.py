"""PNG, decoded by libpng through imagecodecs, which keeps 16 bits where Pillow cuts RGB to 8."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from ad_desktop.data.readers.base import Decoded, ImageInfo, Reader, UnreadableError, check_size, page_index
from ad_desktop.data.readers.colour import flatten_alpha
from ad_desktop.data.readers.orientation import exif_orientation, orient, oriented_size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

# libpng's remarks on odd profiles and texts; what matters reaches the user as an exception.
logging.getLogger("imagecodecs").addHandler(logging.NullHandler())


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    length: int


class PngReader(Reader):
    """Grey, RGB and palette of 1 to 16 bits, opacity, interlaced; of an animation the default picture."""

    format = "PNG"
    suffixes = (".png",)

    def accepts(self, head: bytes) -> bool:
        return head.startswith(_SIGNATURE)

    def info(self, stream: BinaryIO) -> ImageInfo:
        width, height, bits, colour = _header(stream)
        orientation = exif_orientation(_exif(stream))
        shown = oriented_size(width, height, orientation)
        return ImageInfo(self.format, shown[1], shown[0], _CHANNELS[colour], "uint16" if bits == 16 else "uint8", bits)

    def read(self, stream: BinaryIO, page: int | None = None, at_least: int | None = None) -> Decoded:
        import imagecodecs

        page_index(page, 1)
        width, height, _, _ = _header(stream)
        check_size(width, height)
        orientation = exif_orientation(_exif(stream))
        stream.seek(0)
        pixels = np.asarray(imagecodecs.png_decode(stream.read()))
        return Decoded(orient(flatten_alpha(pixels), orientation), oriented_size(width, height, orientation))


def _header(stream: BinaryIO) -> tuple[int, int, int, int]:
    """Width, height, bits per channel and colour type."""
    stream.seek(len(_SIGNATURE))
    header = stream.read(18)
    if len(header) < 18 or header[4:8] != b"IHDR" or header[17] not in _CHANNELS:
        raise UnreadableError("the PNG file is damaged: its header is incomplete")
    width, height, bits, colour = struct.unpack(">IIBB", header[8:])
    return width, height, bits, colour


def _chunks(stream: BinaryIO) -> Iterator[_Chunk]:
    """The file's chunks, where their data starts, and how long it is, up to the end mark."""
    at = len(_SIGNATURE)
    while True:
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        (length,) = struct.unpack(">I", head[:4])
        yield _Chunk(head[4:], at + 8, length)
        if head[4:] == b"IEND":
            return
        at += 12 + length


def _exif(stream: BinaryIO) -> bytes:
    """The EXIF block; it may stand before or behind the pixels."""
    for chunk in _chunks(stream):
        if chunk.kind == b"eXIf":
            stream.seek(chunk.start)
            return stream.read(min(chunk.length, 1 << 20))
    return b""


READER = PngReader()
