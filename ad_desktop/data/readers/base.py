"""What a reader of one file format gives, and the limits that hold for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

from numpy.typing import NDArray

Array = NDArray[Any]

PIXEL_CAP = 500_000_000
"""Most pixels (width × height) a picture may have; 1.5 GB when decoded as 8-bit RGB."""

BYTE_CAP = 8 * PIXEL_CAP
"""Most bytes a picture may have when decoded as it is stored: 4 GB, for wide numbers in many channels."""


class UnreadableError(Exception):
    """Why a picture cannot be used; ``str(error)`` is the reason, without the path."""


@dataclass(frozen=True)
class ImageInfo:
    """What a file's header says of its picture (of its first page where it has several).

    ``width`` and ``height`` are in pixels as shown, that is after the stored orientation is applied.
    ``channels`` and ``bits`` (per channel) are as stored, ``dtype`` is the numpy type it decodes to.
    """

    format: str
    width: int
    height: int
    channels: int
    dtype: str
    bits: int
    pages: int = 1


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decoded pixels, H×W or H×W×3 as shown, and the picture's full size (height, width)."""

    pixels: Array
    size: tuple[int, int]


class Reader(ABC):
    """Reads one file format from a seekable binary stream.

    Readers keep no state and are called from several threads. They raise ``UnreadableError`` where they
    know the reason; any other exception is taken as a damaged file.
    """

    format: ClassVar[str]
    """The format's name for people, such as ``PNG``."""
    suffixes: ClassVar[tuple[str, ...]]
    """Its file name suffixes, lower case with the dot."""
    paged: ClassVar[bool] = False
    """Whether one file can hold several pictures."""

    @abstractmethod
    def accepts(self, head: bytes) -> bool:
        """Whether a file that starts with these bytes is of this format."""

    @abstractmethod
    def info(self, stream: BinaryIO) -> ImageInfo:
        """What the header says, read without decoding pixels."""

    @abstractmethod
    def read(self, stream: BinaryIO, page: int | None = None, at_least: int | None = None) -> Decoded:
        """Decode one page (0-based; None is the first), turned upright, alpha composited over black.

        ``at_least`` allows a smaller picture whose short side keeps that many pixels. The pixel cap
        is applied before anything is decoded.
        """

    def count_pages(self, stream: BinaryIO) -> int:
        """The number of pictures in the file; at least 1."""
        return 1


def check_size(width: int, height: int, pixel_bytes: int = 1) -> None:
    """Raise ``UnreadableError`` for a picture without pixels, or above ``PIXEL_CAP`` or ``BYTE_CAP``.

    ``pixel_bytes`` is what one pixel takes as it is stored.
    """
    if width < 1 or height < 1:
        raise UnreadableError("the picture has no pixels: its header is damaged")
    if width * height > PIXEL_CAP:
        raise UnreadableError(
            f"the picture has {width} × {height} pixels ({width * height / 1e6:,.0f} megapixels), "
            f"and at most {PIXEL_CAP // 1_000_000} megapixels can be opened: scale it down or cut it into parts"
        )
    if width * height * pixel_bytes > BYTE_CAP:
        raise UnreadableError(
            f"the picture has {width} × {height} pixels of {pixel_bytes} bytes, and at most {BYTE_CAP / 1e9:.0f} GB "
            "can be opened: save it with smaller numbers, scale it down or cut it into parts"
        )


def page_index(page: int | None, pages: int) -> int:
    """The 0-based page to read; ``UnreadableError`` if the file does not have it."""
    index = 0 if page is None else page
    if not 0 <= index < pages:
        has = "one page" if pages == 1 else f"{pages} pages"
        raise UnreadableError(f"page {index + 1} was asked for, but the file has {has}")
    return index
