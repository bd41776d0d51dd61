"""JPEG, decoded by Pillow, at a fraction of its size where that is enough."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO, NamedTuple

from PIL.JpegImagePlugin import JpegImageFile

from ad_desktop.data.readers.base import Decoded, ImageInfo, Reader, UnreadableError, check_size, page_index
from ad_desktop.data.readers.colour import from_pillow
from ad_desktop.data.readers.orientation import exif_orientation, orient, oriented_size

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_APP1, _EOI, _SOS = 0xE1, 0xD9, 0xDA
_EXIF = b"Exif\0\0"


class _Header(NamedTuple):
    width: int
    height: int
    channels: int
    bits: int
    orientation: int
    exif_starts: list[int]


class JpegReader(Reader):
    """Grey, colour and CMYK JPEG of 8 bits, turned by its EXIF orientation."""

    format = "JPEG"
    suffixes = (".jpg", ".jpeg", ".jpe", ".jfif")

    def accepts(self, head: bytes) -> bool:
        return head.startswith(b"\xff\xd8\xff")

    def info(self, stream: BinaryIO) -> ImageInfo:
        header = _header(stream)
        height, width = oriented_size(header.width, header.height, header.orientation)
        return ImageInfo(self.format, width, height, header.channels, "uint8", header.bits)

    def read(self, stream: BinaryIO, page: int | None = None, at_least: int | None = None) -> Decoded:
        page_index(page, 1)
        header = _header(stream)
        check_size(header.width, header.height)
        if header.bits != 8:
            raise UnreadableError(f"JPEG with {header.bits} bits per channel cannot be opened: save it as TIFF or PNG")
        with JpegImageFile(_without_exif(stream, header.exif_starts)) as image:
            if at_least is not None:
                image.draft(None, (at_least, at_least))
            pixels = orient(from_pillow(image), header.orientation)
        return Decoded(pixels, oriented_size(header.width, header.height, header.orientation))


def _header(stream: BinaryIO) -> _Header:
    """Walk the markers up to the compressed data."""
    frame: tuple[int, int, int, int] | None = None
    orientation = 1
    exif_starts: list[int] = []
    at = 2
    while True:
        stream.seek(at)
        head = stream.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            break
        marker = head[1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(head[2:])
        if marker in (_EOI, _SOS) or length < 2:
            break
        if marker in _FRAMES:
            data = stream.read(6)
            frame = int.from_bytes(data[3:5]), int.from_bytes(data[1:3]), data[5], data[0]
        elif marker == _APP1 and stream.read(6) == _EXIF:
            orientation = exif_orientation(stream.read(length - 8)) if not exif_starts else orientation
            exif_starts.append(at + 4)
        at += 2 + length
    if frame is None:
        raise UnreadableError("the JPEG file is damaged: it ends before its picture starts")
    return _Header(*frame, orientation, exif_starts)


def _without_exif(stream: BinaryIO, exif_starts: list[int]) -> BytesIO:
    """The file with its EXIF blocks unmarked: Pillow would read their resolution and warn if they are damaged."""
    stream.seek(0)
    copy = BytesIO(stream.read())
    for start in exif_starts:
        copy.seek(start)
        copy.write(b"none")
    copy.seek(0)
    return copy


READER = JpegReader()
