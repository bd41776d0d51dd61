"""TIFF, decoded by tifffile with imagecodecs, and by Pillow for the few kinds that these leave out."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from typing import Any, BinaryIO

import numpy as np

from ad_desktop.data.readers.base import Array, Decoded, ImageInfo, Reader, UnreadableError, check_size, page_index
from ad_desktop.data.readers.colour import from_pillow, over_black, plain_dtype
from ad_desktop.data.readers.ifd import directory_tags, page_directories
from ad_desktop.data.readers.orientation import orient, oriented_size

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG = 7
_UNSPECIFIED, _UNASSOCIATED = 0, 2
_ORIENTATION = 274
# Size, bits, compression, colours, strips and tiles, planes, predictor, palette, extra samples, number type.
_NEEDED = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339}
)

# tifffile logs what it finds odd; what matters reaches the user as an exception.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
# Filters for warnings belong to the whole process, so only one thread at a time may change them.
_warnings_lock = threading.Lock()


class _LeftToPillowError(Exception):
    """A kind of TIFF that tifffile does not turn into grey or RGB."""


class TiffReader(Reader):
    """Grey, RGB and palette of any bit depth, opacity, planar, tiled, compressed, with several pages."""

    format = "TIFF"
    suffixes = (".tif", ".tiff")
    paged = True

    def accepts(self, head: bytes) -> bool:
        return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

    def count_pages(self, stream: BinaryIO) -> int:
        return len(page_directories(stream))

    def info(self, stream: BinaryIO) -> ImageInfo:
        import tifffile

        pages = page_directories(stream)
        stream.seek(0)
        with tifffile.TiffFile(stream) as file:
            page = file.pages[pages[0]]
            height, width = oriented_size(page.imagewidth, page.imagelength, _orientation(page))
            bits = max(np.atleast_1d(page.bitspersample).tolist())
            dtype = "uint8" if page.photometric == _PALETTE else _decoded_dtype(page.dtype)
            return ImageInfo(self.format, width, height, page.samplesperpixel, dtype, int(bits), len(pages))

    def read(self, stream: BinaryIO, page: int | None = None, at_least: int | None = None) -> Decoded:
        import tifffile

        pages = page_directories(stream)
        index = pages[page_index(page, len(pages))]
        stream.seek(0)
        try:
            with tifffile.TiffFile(stream) as file:
                directory = file.pages[index]
                unread = (directory_tags(stream, directory.offset) - {tag.code for tag in directory.tags}) & _NEEDED
                if unread:  # tifffile goes on with default values
                    raise UnreadableError("the TIFF file is incomplete: it ends inside its directory; copy it again")
                return _decode(directory, file.filehandle.size)
        except (_LeftToPillowError, NotImplementedError):
            return _decode_with_pillow(stream, index)


def _decode(page: Any, file_size: int) -> Decoded:
    """Decode one tifffile page."""
    itemsize = page.dtype.itemsize if page.dtype is not None else 1
    check_size(page.imagewidth, page.imagelength, page.samplesperpixel * itemsize)
    if page.imagedepth != 1:
        raise UnreadableError("volumes in one TIFF page cannot be opened: save each slice as a page")
    known = page.photometric in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE)
    if not (known or (page.photometric == _YCBCR and page.compression == _JPEG)) or not _decodable(page):
        raise _LeftToPillowError
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    # tifffile would fill what is missing with black.
    if len(parts) < math.prod(page.chunked) or any(start + length > file_size for start, length in parts):
        raise UnreadableError("the TIFF file is incomplete: it ends inside the picture; copy it again")
    with np.errstate(all="ignore"):
        # One worker: pictures are already decoded side by side.
        stored = page.asarray(squeeze=False, maxworkers=1)[:, 0]
        samples = np.moveaxis(stored[..., 0], 0, -1) if stored.shape[0] > 1 else stored[0]
        samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
        pixels = _colours(page, samples)
    orientation = _orientation(page)
    return Decoded(orient(pixels, orientation), oriented_size(page.imagewidth, page.imagelength, orientation))


def _decodable(page: Any) -> bool:
    import tifffile

    single_depth = isinstance(page.bitspersample, int)
    return page.dtype is not None and single_depth and page.compression in tifffile.TIFF.DECOMPRESSORS


def _colours(page: Any, samples: Array) -> Array:
    """Turn stored samples (H×W×S) into grey or RGB pixels."""
    if page.photometric == _PALETTE:
        return _look_up(page.colormap, samples[..., 0])
    extra = tuple(int(kind) for kind in page.extrasamples)
    count = samples.shape[2]
    colours = 3 if page.photometric in (_RGB, _YCBCR) else 1
    if count == 3 and colours == 1 and set(extra) <= {_UNSPECIFIED}:
        colours = 3  # microscopes write three channels as "grey" planes
    if count < colours or (colours == 1 and count > 1 and extra[:1] in ((), (_UNSPECIFIED,))):
        raise UnreadableError(
            f"the picture has {count} channel{'s' * (count > 1)} of unknown meaning: save it as grey or RGB"
        )
    pixels = _scale(page, samples[..., :colours])
    if extra[:1] == (_UNASSOCIATED,) and count > colours:
        # Associated alpha is already multiplied in; unspecified samples are no alpha.
        pixels = over_black(pixels, _scale(page, samples[..., colours : colours + 1], invert=False)[..., 0])
    return pixels[..., 0] if colours == 1 else pixels


def _scale(page: Any, samples: Array, invert: bool | None = None) -> Array:
    """Bring bit depths below 8 to 0..255 and make higher mean brighter; 9 to 16 bits keep their values."""
    invert = page.photometric == _MIN_IS_WHITE if invert is None else invert
    bits = page.bitspersample
    if samples.dtype.kind == "b":
        return plain_dtype(~samples if invert else samples)
    if samples.dtype.kind == "u":
        top = (1 << bits) - 1
        samples = samples.dtype.type(top) - samples if invert else samples
        return plain_dtype(samples * np.uint8(255 // top) if bits < 8 and 255 % top == 0 else _stretch(samples, bits))
    plain = plain_dtype(samples)
    return -plain if invert else plain


def _stretch(samples: Array, bits: int) -> Array:
    """Bring 3, 5, 6 and 7 bits to 0..255."""
    if bits >= 8:
        return samples
    top = (1 << bits) - 1
    return ((samples.astype(np.uint16) * 255 + top // 2) // top).astype(np.uint8)


def _look_up(colormap: Array, index: Array) -> Array:
    """Colours (H×W×3) of a palette picture; palettes hold 16-bit values, or by an old mistake 8-bit ones."""
    shift = 8 if int(colormap.max()) > 255 else 0
    return (colormap >> shift).astype(np.uint8).T[index]


def _orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION)
    value = tag.value if tag is not None else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _decoded_dtype(dtype: Any) -> str:
    """The type that samples of this type decode to."""
    if dtype is None:
        return "uint8"
    return str(plain_dtype(np.zeros(1, dtype)).dtype) if np.dtype(dtype).kind in "buif" else str(dtype)


def _decode_with_pillow(stream: BinaryIO, index: int) -> Decoded:
    """CMYK, YCbCr without JPEG, Lab and rare compressions; 8 bits per channel only."""
    from PIL.TiffImagePlugin import TiffImageFile

    stream.seek(0)
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = TiffImageFile(stream)
            image.seek(index)
        except (SyntaxError, KeyError) as error:
            raise UnreadableError(
                "this kind of TIFF cannot be opened: save it as plain grey or RGB TIFF, or PNG"
            ) from error
        check_size(image.width, image.height)
        if max(image.tag_v2.get(258, (8,))) > 8:
            raise UnreadableError("TIFF of this colour space with more than 8 bits cannot be opened: save it as RGB")
        image.load()  # turns it upright
        return Decoded(from_pillow(image), (image.height, image.width))


READER = TiffReader()
