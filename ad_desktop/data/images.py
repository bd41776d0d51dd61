"""Pictures from files: read once, decoded whole or reduced, turned upright, with one error for every failure."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ad_desktop.data.intensity import (
    ValueRange,
    require_finite,
    resize_square,
    to_display,
    value_range_of,
)
from ad_desktop.data.readers import (
    HEAD_BYTES,
    PIXEL_CAP,
    Decoded,
    ImageInfo,
    Reader,
    UnreadableError,
    known_formats,
    reader_by_name,
    reader_for,
)
from ad_desktop.data.readers.base import Array
from ad_desktop.data.samples import Sample, SliceSample
from ad_desktop.errors import InputError
from ad_desktop.task import Task

__all__ = [
    "PIXEL_CAP", "HeldSample", "ImageInfo", "Picture", "ValueRange", "info", "load", "resize_square", "suggest_range",
    "to_display", "value_range_of",
]  # fmt: skip

RANGE_HEADROOM = 0.1
"""How far, in parts of its width, a suggested range reaches beyond the normal samples on either side."""
RANGE_SAMPLES = 32
"""How many samples a suggested range is taken from."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture.

    ``pixels`` is H×W or H×W×3, uint8, uint16 or float32, C-contiguous and read-only; higher is
    brighter. ``size`` is the full height and width as shown, even where ``pixels`` is reduced.
    ``sha256`` is the hash of the whole file's bytes in hexadecimal, empty unless asked for.
    """

    pixels: Array
    size: tuple[int, int]
    sha256: str = ""


class HeldSample(Sample, ABC):
    """A sample whose pixels are at hand: ``load`` takes them and reads no file."""

    @abstractmethod
    def picture(self) -> Picture:
        """The pixels, checked for numbers that are none, with a hash."""


def load(sample: Sample, at_least: int | None = None, hashed: bool = False, finite: bool = True) -> Picture:
    """Read and decode one sample; ``InputError`` with the reason if it cannot be used.

    The stored orientation is applied. Opacity is composited over black. The format is told by the
    content, not by the suffix. ``at_least`` allows a picture reduced to no fewer than that many
    pixels on its short side, which JPEG decodes several times faster. ``finite`` refuses float
    pictures with NaN or infinite pixels. A file is read once, and hash and pixels come from the
    same bytes; only a single page asked of a multi-page file is read by itself, and hashed apart.
    A slice of a scan brings its pixels along.
    """
    if isinstance(sample, HeldSample):
        return sample.picture()
    if isinstance(sample, SliceSample):
        if sample.picture is None:
            raise InputError(sample.path, "the slice has no pixels: open its scan")
        return sample.picture
    path = sample.path
    with named_failures(path), _opened(path) as stream:
        reader = _reader_of(stream, path)
        digest = ""
        source: BinaryIO = stream
        if reader.paged and sample.page is not None:
            digest = _file_hash(str(path.absolute()), *_stamp(stream)) if hashed else ""
        else:
            data = stream.read()
            digest = hashlib.sha256(data).hexdigest() if hashed else ""
            source = BytesIO(data)
        decoded = _decode(reader, source, sample.page, at_least)
        pixels = np.ascontiguousarray(decoded.pixels)
        pixels.flags.writeable = False
        if finite:
            require_finite(pixels, path)
    return Picture(pixels, decoded.size, digest)


def info(source: Path | bytes) -> ImageInfo:
    """What the header of a picture says; ``InputError`` if it is none."""
    if isinstance(source, bytes):
        path = Path("picture")
        with named_failures(path):
            return _info(BytesIO(source), path)
    with named_failures(source), _opened(source) as stream:
        return _info(stream, source)


def suggest_range(samples: Sequence[Sample], task: Task | None = None) -> ValueRange | None:
    """The range from black to white for a set of normal samples; None if all have 8 bits.

    The union of ``value_range_of`` over up to 32 samples spread evenly over the set, with a tenth of
    its width added on either side (within what the type can hold) so that defects brighter or darker
    than anything normal are not clipped. Samples that cannot be read are passed over here. Slices of scans
    say themselves what is black and white.
    """
    told = [sample.value_range for sample in samples if isinstance(sample, SliceSample) and sample.value_range]
    if told:
        return min(low for low, _ in told), max(high for _, high in told)
    low, high = np.inf, -np.inf
    limits: list[ValueRange] = []
    for sample in _deep(samples, task):
        try:
            pixels = load(sample).pixels
        except InputError:
            continue
        if pixels.dtype == np.uint8:
            continue
        own = value_range_of(pixels)
        low, high = min(low, own[0]), max(high, own[1])
        limits.append((0.0, 65535.0) if pixels.dtype == np.uint16 else (-np.inf, np.inf))
    if not limits:
        return None
    room = (high - low) * RANGE_HEADROOM
    return max(low - room, min(bound[0] for bound in limits)), min(high + room, max(bound[1] for bound in limits))


def _deep(samples: Sequence[Sample], task: Task | None) -> Iterator[Sample]:
    """Up to ``RANGE_SAMPLES`` samples with more than 8 bits, spread over the set, found by their headers."""
    step = max(1, len(samples) // RANGE_SAMPLES)
    spread = [sample for start in range(step) for sample in samples[start::step]]
    deep: dict[Path, bool] = {}
    found = 0
    for sample in spread:
        if task is not None:
            task.check()
        if sample.path not in deep:
            try:
                deep[sample.path] = info(sample.path).dtype != "uint8"
            except InputError:
                deep[sample.path] = False
        if deep[sample.path]:
            yield sample
            found += 1
        if found == RANGE_SAMPLES:
            return


def check_file(path: Path) -> None:
    """Raise ``InputError`` unless this is a file that starts like a picture; nothing is decoded."""
    with named_failures(path), _opened(path) as stream:
        _reader_of(stream, path)


def page_count(path: Path) -> int:
    """The number of pages; 1 where the format has none or the file cannot be read (loading it says why)."""
    promised = reader_by_name(path)
    if promised is not None and not promised.paged:
        return 1
    try:
        with named_failures(path), _opened(path) as stream:
            reader = _reader_of(stream, path)
            with _damage_named(reader):
                return reader.count_pages(stream)
    except InputError:
        return 1


@contextmanager
def named_failures(path: Path) -> Iterator[None]:
    """Turn every way in which a file can fail into an ``InputError`` with a reason for the user."""
    try:
        yield
    except UnreadableError as error:
        raise InputError(path, str(error)) from error
    except FileNotFoundError as error:
        raise InputError(path, "the file does not exist: it was moved, renamed, or its drive is missing") from error
    except PermissionError as error:
        raise InputError(path, "no permission to read it: ask its owner for access, or copy it") from error
    except MemoryError as error:
        raise InputError(path, "not enough memory to decode it: close other programs or scale it down") from error
    except OSError as error:
        raise InputError(path, f"it cannot be read: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file; pipes and devices would block for ever."""
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a null character in the name
        raise UnreadableError("no file can have this name") from error
    if stat.S_ISDIR(mode):
        raise UnreadableError("it is a folder, and a picture file is needed here")
    if not stat.S_ISREG(mode):
        raise UnreadableError("it is a device or a pipe, not a file")
    with path.open("rb") as stream:
        yield stream


