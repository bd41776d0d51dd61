"""Pixels of DICOM images as one array (in the child process)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.dicom.frames import Frame
from ad_desktop.data.volumes.readers.base import Array
from ad_desktop.errors import InputError


def read_stack(
    slots: Sequence[Frame | None], factor: float, progress: Callable[[int, int], None], said: dict[str, list[str]]
) -> Array:
    """The images (z, y, x), each by its own slope and intercept, times ``factor``; ``InputError`` names the file.

    ``said`` gets what decoders warn of, with the paths. The array is int16 where the values are exact in it, else
    float32. Slots without an image hold the smallest value.
    """
    first = next(frame for frame in slots if frame is not None)
    exact = factor == 1.0
    array: Array = np.zeros((len(slots), first.rows, first.columns), np.int16 if exact else np.float32)
    opened = _Opened()
    for at, frame in enumerate(slots):
        progress(at, len(slots))
        if frame is None:
            continue
        try:
            opened.open(frame)  # the headers' oddities are not for the user: only the pixels' are caught
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                stored = opened.pixels(frame)
        except (InputError, UnreadableError, OSError, MemoryError):
            raise
        except Exception as error:
            raise InputError(frame.path, _reason(error, opened.syntax)) from error
        for warning in caught:
            said.setdefault(" ".join(str(warning.message).split())[:200], []).append(frame.path)
        if stored.shape != (frame.rows, frame.columns):
            raise InputError(frame.path, f"its pixels have the shape {stored.shape}, and its header says otherwise")
        values = _values(stored, frame, exact)
        if values.dtype != np.int16 and array.dtype == np.int16:
            array, exact = array.astype(np.float32), False
        array[at] = values if factor == 1.0 else values * factor
    missing = [at for at, frame in enumerate(slots) if frame is None]
    if missing:
        array[missing] = min(array[at].min() for at, frame in enumerate(slots) if frame is not None)
    return array


def _reason(error: Exception, syntax: str) -> str:
    """Why pixels cannot be decoded: no decoder for them, or damage."""
    text = str(error).strip()
    if "does not support" in text or "is not supported" in text:
        return f"its pixels are stored as {syntax}, which cannot be read here: export it uncompressed"
    detail = text.split("\n")[0][:160] or type(error).__name__
    return f"its pixels are damaged or incomplete: copy it again ({detail})"


def _values(stored: Array, frame: Frame, exact: bool) -> Array:
    slope, intercept = float(frame.slope), float(frame.intercept)
    if exact and stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        low, high = sorted(int(end) * slope + intercept for end in (stored.min(), stored.max()))
        if low >= -32768 and high <= 32767:
            return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(np.int16)
    return np.asarray(stored.astype(np.float64) * slope + intercept)


class _Opened:
    """The data set read last; the frames of one file come one after another."""

    def __init__(self) -> None:
        self._path = ""
        self._data: Any = None

    def open(self, frame: Frame) -> None:
        """Read the file of an image, unless it is the last one."""
        if frame.path != self._path:
            self._data = _dataset(Path(frame.path))
            self._path = frame.path

    @property
    def syntax(self) -> str:
        """The name of how the pixels are stored."""
        uid = self._data.file_meta.TransferSyntaxUID
        return f"{uid.name.split(' (')[0]} with {self._data.get('BitsStored')} bits"

    def pixels(self, frame: Frame) -> Array:
        """The stored numbers (rows, columns) of one image, without the bits that do not belong to them."""
        from pydicom.pixels import pixel_array

        data = self._data
        stored = np.asarray(pixel_array(data, index=frame.index or 0, raw=True))
        unused = int(data.BitsAllocated) - int(data.get("BitsStored") or data.BitsAllocated)
        if stored.dtype.kind in "iu" and 0 < unused < int(data.BitsAllocated):
            # Old overlays stand in the bits above; shifting there and back also repeats the sign.
            stored = (stored << unused) >> unused
        return stored


def _dataset(path: Path) -> Any:
    import pydicom

    data = pydicom.dcmread(path, force=True)
    if not any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise InputError(path, "the DICOM file is incomplete: it has no pixels; copy it again")
    if not getattr(data.file_meta, "TransferSyntaxUID", None):
        from pydicom.uid import ImplicitVRLittleEndian

        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return data
