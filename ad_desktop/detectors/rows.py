"""Many equal rows on disk: what a detector keeps of each normal sample, at constant memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.errors import ModelFileError, UserError


class RowStore:
    """Rows of one shape and type in an unnamed temporary file, or (until first changed) inside a model file.

    Plain reads and writes rather than a memory map: mapped pages count as the process's memory.
    """

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self.row_shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._count = 0
        self._file = tempfile.TemporaryFile(prefix="ad-desktop-rows-")  # noqa: SIM115 - lives as long as the store
        self._source: tuple[Path, int, tuple[int, int]] | None = None

    @classmethod
    def inside(cls, path: Path, offset: int, count: int, shape: Sequence[int], dtype: str) -> RowStore:
        """Rows that lie in the file ``path`` from byte ``offset`` on, copied out when first read."""
        store = cls(shape, dtype)
        store._count = count
        store._source = (path, offset, _stamp(path))
        return store

    def __len__(self) -> int:
        return self._count

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows as one array."""
        return (self._count, *self.row_shape)

    @property
    def row_bytes(self) -> int:
        """Size of one row in bytes."""
        return int(np.prod(self.row_shape)) * self.dtype.itemsize

    def append(self, row: NDArray[Any]) -> None:
        """Add one row at the end; ``UserError`` if the disk is full."""
        if row.shape != self.row_shape:
            raise ValueError(f"a row of shape {row.shape} does not fit rows of shape {self.row_shape}")
        self._fetch()
        try:
            self._file.seek(self._count * self.row_bytes)
            self._file.write(np.ascontiguousarray(row, self.dtype).tobytes())
            self._file.flush()
        except OSError as error:
            folder = tempfile.gettempdir()
            raise UserError(
                f"Cannot write working data to {folder}: {error.strerror}. Free some space there."
            ) from error
        self._count += 1

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows ``start`` to ``stop`` (exclusive) as one array."""
        self._fetch()
        stop = min(stop, self._count)
        self._file.seek(start * self.row_bytes)
        data = self._file.read((stop - start) * self.row_bytes)
        return np.frombuffer(data, self.dtype).reshape(stop - start, *self.row_shape)

    def take(self, indices: Sequence[int]) -> NDArray[Any]:
        """The rows ``indices`` as one array."""
        rows = np.empty((len(indices), *self.row_shape), self.dtype)
        for place, index in enumerate(indices):
            rows[place] = self.read(index, index + 1)[0]
        return rows

    def without(self, indices: Sequence[int]) -> RowStore:
        """A new store with the rows ``indices`` left out, the others in order."""
        kept, gone = RowStore(self.row_shape, self.dtype.str), set(indices)
        for index in range(self._count):
            if index not in gone:
                kept.append(self.read(index, index + 1)[0])
        return kept

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """All rows in blocks of at most ``size``, each with the index of its first row."""
        for start in range(0, self._count, size):
            yield start, self.read(start, start + size)

    def _fetch(self) -> None:
        """Copy the rows out of the model file they still lie in, which may be replaced at any time."""
        if self._source is None:
            return
        path, offset, stamp = self._source
        if not path.exists() or _stamp(path) != stamp:
            raise ModelFileError(f"{path} was changed or removed since it was opened. Open the model again.")
        with path.open("rb") as source:
            source.seek(offset)
            shutil.copyfileobj(source, self._file, 1 << 20)
        self._file.truncate(self._count * self.row_bytes)
        self._source = None


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
