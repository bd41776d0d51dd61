"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ad_desktop.errors import UserError

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "its folder does not exist",
    errno.ENOTDIR: "its folder is a file",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EFBIG: "the file is larger than allowed here",
}

_TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{16}(\..*)?")
_LEFT_SECONDS = 24 * 3600
"""Nothing writes a file for so long without touching it; on a network disk, whose process it was cannot be asked."""


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Write a file so that ``target`` is either the whole new file or what it was before.

    Yields a path in the target's folder, with its suffix, at which an empty file exists; the caller
    writes there and closes it. On leaving, the bytes are flushed to the disk and the file takes the
    target's place; after any exception it is removed. A symbolic link is written through, and a file
    that is replaced hands on its permissions. The folder must exist.

    ``UserError`` names the file and the reason where the system refuses (disk full, no permission).
    Errors about other files pass unchanged.
    """
    final = Path(os.path.realpath(target))
    temporary = final.with_name(f".tmp-{os.urandom(8).hex()}{final.suffix}")
    try:
        if final.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(final))
        # Mode 0666 less the umask, as any new file; tempfile would make it private.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _flush(temporary)
        _keep_permissions(final, temporary)
        temporary.replace(final)
        _flush_folder(final.parent)
    except OSError as error:
        if _concerns_other_file(error, final, temporary):
            raise
        raise write_error(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(target: Path) -> None:
    """Remove what processes that were killed left beside ``target``: temporary files that nobody wrote to for a day."""
    before = time.time() - _LEFT_SECONDS
    with contextlib.suppress(OSError), os.scandir(Path(os.path.realpath(target)).parent) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        Path(entry.path).unlink()


def write_error(target: Path, error: OSError) -> UserError:
    """The message for a file or folder that cannot be written."""
    reason = REASONS.get(error.errno or 0) or error.strerror or str(error)
    if isinstance(error, PermissionError):
        reason = "no permission; check the folder's rights, and whether another program has the file open"
    return UserError(f"{target} cannot be written: {reason}.")


def _concerns_other_file(error: OSError, *ours: Path) -> bool:
    named = error.filename
    return isinstance(named, str | os.PathLike) and Path(named) not in ours


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new name itself last, where the system can (Windows and some network disks cannot)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _keep_permissions(replaced: Path, temporary: Path) -> None:
    # File systems without permissions refuse, and have none to keep.
    with contextlib.suppress(OSError):
        temporary.chmod(replaced.stat().st_mode & 0o7777)
