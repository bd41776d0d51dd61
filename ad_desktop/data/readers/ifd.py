"""Which directories of a TIFF file are pages: found by walking the directories alone, which is fast."""

from __future__ import annotations

import struct
from typing import BinaryIO

from ad_desktop.data.readers.base import UnreadableError

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4  # bits of the first tag
_OLD_REDUCED = 2  # value of the second
_MOST_DIRECTORIES = 100_000
_MOST_TAGS = 4096


class _Layout:
    """Field widths of classic and of big TIFF."""

    def __init__(self, header: bytes) -> None:
        order = {b"II": "<", b"MM": ">"}.get(header[:2])
        if order is None or len(header) < 8:
            raise UnreadableError("the TIFF file is damaged: its header is incomplete")
        self.order = order
        self.big = self._number("H", header, 2) == 43
        self.count, self.offset, self.entry = ("Q", "Q", 20) if self.big else ("H", "I", 12)
        if self.big and len(header) < 16:
            raise UnreadableError("the TIFF file is damaged: its header is incomplete")
        self.first = self._number(self.offset, header, 8 if self.big else 4)

    def _number(self, kind: str, data: bytes, at: int) -> int:
        return int(struct.unpack_from(self.order + kind, data, at)[0])

    def read_number(self, stream: BinaryIO, kind: str) -> int | None:
        size = struct.calcsize(kind)
        data = stream.read(size)
        return self._number(kind, data, 0) if len(data) == size else None

    def is_auxiliary(self, entries: bytes) -> bool:
        """Whether a directory with these entries holds a thumbnail, a pyramid level or a mask."""
        for at in range(0, len(entries) - self.entry + 1, self.entry):
            tag, kind = struct.unpack_from(self.order + "HH", entries, at)
            if tag > _SUBFILE_TYPE:
                break  # entries are sorted by tag
            if tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE):
                value = self._number("H" if kind == 3 else "I", entries, at + (12 if self.big else 8))
                if tag == _NEW_SUBFILE_TYPE and value & (_REDUCED | _MASK):
                    return True
                if tag == _SUBFILE_TYPE and value == _OLD_REDUCED:
                    return True
        return False


def directory_tags(stream: BinaryIO, offset: int) -> set[int]:
    """The tags that the directory at ``offset`` names, whether or not their values can be read."""
    stream.seek(0)
    layout = _Layout(stream.read(16))
    stream.seek(offset)
    entries = stream.read((layout.read_number(stream, layout.count) or 0) * layout.entry)
    return {struct.unpack_from(layout.order + "H", entries, at)[0] for at in range(0, len(entries) - 1, layout.entry)}


def page_directories(stream: BinaryIO) -> list[int]:
    """Positions, in the chain of directories, of those that are pages and not thumbnails, pyramid levels or masks.

    A chain that is cut off or runs in a circle ends there. ``UnreadableError`` if there is no directory.
    """
    stream.seek(0)
    layout = _Layout(stream.read(16))
    pages: list[int] = []
    seen: set[int] = set()
    offset = layout.first
    while offset and offset not in seen and len(seen) < _MOST_DIRECTORIES:
        stream.seek(offset)
        count = layout.read_number(stream, layout.count)
        if not count or count > _MOST_TAGS:
            break
        entries = stream.read(count * layout.entry)
        if len(entries) < count * layout.entry:
            break
        if not layout.is_auxiliary(entries):
            pages.append(len(seen))
        seen.add(offset)
        offset = layout.read_number(stream, layout.offset) or 0
    if not seen:
        raise UnreadableError("the TIFF file is damaged or incomplete: it has no directory of its pictures")
    return pages or [0]
