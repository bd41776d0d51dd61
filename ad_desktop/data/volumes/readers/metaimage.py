"""MetaImage, by ITK's description of its header.

https://docs.itk.org/en/latest/learn/metaio.html
"""

from __future__ import annotations

import numpy as np

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.readers.base import Array
from ad_desktop.data.volumes.readers.headed import Fields, HeadedReader, Layout, floats, integers

_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_MODALITIES = {"CT": "CT", "MR": "MR", "PET": "PT", "NM": "NM"}


class MetaImageReader(HeadedReader):
    """MetaImage with its voxels inside or beside it."""

    format = "MetaImage"
    suffixes = (".mha", ".mhd")
    dims, file_key, last_key = "dimsize", ("elementdatafile",), "elementdatafile"

    def layout(self, fields: Fields, sizes: tuple[int, ...]) -> Layout:
        channels = integers(fields.get("elementnumberofchannels", "1")) or (1,)
        if channels[0] > 1:
            raise UnreadableError(f"it holds {channels[0]} numbers a voxel (colours or vectors): export one of them")
        kind = _TYPES.get(fields.get("elementtype", "").upper())
        if kind is None:
            raise UnreadableError("its type of numbers is unknown")
        large = _first(fields, "binarydatabyteordermsb", "elementbyteordermsb").lower() == "true"
        packing = "deflate" if fields.get("compresseddata", "").lower() == "true" else ""
        if fields.get("binarydata", "True").lower() == "false":
            packing = "text"
        skip = (integers(fields.get("headersize", "0")) or (0,))[0]
        space = tuple(range(min(3, len(sizes))))
        dtype = np.dtype(kind).newbyteorder(">" if large else "<")
        return Layout(sizes, dtype, _affine(fields, len(sizes)), space, packing, skip)

    def modality(self, fields: Fields) -> str:
        return _MODALITIES.get(fields.get("modality", "").upper().removeprefix("MET_MOD_"), "")


def _affine(fields: Fields, dimension: int) -> Array:
    """To LPS; each line of the matrix is the direction of an axis."""
    count = min(3, dimension)
    spacing = floats(_first(fields, "elementspacing", "elementsize")) or [1.0] * dimension
    origin = floats(_first(fields, "offset", "position", "origin")) or [0.0] * dimension
    turn = floats(_first(fields, "transformmatrix", "rotation", "orientation")) or np.eye(dimension).ravel().tolist()
    if len(turn) != dimension**2 or len(spacing) != dimension or len(origin) != dimension:
        raise UnreadableError(f"the header is damaged: its axes are not those of {dimension} dimensions")
    affine = np.eye(4)
    affine[:count, :count] = np.reshape(turn, (dimension, dimension))[:count, :count].T * np.array(spacing[:count])
    affine[:count, 3] = origin[:count]
    return affine


def _first(fields: Fields, *names: str) -> str:
    return next((fields[name] for name in names if name in fields), "")


READERS = (MetaImageReader(),)
