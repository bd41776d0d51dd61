"""NIfTI and Analyze, read by nibabel."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.readers.base import Array, VolumeHeader, VolumeReader, check_bytes, check_shape
from ad_desktop.data.volumes.volume import flipped_lps_ras

_MM = {"meter": 1000.0, "micron": 0.001}
_HEADER_CAP = 1 << 20
_STEP = 1 << 24


class NiftiReader(VolumeReader):
    """NIfTI-1 and -2, single or in pairs, and Analyze 7.5; 4-D files hold parts; colours and complex are refused.

    The sform is used where its code says so, then the qform; the unit of length is honoured.
    """

    format = "NIfTI/Analyze"
    suffixes = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")

    def describe(self, path: Path) -> VolumeHeader:
        header, _, kind = _header(path)
        shape, parts = _shape(header)
        dtype = _dtype(header)
        voxels = _voxel_file(path)
        promised = int(header.get_data_offset() if voxels == path else 0) + math.prod(shape) * parts * dtype.itemsize
        check_bytes(promised, voxels.stat().st_size, voxels.suffix.lower() == ".gz")
        affine, warnings = _affine(header, kind)
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise UnreadableError("its affine is not finite or flattens the volume: the place of voxels is unknown")
        if kind == "NIfTI" and math.isinf(float(header["scl_slope"])):
            warnings.append(f"its slope is {float(header['scl_slope'])}, and is left out: the values may be wrong")
        title = bytes(np.asarray(header["descrip"]).tobytes()).split(b"\0")[0].decode("latin-1").strip()
        return VolumeHeader(
            shape, tuple(affine.ravel().tolist()), dtype.itemsize, parts,
            title=title if title.isprintable() else "", warnings=tuple(warnings),
        )  # fmt: skip

    def read(self, path: Path, part: int) -> Array:
        header, _, _ = _header(path)
        shape, parts = _shape(header)
        if not 0 <= part < parts:
            raise UnreadableError(f"part {part + 1} was asked for, but the file has {parts}")
        dtype = _dtype(header)
        size = math.prod(shape) * dtype.itemsize
        with _opened(_voxel_file(path)) as stream:
            _skip(stream, int(header.get_data_offset()) + part * size)
            buffer = _exactly(stream, size)
            if part == parts - 1:
                stream.read(1)  # gzip compares its checksum at the end
        stored = np.frombuffer(buffer, dtype).reshape(shape)
        native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        slope, intercept = _scaling(header)
        if (slope, intercept) == (1.0, 0.0):
            return native.astype(np.float32) if native.dtype.kind == "f" else native
        return rescaled(native, slope, intercept)


def rescaled(stored: Array, slope: float, intercept: float) -> Array:
    """Stored numbers × slope + intercept: int16 where that is exact, else float32."""
    if stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        ends = [int(stored.min()) * slope + intercept, int(stored.max()) * slope + intercept]
        if min(ends) >= -32768 and max(ends) <= 32767:
            return (stored.astype(np.int64) * int(slope) + int(intercept)).astype(np.int16)
    return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def _header(path: Path) -> tuple[Any, Path, str]:
    """The header, the file that it stands in, and ``NIfTI`` or ``Analyze``."""
    from nibabel import nifti1, nifti2, spm99analyze

    where = _sibling(path, ".img", ".hdr")
    with _opened(where) as stream:
        start = stream.read(540)
    kinds = {b"n+1": nifti1.Nifti1Header, b"ni1": nifti1.Nifti1PairHeader}
    kind = {b"n+2": nifti2.Nifti2Header, b"ni2": nifti2.Nifti2PairHeader}.get(start[4:7])
    length = 540 if kind is not None else 348
    if length not in (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")) or len(start) < length:
        raise UnreadableError(
            "it is named like a NIfTI or Analyze file, but its header is damaged or of another format"
        )
    name = "NIfTI"
    if kind is None:
        kind = kinds.get(start[344:347])
        if kind is None:
            kind, name = spm99analyze.Spm99AnalyzeHeader, "Analyze"
    header = kind(start[:length], check=False)
    if where == _voxel_file(path):
        _check_offset(int(header.get_data_offset()), length)
    return header, where, name


def _check_offset(offset: int, size: int) -> None:
    if not size <= offset <= size + _HEADER_CAP * 64:
        raise UnreadableError(f"the header is damaged: it places the voxels at byte {offset}")


def _sibling(path: Path, own: str, other: str) -> Path:
    """The other file of a pair, with the suffix's case and compression kept."""
    name = path.name
    low = name.lower()
    for end in (own, own + ".gz"):
        if low.endswith(end):
            stem = name[: len(name) - len(end)]
            found = other + end[len(own) :]
            choices = [path.with_name(stem + found), path.with_name(stem + found.upper())]
            choices += [path.with_name(stem + other), path.with_name(stem + other + ".gz")]
            there = next((choice for choice in choices if choice.is_file()), None)
            if there is None:
                raise UnreadableError(f"it needs {stem}{found} beside it, which is missing")
            return there
    return path


