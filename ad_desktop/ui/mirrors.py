"""Mirrors of Qt's modules for pyqtgraph and QtPy, that hold what is asked for, and pyqtgraph without what is not used.

Both copy all names of QtCore, QtGui and QtWidgets when they are imported, and PySide makes a class of Qt when its name
is first read: a third of a second for hundreds of classes that nothing uses. pyqtgraph also loads all its parts, some
of which load other packages, CUDA's among them. The package ``ad_desktop.ui`` imports this first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NAMES = ("QtCore", "QtGui", "QtWidgets")
_USED = (
    "graphicsItems.GraphicsItem", "graphicsItems.GraphicsObject", "graphicsItems.GraphicsWidget",
    "graphicsItems.ItemGroup", "graphicsItems.ViewBox", "widgets.GraphicsView",
)  # fmt: skip
"""Of the parts of pyqtgraph that it loads to offer their names: what shows pictures. Plots load what they need."""
_OFFERED = re.compile(r"(graphicsItems|widgets)\.\w+|imageview")


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


class _Blanks(MetaPathFinder, Loader):
    """Finds a blank for each part of ``package`` that is not used."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.made: list[str] = []

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        package, _, part = name.partition(".")
        found = package == self._package and part not in _USED and _OFFERED.fullmatch(part)
        return ModuleSpec(name, self) if found else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.made.append(spec.name)
        return _Blank(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


@contextmanager
def _without_parts(package: str) -> Iterator[None]:
    """``package`` finds blanks for what is not used; whoever imports such a part later gets it."""
    blanks = _Blanks(package)
    sys.meta_path.insert(0, blanks)
    try:
        yield
    finally:
        sys.meta_path.remove(blanks)
        for name in blanks.made:
            parent, _, part = name.rpartition(".")
            del sys.modules[name]
            delattr(sys.modules[parent], part)
            names = vars(sys.modules[package])
            if names.get(part, part) is None:
                del names[part]


_install()
