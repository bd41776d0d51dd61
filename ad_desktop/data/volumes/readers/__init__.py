"""Volume file formats: every module here with ``READERS`` adds some, and nothing else needs to know of it."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path

from ad_desktop.data.volumes.readers.base import VolumeReader


@functools.cache
def all_readers() -> tuple[VolumeReader, ...]:
    """The readers of all formats; making them imports no library."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(reader for module in modules for reader in getattr(module, "READERS", ()))


def reader_by_name(path: Path) -> VolumeReader | None:
    """The reader that a file's suffix promises, in upper or lower case; None if it is not a volume's."""
    name = path.name.lower()
    return next((reader for reader in all_readers() if name.endswith(reader.suffixes)), None)


def known_formats() -> str:
    """The formats that can be opened, as text for messages."""
    return ", ".join([*(reader.format for reader in all_readers()), "DICOM"])
