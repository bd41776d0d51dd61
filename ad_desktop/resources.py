"""Where the files that come with the program are: the sample, the icons."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ad_desktop.errors import UserError

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """Path of the file or folder ``parts`` below the program's resources; ``UserError`` if it is not there.

    Works for an installed wheel, for a checkout and for a program frozen by PyInstaller.
    """
    roots = tuple(_roots())
    for root in roots:
        path = root.joinpath(*parts)
        if path.exists():
            return path
    looked = " and ".join(str(root) for root in roots) or str(_PACKAGE / "_resources")
    raise UserError(
        f"{'/'.join(parts) or 'resources'} is missing from this installation (looked in {looked}). "
        "Install AD Desktop again."
    )


def _roots() -> Iterator[Path]:
    """The resource folders there are, the surest first."""
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen is not None:
        yield Path(frozen, "resources")
    installed = _PACKAGE / "_resources"
    if installed.is_dir():
        yield installed
    # Beside an installed package a folder of this name could be anybody's.
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        yield _PACKAGE.parent / "resources"
