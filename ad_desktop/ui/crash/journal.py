"""What a running window keeps on disk, and leaves behind only if it ends unexpectedly."""

from __future__ import annotations

import contextlib
import faulthandler
import os
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QLockFile

_DUMP, _LIBRARY, _LOCK = ".crash", ".library", ".lock"


@dataclass(frozen=True)
class LeftBehind:
    """Files of a window that is gone: ``dump`` is what was written as it crashed, ``library`` what it had open."""

    dump: Path
    library: Path

    def forget(self) -> None:
        """Remove them."""
        for path in (self.dump, self.library):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


class Journal:
    """A lock that tells that this window lives, a file for the crash dump, and a place for the library.

    Several windows may run on one folder.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stem = folder / f"{os.getpid()}-{os.urandom(4).hex()}"
        self._lock = _lock(self._stem)
        self._lock.tryLock(0)
        self._dump = self._stem.with_suffix(_DUMP).open("w", encoding="utf-8")
        faulthandler.enable(self._dump, all_threads=True)

    @property
    def library(self) -> Path:
        """Where what is open is to be kept."""
        return self._stem.with_suffix(_LIBRARY)

    def left_behind(self) -> list[LeftBehind]:
        """What windows that are gone left in this folder, the latest first."""
        stems = {path.with_suffix("") for suffix in (_DUMP, _LIBRARY) for path in self._stem.parent.glob(f"*{suffix}")}
        gone = [stem for stem in stems - {self._stem} if _is_free(stem)]
        found = [LeftBehind(stem.with_suffix(_DUMP), stem.with_suffix(_LIBRARY)) for stem in gone]
        return sorted(found, key=lambda left: _time(left.dump, left.library), reverse=True)

    def close(self) -> None:
        """The window ended as it should: leave nothing behind."""
        if self._dump.closed:
            return
        faulthandler.disable()
        self._dump.close()
        LeftBehind(self._stem.with_suffix(_DUMP), self.library).forget()
        self._lock.unlock()


def _lock(stem: Path) -> QLockFile:
    lock = QLockFile(str(stem.with_suffix(_LOCK)))
    lock.setStaleLockTime(0)  # age proves nothing: a window may be open for weeks
    return lock


def _is_free(stem: Path) -> bool:
    """Whether the window that held the lock is gone."""
    lock = _lock(stem)
    if not lock.tryLock(0):
        return False
    lock.unlock()
    return True


def _time(*paths: Path) -> float:
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)