def _voxel_file(path: Path) -> Path:
    return _sibling(path, ".hdr", ".img")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableError(f"its compressed data are damaged or incomplete: copy it again ({error})") from error


def _exactly(stream: Any, size: int) -> bytearray:
    buffer = bytearray(size)
    view, at = memoryview(buffer), 0
    while at < size:
        got = stream.readinto(view[at : at + _STEP])
        if not got:
            raise UnreadableError(f"it is incomplete: it ends {size - at:,} bytes early; copy it again")
        at += got
    return buffer


def _skip(stream: Any, size: int) -> None:
    left = size
    while left > 0:
        got = len(stream.read(min(left, _STEP)))
        if not got:
            raise UnreadableError("it is incomplete: it ends before its voxels; copy it again")
        left -= got


def _shape(header: Any) -> tuple[tuple[int, int, int], int]:
    """Voxels along (z, y, x), and how many volumes."""
    ndim = int(header["dim"][0])
    if not 1 <= ndim <= 7:
        raise UnreadableError(f"the header is damaged: it has {ndim} dimensions")
    sizes = [int(size) for size in header["dim"][1 : ndim + 1]]
    check_shape(tuple(sizes))
    if ndim < 2:
        raise UnreadableError("it holds a row of numbers, not a volume")
    x, y, z = [*sizes, 1][:3]
    return (z, y, x), math.prod(sizes[3:])


def _dtype(header: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except Exception as error:
        raise UnreadableError("the header is damaged: its type of numbers is unknown") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        what = "colours" if dtype.fields else "complex or uncommon numbers"
        raise UnreadableError(f"it holds {what}: export it as a volume of plain numbers")
    return dtype


def _scaling(header: Any) -> tuple[float, float]:
    try:
        slope, intercept = header.get_slope_inter()
    except Exception as error:
        raise UnreadableError("the header is damaged: its slope or intercept is not a number") from error
    return (1.0 if slope is None else float(slope)), (0.0 if intercept is None else float(intercept))


def _affine(header: Any, kind: str) -> tuple[Array, list[str]]:
    """The affine to LPS in mm."""
    warnings = []
    with np.errstate(all="ignore"):
        if kind == "Analyze":
            warnings.append("Analyze files do not say how the patient lies: left and right may be exchanged")
            return flipped_lps_ras(header.get_best_affine()), warnings
        sform, qform = int(header["sform_code"]), int(header["qform_code"])
        if sform <= 0 and qform <= 0:
            warnings.append("the file does not say how the patient lies (sform and qform codes are 0)")
        affine = header.get_best_affine()
        if sform > 0 and qform > 0:
            other = header.get_qform()
            if np.abs(other - affine).max() > 1e-2 * max(1.0, float(np.abs(affine[:3, :3]).max())):
                warnings.append("its sform and qform place the volume differently; the sform is used")
        scale = _MM.get(header.get_xyzt_units()[0], 1.0)
    if scale != 1.0:
        warnings.append(f"its positions are not in mm: multiplied by {scale:g}")
    return flipped_lps_ras(np.diag([scale, scale, scale, 1.0]) @ affine), warnings


READERS = (NiftiReader(),)
