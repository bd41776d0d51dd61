"""NRRD, by the definition of the format.

https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import re

import numpy as np

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.readers.base import Array
from ad_desktop.data.volumes.readers.headed import Fields, HeadedReader, Layout, floats, integers

_TYPES = {
    "i1": "signed char, int8, int8_t",
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
_KINDS = {name: kind for kind, names in _TYPES.items() for name in names.split(", ")}
_PACKINGS = {"raw": "", "gzip": "deflate", "gz": "deflate", "bzip2": "bz2", "bz2": "bz2",
             "text": "text", "txt": "text", "ascii": "text"}  # fmt: skip
_PLACED = {"domain", "space", "time", "none", "stub", "???", ""}
"""Kinds of axis along which there are samples; along others lie the numbers of one sample."""
_TO_LPS = {
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
_MODALITIES = {"CT": "CT", "MR": "MR", "PET": "PT", "PT": "PT", "NM": "NM"}


class NrrdReader(HeadedReader):
    """NRRD with its voxels inside or beside it."""

    format = "NRRD"
    suffixes = (".nrrd", ".nhdr")
    dims, file_key = "sizes", ("datafile",)

    def layout(self, fields: Fields, sizes: tuple[int, ...]) -> Layout:
        kind = _KINDS.get(fields.get("type", "").lower())
        packing = _PACKINGS.get(fields.get("encoding", "").lower())
        if kind is None:
            raise UnreadableError("its type of numbers is unknown")
        if packing is None:
            raise UnreadableError(
                f"its encoding {fields.get('encoding', '')[:20]!r} is unknown: save it as raw or gzip"
            )
        if integers(fields.get("dimension", "")) != (len(sizes),):
            raise UnreadableError("the header is damaged: it gives another number of dimensions than of sizes")
        placed = _placed_axes(fields, sizes)
        affine, space = _affine(fields, sizes, placed)
        dtype = np.dtype(kind).newbyteorder(">" if fields.get("endian", "").lower() == "big" else "<")
        lines, skip = ((integers(fields.get(key, "0")) or (0,))[0] for key in ("lineskip", "byteskip"))
        return Layout(sizes, dtype, affine, space, packing, skip, max(0, lines))

    def modality(self, fields: Fields) -> str:
        return _MODALITIES.get(fields.get("modality", "").upper(), "")


def _placed_axes(fields: Fields, sizes: tuple[int, ...]) -> list[int]:
    kinds = fields.get("kinds", "").lower().split()
    if len(kinds) != len(sizes):
        return list(range(len(sizes)))
    placed = [axis for axis, kind in enumerate(kinds) if kind in _PLACED]
    numbers = [size for axis, size in enumerate(sizes) if axis not in placed and size > 1]
    if numbers:
        raise UnreadableError(f"it holds {numbers[0]} numbers a voxel (colours or vectors): export one of them")
    return placed


def _affine(fields: Fields, sizes: tuple[int, ...], placed: list[int]) -> tuple[Array, tuple[int, ...]]:
    """4×4 to LPS, and the axes that it is of."""
    affine = np.eye(4)
    vectors = _vectors(fields.get("spacedirections", ""), len(sizes))
    space = [axis for axis in placed if vectors is None or vectors[axis] is not None][:3]
    spacings = floats(fields.get("spacings", "")) or [1.0] * len(sizes)
    if not space or len(spacings) != len(sizes):
        raise UnreadableError("the header is damaged: its axes are not those of its dimensions")
    for column, axis in enumerate(space):
        vector = None if vectors is None else vectors[axis]
        if vector is not None:
            affine[: len(vector[:3]), column] = vector[:3]
        elif np.isfinite(spacings[axis]):
            affine[column, column] = spacings[axis]
    origin = _vectors(fields.get("spaceorigin", ""), 1)
    if origin is not None and origin[0] is not None:
        affine[: len(origin[0][:3]), 3] = origin[0][:3]
    flip = _TO_LPS.get(fields.get("space", "").lower().removesuffix("-time"), (1, 1, 1))
    affine[:3] *= np.array(flip)[:, None]
    return affine, tuple(space)


def _vectors(text: str, count: int) -> list[list[float] | None] | None:
    """The vectors of a field, None for an axis without one; None if there is no such field."""
    if not text:
        return None
    words = re.findall(r"\([^()]*\)|[^\s()]+", text)
    if len(words) != count:
        raise UnreadableError(f"the header is damaged: {text[:60]!r} should be {count} vectors")
    return [floats(word.strip("()").replace(",", " ")) if word.startswith("(") else None for word in words]


READERS = (NrrdReader(),)
