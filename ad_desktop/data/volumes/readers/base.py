"""What a reader of one volume file format gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from ad_desktop.data.readers.base import UnreadableError

Array = NDArray[Any]

DEFLATE_RATIO = 1032
"""Most bytes that one byte of a gzip or zlib stream can become."""


@dataclass(frozen=True)
class VolumeHeader:
    """What a file's header says of its volumes, JSON-able.

    ``shape`` (z, y, x); ``affine`` 16 numbers, row by row, index (x, y, z) to LPS in mm; ``parts`` how many
    volumes on these voxels the file holds; ``voxel_bytes`` what one voxel takes as it is stored.
    """

    shape: tuple[int, int, int]
    affine: tuple[float, ...]
    voxel_bytes: int
    parts: int = 1
    unit: str = ""
    modality: str = ""
    title: str = ""
    warnings: tuple[str, ...] = ()


class VolumeReader(ABC):
    """Reads one file format from a path, inside the child process.

    Readers raise ``UnreadableError`` where they know the reason; any other exception is taken as a damaged file.
    """

    format: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def describe(self, path: Path) -> VolumeHeader:
        """What the header says; voxels are not read, and the file is known to be long enough for them."""

    @abstractmethod
    def read(self, path: Path, part: int) -> Array:
        """The voxels (z, y, x) of one part (0-based), scaled as the header says."""


def check_shape(shape: tuple[int, ...]) -> None:
    """Raise ``UnreadableError`` for a volume without voxels."""
    if any(length < 1 for length in shape):
        text = " × ".join(map(str, shape))
        raise UnreadableError(f"the header is damaged: it promises {text} voxels; copy or export the file again")


def check_bytes(promised: int, stored: int, compressed: bool) -> None:
    """Raise ``UnreadableError`` where ``stored`` bytes of a file cannot hold the ``promised`` ones of its voxels."""
    most = stored * DEFLATE_RATIO if compressed else stored
    if promised > most:
        raise UnreadableError(
            f"the header promises {promised:,} bytes of voxels, and the file can hold {most:,} at most: "
            "it is damaged or incomplete; copy it again"
        )
