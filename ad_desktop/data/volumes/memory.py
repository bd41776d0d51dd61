"""How much memory is free, asked before a volume is loaded."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from ad_desktop.errors import InputError


def available_memory() -> int | None:
    """Bytes that can be used without swapping, also inside a container; None where the system does not say."""
    if sys.platform == "win32":
        return _windows()
    free = _meminfo(Path("/proc/meminfo"))
    if free is None:
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        except (ValueError, OSError):
            return None
    limit, used = (_number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, max(0, limit - used + _reclaimable()))


def require_memory(path: Path | str, needed: int) -> None:
    """Raise ``InputError`` if loading takes more bytes than are free."""
    free = available_memory()
    if free is not None and needed > free:
        raise InputError(
            path, f"it needs {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free: "
            "close other programs, or scale the scan down",
        )  # fmt: skip


def _meminfo(path: Path) -> int | None:
    try:
        for line in path.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _reclaimable() -> int:
    """Bytes of files that a container merely keeps at hand."""
    try:
        for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines():
            if line.startswith("file "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def _windows() -> int | None:
    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong), ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
        )  # fmt: skip

    status = Status()
    status.length = ctypes.sizeof(Status)
    kernel = getattr(ctypes, "windll", None)
    if kernel is None or not kernel.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.free)