def _reader_of(stream: BinaryIO, path: Path) -> Reader:
    """The reader for what the file holds; the stream is left at its start."""
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if not head:
        raise UnreadableError("the file is empty (0 bytes): copy or export it again")
    reader = reader_for(head)
    if reader is not None:
        return reader
    promised = reader_by_name(path)
    if promised is not None:
        raise UnreadableError(
            f"it is named like a {promised.format} picture, but holds no picture: damaged, or renamed"
        )
    raise UnreadableError(f"it holds no picture of a known format: use {known_formats()}")


def _decode(reader: Reader, stream: BinaryIO, page: int | None, at_least: int | None) -> Decoded:
    with _damage_named(reader):
        return reader.read(stream, page, at_least)


def _info(stream: BinaryIO, path: Path) -> ImageInfo:
    reader = _reader_of(stream, path)
    with _damage_named(reader):
        return reader.info(stream)


@contextmanager
def _damage_named(reader: Reader) -> Iterator[None]:
    """Decoders raise whatever a damaged file makes them stumble over; all of it means the same."""
    try:
        yield
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:
        detail = str(error).strip()[:120] or type(error).__name__
        raise UnreadableError(
            f"the {reader.format} file is damaged or incomplete: copy or export it again ({detail})"
        ) from error


def _stamp(stream: BinaryIO) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=16)
def _file_hash(path: str, size: int, modified: int) -> str:
    """The hash of a multi-page file, kept for its next pages as long as size and time stay the same."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
