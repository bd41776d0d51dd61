"""NRRD and MetaImage, read by SimpleITK after their text headers were checked."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.readers.base import Array, VolumeHeader, VolumeReader, check_bytes, check_shape

_HEADER_CAP = 1 << 20


class _ItkReader(VolumeReader):
    """A format of ITK's; files of 4 dimensions or with several components hold parts."""

    io: str
    dims: str
    file_key: str
    last_key: str

    def describe(self, path: Path) -> VolumeHeader:
        fields = self._fields(path)
        sizes = _integers(fields.get(self.dims, ""))
        if not sizes:
            raise UnreadableError("the header is damaged or incomplete: it does not say how large the volume is")
        check_shape(sizes)
        where = self._data_file(path, fields)
        packed = "compresseddata" in fields and fields["compresseddata"].lower() == "true"
        packed = packed or fields.get("encoding", "raw").lower() in ("gzip", "gz", "bzip2", "bz2")
        check_bytes(math.prod(sizes), where.stat().st_size, packed)
        reader = self._reader(path)
        reader.ReadImageInformation()
        size = reader.GetSize()
        x, y, z = [*size, 1][:3]
        components = reader.GetNumberOfComponents()
        bytes_each = _item_bytes(reader.GetPixelID())
        check_bytes(math.prod(size) * components * bytes_each, where.stat().st_size, packed)
        if components > 1:
            raise UnreadableError(f"it holds {components} numbers a voxel (colours or vectors): export one of them")
        affine = _affine(reader)
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise UnreadableError("its axes are not finite or flatten the volume: the place of voxels is unknown")
        return VolumeHeader(
            (z, y, x), tuple(affine.ravel().tolist()), bytes_each, math.prod(size[3:]), modality=_modality(fields)
        )

    def read(self, path: Path, part: int) -> Array:
        import SimpleITK as sitk

        array = np.asarray(sitk.GetArrayFromImage(self._reader(path).Execute()))
        volumes = array.reshape(-1, *([1] * max(0, 3 - array.ndim)), *array.shape[-3:])
        return np.ascontiguousarray(volumes[part])

    def _reader(self, path: Path) -> Any:
        import SimpleITK as sitk

        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        reader = sitk.ImageFileReader()
        reader.SetImageIO(self.io)
        reader.SetFileName(str(path))
        return reader

    def _fields(self, path: Path) -> dict[str, str]:
        """The header's lines, names in lower case; it ends at ``last_key``, at an empty line, or at the cap."""
        with path.open("rb") as stream:
            head = stream.read(_HEADER_CAP)
        fields: dict[str, str] = {}
        for line in head.split(b"\n"):
            text = line.decode("latin-1").strip()
            if not text and fields:
                break
            name, mark, value = text.partition("=" if self.last_key else ":")
            if mark:
                fields.setdefault(name.strip().lower(), value.lstrip("=").strip())
            if self.last_key and name.strip().lower() == self.last_key:
                break
        return fields

    def _data_file(self, path: Path, fields: dict[str, str]) -> Path:
        name = fields.get(self.file_key, fields.get("datafile", ""))
        if not name or name.upper() == "LOCAL":
            return path
        if name.upper().startswith("LIST") or "%" in name:
            raise UnreadableError("its voxels are spread over several files: save it as one file")
        where = path.parent / name
        if not where.is_file():
            raise UnreadableError(f"its voxels are in {name}, which is not there: copy both files")
        if os.path.realpath(where.parent) != os.path.realpath(path.parent):
            raise UnreadableError(f"its voxels are in another folder ({name}): put both files into one folder")
        return where


class NrrdReader(_ItkReader):
    """NRRD with its voxels inside or beside it."""

    format = "NRRD"
    suffixes = (".nrrd", ".nhdr")
    io, dims, file_key, last_key = "NrrdImageIO", "sizes", "data file", ""


class MetaImageReader(_ItkReader):
    """MetaImage with its voxels inside or beside it."""

    format = "MetaImage"
    suffixes = (".mha", ".mhd")
    io, dims, file_key, last_key = "MetaImageIO", "dimsize", "elementdatafile", "elementdatafile"


def _integers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split())
    except ValueError:
        return ()


def _item_bytes(pixel: int) -> int:
    import SimpleITK as sitk

    if pixel < 0:
        raise UnreadableError("its type of numbers is unknown")
    name = sitk.GetPixelIDValueAsString(pixel)
    if "complex" in name:
        raise UnreadableError("it holds complex numbers: export it as a volume of plain numbers")
    return next((bits // 8 for bits in (64, 32, 16) if str(bits) in name), 1)


def _affine(reader: Any) -> Array:
    """The affine to LPS, of the first three dimensions."""
    dimension = reader.GetDimension()
    count = min(3, dimension)
    affine = np.eye(4)
    directions = np.array(reader.GetDirection()).reshape(dimension, dimension)[:count, :count]
    affine[:count, :count] = directions * np.array(reader.GetSpacing())[:count]
    affine[:count, 3] = np.array(reader.GetOrigin())[:count]
    return affine


def _modality(fields: dict[str, str]) -> str:
    word = fields.get("modality", "").upper().removeprefix("MET_MOD_")
    return {"CT": "CT", "MR": "MR", "PET": "PT", "PT": "PT", "NM": "NM"}.get(word, "")


READERS = (NrrdReader(), MetaImageReader())
