"""The text of a report: what happened and on what machine, without a word of the user's data.

Paths, file names and the messages of exceptions are left out: they may name a person.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from traceback import walk_tb
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, qVersion
from PySide6.QtGui import QGuiApplication

from ad_desktop import __version__
from ad_desktop.program import is_frozen

if TYPE_CHECKING:
    from ad_desktop.workflows.info import DeviceInfo

NO_TRACE = "No trace of it was left: the system ended the program, or the power failed."
_FRAMES = 60
_PLACE = re.compile(r'File "(?P<path>[^"]*)", line (?P<line>\d+) in (?P<name>[\w<>.]+)')
_KEPT = re.compile(
    r"(Fatal Python error: [\w ]+|Windows fatal exception: [\w ]+|(Current t|T)hread 0x[0-9a-f]+( \[[\w -]*\])? .*:|"
    r"\s*<no Python frame>|\s*\.\.\.|Extension modules: [\w., ]+( \(total: \d+\))?)"
)


class Reporter(QObject):
    """Writes reports; knows the machine's devices once somebody asked for them: ``changed`` comes then."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._devices: list[DeviceInfo] = []

    def set_devices(self, devices: Sequence[DeviceInfo]) -> None:
        """What the machine can compute on."""
        self._devices = list(devices)
        self.changed.emit()

    def text(self, what: str = "") -> str:
        """A report on ``what`` happened, to be pasted somewhere."""
        lines = [*_facts(), *(f"{device.id}: {device.name}, {_memory(device)}" for device in self._devices)]
        return "\n".join([*lines, *(["", what] if what else [])]) + "\n"


def told_error(error: BaseException) -> str:
    """An exception as its kinds and places in the program, the last call first, with those that led to it."""
    lines: list[str] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        number = f" {following.errno}" if isinstance(following, OSError) and following.errno else ""
        lines.append(f"{'after ' if lines else ''}{type(following).__module__}.{type(following).__qualname__}{number}")
        frames = [
            f"  {frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
            for frame, line in walk_tb(following.__traceback__)
        ]
        lines += frames[::-1][:_FRAMES]
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return "\n".join(lines)


def told_dump(text: str) -> str:
    """What faulthandler wrote, without paths; ``NO_TRACE`` where it wrote nothing."""
    lines = [line for line in map(_clean, text.splitlines()) if line is not None]
    return "\n".join(lines) or NO_TRACE


def _clean(line: str) -> str | None:
    place = _PLACE.search(line)
    if place:
        return f"  {_module(place['path'])}:{place['line']} {place['name']}"
    return line if _KEPT.fullmatch(line) else None


def _module(path: str) -> str:
    """A module's name from the path of its file; what lies before its package is dropped."""
    parts = re.split(r"[/\\]", path.removesuffix(".py"))
    for mark in ("site-packages", "_internal"):
        if mark in parts:
            return ".".join(parts[parts.index(mark) + 1 :])
    return ".".join(parts[parts.index("ad_desktop") :] if "ad_desktop" in parts else parts[-1:])


def _facts() -> Iterable[str]:
    from ad_desktop.workflows.info import PACKAGES

    yield f"AD Desktop {__version__}{' (frozen)' if is_frozen() else ''}"
    yield f"Python {platform.python_version()}, Qt {qVersion()} on {QGuiApplication.platformName() or 'no display'}"
    yield platform.platform()
    yield ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _memory(device: DeviceInfo) -> str:
    return f"{device.memory_total / 2**30:.0f} GiB"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
