"""Mirrors of Qt's modules for pyqtgraph and QtPy, that hold what is asked for, and pyqtgraph without what is not used.

Both copy all names of QtCore, QtGui and QtWidgets when they are imported, and PySide makes a class of Qt when its name
is first read: a third of a second for hundreds of classes that nothing uses. pyqtgraph also loads all its parts, some
of which load other packages, CUDA's among them. The package ``ad_desktop.ui`` imports this first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

_NAMES = ("QtCore", "QtGui", "QtWidgets")
_UNUSED = (
    "imageview", "widgets.ColorMapWidget", "widgets.DataFilterWidget", "widgets.DataTreeWidget",
    "widgets.DiffTreeWidget", "widgets.RawImageWidget", "widgets.RemoteGraphicsView", "widgets.ScatterPlotWidget",
)  # fmt: skip
"""Parts of pyqtgraph that it loads only to offer their names."""


class _Mirror(ModuleType):
    """Looks a name up in ``original`` when it is first read; what is set here stays here."""

    def __init__(self, name: str, original: ModuleType) -> None:
        super().__init__(name)
        self._original = original

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [known for known in dir(self) if not known.startswith("_")]
        value = getattr(self._original, name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return dir(self._original)


class _Blank(ModuleType):
    """Stands for a part that is not loaded: all its names are ``None``, and ``import *`` finds none."""

    __all__: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _install() -> None:
    for package in ("pyqtgraph.Qt", "qtpy"):
        if package in sys.modules:
            continue
        originals = {name: import_module(f"PySide6.{name}") for name in _NAMES}
        mirrors = {name: _Mirror(f"{package}.{name}", original) for name, original in originals.items()}
        sys.modules.update({mirror.__name__: mirror for mirror in mirrors.values()})
        with _without_names(originals.values()), _without_parts("pyqtgraph"):
            vars(import_module(package)).update(mirrors)


@contextmanager
def _without_names(modules: Iterable[ModuleType]) -> Iterator[None]:
    """``dir`` finds nothing in ``modules`` for a while: there is nothing to copy."""
    for module in modules:
        module.__dir__ = list  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in modules:
            del module.__dir__


@contextmanager
def _without_parts(package: str) -> Iterator[None]:
    """``package`` finds blanks for what is not used; whoever imports such a part later gets it."""
    blanks = {f"{package}.{name}": _Blank(f"{package}.{name}") for name in _UNUSED}
    blanks = {name: blank for name, blank in blanks.items() if name not in sys.modules}
    sys.modules.update(blanks)
    try:
        yield
    finally:
        names = vars(sys.modules[package]) if package in sys.modules else {}
        for name in blanks:
            del sys.modules[name]
            if names.get(name.rpartition(".")[2], name) is None:
                del names[name.rpartition(".")[2]]


_install()
