"""A decoded picture laid down in an unnamed temporary file, from which rectangles are read in little memory."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ad_desktop.data.images import HeldSample, Picture, ValueRange, value_range_of
from ad_desktop.data.readers.base import Array
from ad_desktop.data.tiles import Tile
from ad_desktop.errors import UserError


class SpooledPicture:
    """The pixels of a ``Picture`` on the disk; may be read by several threads.

    Plain reads rather than a memory map: mapped pages count as the process's memory. ``UserError`` where the
    temporary folder cannot take the pixels.
    """

    def __init__(self, picture: Picture) -> None:
        pixels = picture.pixels
        self.shape, self.dtype = pixels.shape, pixels.dtype
        self.sha256 = picture.sha256
        self.value_range = value_range_of(pixels)
        self._lock = threading.Lock()
        try:
            self._file = tempfile.TemporaryFile(prefix="ad-desktop-picture-", buffering=0)  # noqa: SIM115 - lives on
            weakref.finalize(self, self._file.close)
            left = pixels.data.cast("B")
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            folder = tempfile.gettempdir()
            raise UserError(
                f"Cannot write working data to {folder}: {error.strerror or error}. Free some space there."
            ) from error

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.shape[0], self.shape[1]

    def read(self, tile: Tile) -> Array:
        """The pixels of a tile, height × width (× 3)."""
        found = np.empty((tile.height, tile.width, *self.shape[2:]), self.dtype)
        pixel = self.dtype.itemsize * int(np.prod(self.shape[2:]))
        with self._lock:
            for row in range(tile.height):
                self._file.seek(((tile.top + row) * self.shape[1] + tile.left) * pixel)
                left = found[row].data.cast("B")
                while left:
                    left = left[self._file.readinto(left) :]
        return found


@dataclass(frozen=True)
class TileSample(HeldSample):
    """A tile of a picture, as a sample of its own: its path is the picture's key with the tile's place behind it."""

    tile: Tile = field(kw_only=True)
    source: SpooledPicture = field(kw_only=True, compare=False, repr=False)

    @classmethod
    def of(cls, picture: str, tile: Tile, source: SpooledPicture) -> TileSample:
        """A tile of the picture with the key ``picture``."""
        return cls(Path(tile.key(picture)), tile=tile, source=source)

    @property
    def value_range(self) -> ValueRange:
        """Black and white of the whole picture."""
        return self.source.value_range

    def picture(self) -> Picture:
        """The tile's pixels; its hash tells apart the file's bytes and the place."""
        digest = hashlib.sha256(f"{self.source.sha256}{tuple(self.tile)}".encode()).hexdigest()
        return Picture(self.source.read(self.tile), self.tile.size, digest)
