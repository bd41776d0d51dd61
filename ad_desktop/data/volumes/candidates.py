"""Which files may hold scans, told by names and by DICOM's mark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ad_desktop.data.volumes.readers import reader_by_name
from ad_desktop.task import Task

DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
_SKIPPED = frozenset({"__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"})


def may_hold_scan(path: Path) -> bool:
    """Whether the name is a scan's, or there is no suffix and DICOM's mark inside."""
    if path.name.upper() == "DICOMDIR":
        return False
    suffix = path.suffix.lower()
    if suffix in DICOM_SUFFIXES:
        return True
    if not suffix or suffix[1:].isdigit() or len(suffix) > 6:  # names made of UIDs end in numbers
        return has_mark(path)
    reader = reader_by_name(path)
    # Of a pair in two files, the header stands for both.
    return reader is not None and not path.name.lower().endswith((".img", ".img.gz"))


def is_scan_file(path: Path) -> bool:
    """Whether a file named by itself is taken for a scan: by its name, or by DICOM's mark whatever its name."""
    return path.suffix.lower() in DICOM_SUFFIXES or reader_by_name(path) is not None or has_mark(path)


def has_mark(path: Path) -> bool:
    """Whether a regular file carries DICOM's mark."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except (OSError, ValueError):
        return False


def scan_files(folder: Path, task: Task | None = None) -> Iterator[Path]:
    """The files below a folder that may hold scans, sorted; hidden and system folders are passed over."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name.casefold() not in _SKIPPED)
        if task is not None:
            task.check()
        for name in sorted(files):
            path = Path(where, name)
            if name[0] != "." and may_hold_scan(path):
                yield path
