"""The orientation stored with a picture (EXIF tag 274) and how it is applied.

The tag is read here rather than by Pillow, whose EXIF parser warns about damaged blocks.
"""

from __future__ import annotations

import struct

import numpy as np

from ad_desktop.data.readers.base import Array

_TAG = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I"}


def exif_orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, in an EXIF block (with or without its ``Exif`` mark); 1 if there is none."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", block, entry)
            if tag == _TAG:
                (value,) = struct.unpack_from(order + _FORMATS.get(kind, "H"), block, entry + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # a damaged block says nothing of the orientation
    return 1


def oriented_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Height and width as shown, of a picture stored as ``width`` × ``height``."""
    return (width, height) if orientation >= 5 else (height, width)


def orient(pixels: Array, orientation: int) -> Array:
    """Turn stored pixels (H×W or H×W×C) upright; a view where possible."""
    if orientation in (2, 7):
        pixels = pixels[:, ::-1]
    elif orientation in (4, 5):
        pixels = pixels[::-1]
    turns = {3: 2, 5: 3, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(pixels, turns) if turns else pixels
