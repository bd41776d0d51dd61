"""Formats whose voxels lie behind a header of text, or beside it: NRRD and MetaImage."""

from __future__ import annotations

import bz2
import math
import os
import zlib
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.readers.base import Array, VolumeHeader, VolumeReader, check_bytes, check_shape

_HEADER_CAP = 1 << 20
_CHUNK = 1 << 20
_WINDOW = 47
"""zlib's number for streams of zlib and of gzip alike."""

Fields = dict[str, str]


@dataclass(frozen=True)
class Layout:
    """How the voxels of a file are stored, and where they lie.

    ``sizes`` and ``space`` are of the axes in the order of the file, the fastest first; ``space`` are the numbers of
    the three axes that voxels are placed by (fewer in a picture), ``affine`` 4×4 from their indices to LPS in mm.
    ``packing`` is "", "deflate", "bz2" or "text"; ``skip`` bytes lie before the voxels, once they are unpacked; where
    it is -1 the voxels are the last bytes of the file, and ``lines`` of text lie before all that.
    """

    sizes: tuple[int, ...]
    dtype: np.dtype[np.generic]
    affine: Array
    space: tuple[int, ...] = (0, 1, 2)
    packing: str = ""
    skip: int = 0
    lines: int = 0

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return math.prod(self.sizes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""
        x, y, z = [*(self.sizes[axis] for axis in self.space), 1, 1][:3]
        return z, y, x

    def volumes(self, numbers: Array) -> Array:
        """(part, z, y, x) of the ``numbers`` in the order of the file."""
        last = len(self.sizes) - 1
        array = numbers.reshape(self.sizes[::-1])
        moved = np.moveaxis(array, [last - axis for axis in reversed(self.space)], range(-len(self.space), 0))
        return moved.reshape(-1, *self.shape)


class HeadedReader(VolumeReader):
    """Reads header and voxels; what a format's fields mean is up to the format."""

    dims: ClassVar[str]
    file_key: ClassVar[tuple[str, ...]]
    last_key: ClassVar[str] = ""
    """The field that ends the header; without one an empty line does."""

    @abstractmethod
    def layout(self, fields: Fields, sizes: tuple[int, ...]) -> Layout:
        """What the fields say; ``UnreadableError`` where they say nothing sound, or what is not read."""

    @abstractmethod
    def modality(self, fields: Fields) -> str:
        """The modality as DICOM writes it, or nothing."""

    def describe(self, path: Path) -> VolumeHeader:
        fields, end = self._fields(path)
        layout = self._sound_layout(fields)
        where, start = self._data_file(path, fields, end)
        promised = layout.count * (2 if layout.packing == "text" else layout.dtype.itemsize)
        check_bytes(promised, where.stat().st_size - start, layout.packing in ("deflate", "bz2"))
        affine = layout.affine
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise UnreadableError("its axes are not finite or flatten the volume: the place of voxels is unknown")
        return VolumeHeader(
            layout.shape, tuple(affine.ravel().tolist()), layout.dtype.itemsize,
            layout.count // math.prod(layout.shape), modality=self.modality(fields),
        )  # fmt: skip

    def read(self, path: Path, part: int) -> Array:
        fields, end = self._fields(path)
        layout = self._sound_layout(fields)
        where, start = self._data_file(path, fields, end)
        with where.open("rb") as stream:
            stream.seek(start)
            for _ in range(layout.lines):
                stream.readline(_HEADER_CAP)
            numbers = _numbers(stream, layout)
        volumes = layout.volumes(numbers)
        return np.ascontiguousarray(volumes[part], layout.dtype.newbyteorder("="))

    def _sound_layout(self, fields: Fields) -> Layout:
        sizes = integers(fields.get(self.dims, ""))
        if not sizes:
            raise UnreadableError("the header is damaged or incomplete: it does not say how large the volume is")
        check_shape(sizes)
        return self.layout(fields, sizes)

    def _fields(self, path: Path) -> tuple[Fields, int]:
        """The header's lines, names in lower case and without spaces, and where it ends."""
        with path.open("rb") as stream:
            head = stream.read(_HEADER_CAP)
        fields: Fields = {}
        end = 0
        for line in head.split(b"\n"):
            end += len(line) + 1
            text = line.decode("latin-1").strip()
            if not text and fields and not self.last_key:
                break
            name, mark, value = text.partition("=" if self.last_key else ":")
            name = name.strip().lower().replace(" ", "")
            if mark:
                fields.setdefault(name, value.lstrip("=").strip())
            if self.last_key and name == self.last_key:
                break
        return fields, min(end, len(head))

    def _data_file(self, path: Path, fields: Fields, end: int) -> tuple[Path, int]:
        """The file that holds the voxels, and how many bytes of it are the header."""
        name = next((fields[key] for key in self.file_key if key in fields), "")
        if not name or name.upper() == "LOCAL":
            return path, end
        if name.upper().startswith("LIST") or "%" in name:
            raise UnreadableError("its voxels are spread over several files: save it as one file")
        where = path.parent / name
        if not where.is_file():
            raise UnreadableError(f"its voxels are in {name}, which is not there: copy both files")
        if os.path.realpath(where.parent) != os.path.realpath(path.parent):
            raise UnreadableError(f"its voxels are in another folder ({name}): put both files into one folder")
        return where, 0


def integers(text: str) -> tuple[int, ...]:
    """The whole numbers of a field; none where something else stands there."""
    try:
        return tuple(int(word) for word in text.split())
    except ValueError:
        return ()


def floats(text: str) -> list[float]:
    """The numbers of a field; ``UnreadableError`` where something else stands there."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        raise UnreadableError(f"the header is damaged: {text[:60]!r} should be numbers") from None


def _numbers(stream: BinaryIO, layout: Layout) -> Array:
    """All numbers of a file, from where ``stream`` stands."""
    if layout.packing == "text":
        found = np.array(stream.read().split()[: layout.count], layout.dtype)
        return _whole(found, layout.count)
    length = layout.count * layout.dtype.itemsize
    if not layout.packing:
        stream.seek(*((-length, os.SEEK_END) if layout.skip < 0 else (layout.skip, os.SEEK_CUR)))
        return _whole(np.fromfile(stream, layout.dtype, layout.count), layout.count)
    data = _unpacked(stream, layout.packing, length + max(0, layout.skip))
    data = data[len(data) - length :] if layout.skip < 0 else data[layout.skip :]
    return _whole(
        np.frombuffer(data, layout.dtype, min(layout.count, len(data) // layout.dtype.itemsize)), layout.count
    )


def _unpacked(stream: BinaryIO, packing: str, length: int) -> bytes:
    """The first ``length`` bytes of what is packed, and no more: a small file may hold any number."""
    data = bytearray()
    opened = bz2.BZ2Decompressor() if packing == "bz2" else zlib.decompressobj(_WINDOW)
    rest = b""
    while len(data) < length and not opened.eof:
        given = rest or (stream.read(_CHUNK) if getattr(opened, "needs_input", True) else b"")
        more = opened.decompress(given, length - len(data))
        rest = getattr(opened, "unconsumed_tail", b"")
        if not more and not given:
            break  # it ends before its own end
        data += more
    return bytes(data)


def _whole(numbers: Array, count: int) -> Array:
    if len(numbers) < count:
        raise UnreadableError(
            f"it holds {len(numbers):,} of the {count:,} numbers that its header promises: it is damaged or "
            "incomplete; copy it again"
        )
    return numbers
