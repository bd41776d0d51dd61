"""Windows bitmaps, decoded by Pillow."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile

from ad_desktop.data.readers.base import Decoded, ImageInfo, Reader, check_size, page_index
from ad_desktop.data.readers.colour import from_pillow

_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
_CHANNELS = {"RGB": 3, "RGBA": 4}


class BmpReader(Reader):
    """Bitmaps of 1 to 32 bits per pixel, also run-length encoded."""

    format = "BMP"
    suffixes = (".bmp",)

    def accepts(self, head: bytes) -> bool:
        return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _HEADER_SIZES

    def info(self, stream: BinaryIO) -> ImageInfo:
        image = BmpImageFile(stream)
        bits = 1 if image.mode == "1" else 8
        return ImageInfo(self.format, image.width, image.height, _CHANNELS.get(image.mode, 1), "uint8", bits)

    def read(self, stream: BinaryIO, page: int | None = None, at_least: int | None = None) -> Decoded:
        page_index(page, 1)
        image = BmpImageFile(stream)
        check_size(image.width, image.height)
        image.load()
        if image.mode == "RGBA" and not np.asarray(image.getchannel("A")).any():
            # Many programs reserve the fourth byte and leave it 0, without meaning "transparent".
            return Decoded(np.asarray(image)[..., :3], (image.height, image.width))
        return Decoded(from_pillow(image), (image.height, image.width))


READER = BmpReader()
