"""Many equal rows on disk: what a detector keeps of each normal sample, at constant memory."""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ad_desktop.errors import ModelFileError, UserError

COPIED_AT_ONCE = 1 << 20
"""Bytes."""


class RowStore:
    """Rows of one shape and type in an unnamed temporary file, or (until first read) inside a model file.

    Plain reads and writes rather than a memory map: mapped pages count as the process's memory.
    ``UserError`` where the temporary folder cannot take the rows.
    """

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self.row_shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._count = 0
        self._file = _WorkingFile()
        self._file.users.add(self)
        self._source: tuple[Path, int, tuple[int, int, int]] | None = None

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
        """Add one row at the end."""
        self.extend(row[np.newaxis])

    def extend(self, rows: NDArray[Any]) -> None:
        """Add rows at the end, all or none."""
        if rows.shape[1:] != self.row_shape:
            raise ValueError(f"rows of shape {rows.shape[1:]} do not fit rows of shape {self.row_shape}")
        self._fetch()
        if any(other._count > self._count for other in self._file.users):
            self._use(self.without(())._file)
        self._file.write_at(self._count * self.row_bytes, np.ascontiguousarray(rows, self.dtype).tobytes())
        self._count += len(rows)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows ``start`` to ``stop`` (exclusive) as one array."""
        self._fetch()
        rows = np.empty((max(min(stop, self._count) - start, 0), *self.row_shape), self.dtype)
        if rows.size:
            self._file.read_at(start * self.row_bytes, rows.data.cast("B"))
        return rows

    def take(self, indices: Sequence[int]) -> NDArray[Any]:
        """The rows ``indices`` as one array."""
        rows = np.empty((len(indices), *self.row_shape), self.dtype)
        wanted = np.asarray(indices, np.intp)
        if not rows.size:
            return rows
        if wanted.min() < 0 or wanted.max() >= self._count:
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {self._count}")
        self._fetch()
        # Rows that lie one after another are read in one go.
        cuts = [0, *(np.flatnonzero(np.diff(wanted) != 1) + 1).tolist(), len(wanted)]
        for first, end in pairwise(cuts):
            self._file.read_at(int(wanted[first]) * self.row_bytes, rows[first:end].data.cast("B"))
        return rows

    def without(self, indices: Sequence[int]) -> RowStore:
        """A new store with the rows ``indices`` left out, the others in order."""
        kept, gone = RowStore(self.row_shape, self.dtype.str), sorted(set(indices))
        step = max(1, COPIED_AT_ONCE // self.row_bytes)
        for start, stop in zip([0, *(index + 1 for index in gone)], [*gone, self._count], strict=True):
            for first in range(start, stop, step):
                kept.extend(self.read(first, min(first + step, stop)))
        return kept

    def snapshot(self) -> RowStore:
        """The rows there are now, whatever becomes of this store; nothing is copied until the snapshot is changed."""
        copy = RowStore(self.row_shape, self.dtype.str)
        copy._count, copy._source = self._count, self._source
        if self._source is None:
            # Rows are only ever added behind those that anybody reads, so that all can use the same file.
            copy._use(self._file)
        return copy

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """All rows in blocks of at most ``size``, each with the index of its first row."""
        for start in range(0, self._count, size):
            yield start, self.read(start, start + size)

    def _use(self, file: _WorkingFile) -> None:
        self._file.users.discard(self)
        self._file = file
        file.users.add(self)

    def _fetch(self) -> None:
        """Copy the rows out of the model file they still lie in, which may be replaced at any time."""
        if self._source is None:
            return
        path, offset, stamp = self._source
        try:
            with path.open("rb") as source:
                if _stamp(source.fileno()) != stamp:
                    raise ModelFileError(f"{path} was changed since it was opened. Open the model again.")
                source.seek(offset)
                self._copy_from(source)
        except OSError as error:
            raise ModelFileError(f"{path} cannot be read any more ({error.strerror}). Open the model again.") from error
        self._source = None

    def _copy_from(self, source: BinaryIO) -> None:
        done, end = 0, self._count * self.row_bytes
        while done < end:
            chunk = source.read(min(end - done, COPIED_AT_ONCE))
            if not chunk:
                raise OSError(errno.EIO, "it is cut short")
            self._file.write_at(done, chunk)
            done += len(chunk)


class _WorkingFile:
    """An unnamed temporary file, closed when nothing refers to it any more; ``users`` are the stores that read it."""

    def __init__(self) -> None:
        self.users: weakref.WeakSet[RowStore] = weakref.WeakSet()
        with _disk_errors():
            # Unbuffered: what a full disk did not take must not be tried again at the next read.
            self._raw = tempfile.TemporaryFile(prefix="ad-desktop-rows-", buffering=0)  # noqa: SIM115 - lives on
        weakref.finalize(self, self._raw.close)

    def write_at(self, offset: int, data: bytes) -> None:
        left = memoryview(data)
        with _disk_errors():
            self._raw.seek(offset)
            while left:
                left = left[self._raw.write(left) :]

    def read_at(self, offset: int, buffer: memoryview) -> None:
        left = buffer
        self._raw.seek(offset)
        while left:
            got = self._raw.readinto(left)
            if not got:
                raise EOFError(f"the working data end within {len(buffer)} bytes from {offset}")
            left = left[got:]


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Name the folder that is full or cannot be written."""
    try:
        yield
    except OSError as error:
        folder = tempfile.gettempdir()
        raise UserError(
            f"Cannot write working data to {folder}: {error.strerror or error}. Free some space there."
        ) from error


def _stamp(file: Path | int) -> tuple[int, int, int]:
    status = os.stat(file)  # noqa: PTH116 - takes an open file, too
    return status.st_mtime_ns, status.st_size, status.st_ino
