"""File formats: every module here with a ``READER`` adds one, and nothing else needs to know of it."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path

from ad_desktop.data.readers.base import PIXEL_CAP, Decoded, ImageInfo, Reader, UnreadableError

__all__ = [
    "HEAD_BYTES",
    "PIXEL_CAP",
    "Decoded",
    "ImageInfo",
    "Reader",
    "UnreadableError",
    "known_formats",
    "reader_for",
]

HEAD_BYTES = 64
"""How many bytes from the start of a file tell its format."""


@functools.cache
def all_readers() -> tuple[Reader, ...]:
    """The readers of all formats, in the order of their module names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(module.READER for module in modules if hasattr(module, "READER"))


@functools.cache
def by_suffix() -> dict[str, Reader]:
    """The reader of each suffix (lower case, with its dot)."""
    return {suffix: reader for reader in all_readers() for suffix in reader.suffixes}


def reader_for(head: bytes) -> Reader | None:
    """The reader of a file by its first ``HEAD_BYTES`` bytes, whatever its name; None if no format is recognised."""
    return next((reader for reader in all_readers() if reader.accepts(head)), None)


def reader_by_name(path: Path) -> Reader | None:
    """The reader that a file's suffix promises, in upper or lower case; None if the suffix is not a picture's."""
    return by_suffix().get(path.suffix.lower())


def known_formats() -> str:
    """The formats that can be opened, as text for messages."""
    names = [reader.format for reader in all_readers()]
    return f"{', '.join(names[:-1])} or {names[-1]}"
