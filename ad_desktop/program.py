"""How the program starts itself again as a helper: from a checkout, installed, or frozen by PyInstaller."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

READ_VOLUMES = "--read-volumes"
"""Makes the program the process that reads volumes."""
MAKE_GRAPH = "--make-graph"
"""Makes the program the process that turns a network into a graph; one argument follows."""
MAKE_CLIP_GRAPH = "--make-clip-graph"
"""The same for a whole model of AnomalyCLIP."""

_PACKAGE = Path(__file__).resolve().parent


def is_frozen() -> bool:
    """Whether this is the program that is handed out, with no Python around it."""
    return bool(getattr(sys, "frozen", False))


def helper_command(*arguments: str, python_options: Sequence[str] = ()) -> list[str]:
    """The command that runs the program with ``arguments``; ``python_options`` count where there is a Python."""
    if is_frozen():
        return [str(_console_program(Path(sys.executable))), *arguments]
    # -P: a folder the user happens to be in must not stand in for a library.
    return [sys.executable, "-P", *python_options, "-m", "ad_desktop", *arguments]


def helper_environment() -> dict[str, str]:
    """The environment of this process, in which a helper finds the same package: perhaps only this one knows it."""
    if is_frozen():
        # What this one's start told its own children to rely on, restore_library_path has taken back.
        return {**os.environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"}
    paths = os.pathsep.join(filter(None, [str(_PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"}


def restore_library_path() -> None:
    """Take back what a frozen program's start changed for itself: a browser that it opens needs its own libraries."""
    if not is_frozen() or sys.platform in ("win32", "darwin"):
        return
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before


def _console_program(this: Path) -> Path:
    """The twin that has standard streams; on Windows, the window's program has none."""
    twin = this.with_name(f"ad-desktop{this.suffix}")
    return twin if twin.is_file() else this
