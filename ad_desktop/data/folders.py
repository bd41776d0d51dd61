"""Files and folders that a user names, turned into samples."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ad_desktop.data.images import check_file, page_count
from ad_desktop.data.readers import known_formats, reader_by_name
from ad_desktop.data.samples import Failure, Sample
from ad_desktop.data.volumes.candidates import is_scan_file, may_hold_scan
from ad_desktop.errors import InputError
from ad_desktop.task import Task

if TYPE_CHECKING:
    from ad_desktop.data.volumes.opening import SeriesInfo

_SKIPPED_FOLDERS = frozenset({"__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"})
_REPORT_EVERY = 200


@dataclass
class Scan:
    """What was found: ``samples`` in the order of the paths, inputs that cannot be used, and the scans' ``series``."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    series: list[SeriesInfo] = field(default_factory=list)


def scan(paths: Sequence[Path], task: Task | None = None) -> Scan:
    """List the pictures and scans that files and folders hold, sub-folders included, without decoding any.

    A folder's own files come first, then its sub-folders, each in natural order (2 before 10).
    Hidden files, system folders and files without a picture's suffix are passed over in folders. A
    file named by itself is looked into, whatever its suffix, and one that is no picture becomes a
    failure, as does a folder without any picture. Each page of a multi-page file is a sample. A
    file reached twice, also through links, is listed once. Scans (``VolumeSample``) follow the pictures of
    their folder; files without suffix are looked into for DICOM's mark. ``Cancelled`` if the task was cancelled.
    """
    walk = _Walk(task)
    for path in paths:
        try:
            walk.add(path)
        except InputError as error:
            walk.fail(path, error.reason)
    return walk.found


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key under which numbers count as numbers and case does not matter."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [int(piece) if at % 2 else piece for at, piece in enumerate(pieces)], name


class _Walk:
    """One scan: what was found, and what was already seen."""

    def __init__(self, task: Task | None) -> None:
        self.found = Scan()
        self._task = task
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def fail(self, path: Path, reason: str) -> None:
        self.found.failures.append(Failure(str(path), reason))

    def add(self, path: Path) -> None:
        """Take one path that the user named."""
        if _is_folder(path):
            if not self._add_folder(path):
                self.fail(path, f"the folder holds no pictures: files of {known_formats()} are needed")
        elif self._is_new(os.path.realpath(path)):
            if reader_by_name(path) is None and is_scan_file(path):
                self._add_scans([path], path.parent)
                return
            check_file(path)
            self._add_file(path)

    def _add_folder(self, folder: Path) -> bool:
        """Add all pictures below a folder; False if there is none at all."""
        any_picture = False
        pending = [folder]
        scans: list[Path] = []
        while pending:
            current = pending.pop()
            real = os.path.realpath(current)
            if os.path.normcase(real) in self._folders:
                any_picture = True  # its pictures, if any, are listed already
                continue
            self._folders.add(os.path.normcase(real))
            try:
                folders, files, others = _list(current)
            except OSError as error:
                self.fail(current, f"the folder cannot be opened: {error.strerror or error}")
                any_picture = True
                continue
            for entry in files:
                any_picture = True
                target = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)  # noqa: PTH118 - twice as fast
                if self._is_new(target):
                    self._add_file(Path(entry.path))
            scans += [path for path in others if self._is_new(os.path.realpath(path))]
            any_picture = any_picture or bool(others)
            pending.extend(Path(entry.path) for entry in reversed(folders))
        if scans:
            self._add_scans(scans, folder)
        return any_picture

    def _add_scans(self, files: list[Path], folder: Path) -> None:
        # Imported here: folders of pictures need none of it.
        from ad_desktop.data.volumes.opening import find_among, find_volumes

        single = len(files) == 1 and files[0].parent == folder
        listing = find_volumes(files, self._task) if single else find_among(files, folder, self._task)
        self.found.samples.extend(info.sample for info in listing.series)
        self.found.series.extend(listing.series)
        self.found.failures.extend(listing.failures)

    def _add_file(self, path: Path) -> None:
        pages = page_count(path)
        self.found.samples.extend([Sample(path)] if pages == 1 else [Sample(path, page) for page in range(pages)])
        if self._task is not None and len(self._files) % _REPORT_EVERY == 0:
            self._task.report("Listing pictures", len(self._files))

    def _is_new(self, real: str) -> bool:
        real = os.path.normcase(real)
        if real in self._files:
            return False
        self._files.add(real)
        return True


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # what is wrong with it shows when it is opened


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link in a circle


def _list(folder: Path) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]], list[Path]]:
    """Sub-folders, picture files, and files that may hold scans of a folder, each in natural order."""
    folders, files, scans = [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _leads_to_folder(entry):
                if entry.name.casefold() not in _SKIPPED_FOLDERS:
                    folders.append(entry)
            elif reader_by_name(Path(entry.name)) is not None:
                files.append(entry)
            elif may_hold_scan(Path(entry.path)):
                scans.append(Path(entry.path))
    for found in (folders, files):
        found.sort(key=lambda entry: natural_key(entry.name))
    return folders, files, sorted(scans, key=lambda path: natural_key(path.name))
