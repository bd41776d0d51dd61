"""Icons of the Material Design set, in the colours of the theme."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QSize
from PySide6.QtGui import QIcon, QPixmap
from qtawesome import IconicFont, get_fonts_info
from shiboken6 import isValid

from ad_desktop.data.samples import Label
from ad_desktop.ui.theme import Theme

LABEL_ICONS = {
    Label.NORMAL: "check-circle",
    Label.TO_CHECK: "help-circle-outline",
    Label.ANOMALOUS: "alert-octagon",
}


_SET = "materialdesignicons6-webfont"


@cache
def _font() -> IconicFont:
    """The one font that is used, loaded once: QtAwesome itself would load, and check, all twelve that it has."""
    folder, fonts = get_fonts_info()
    font = next(name for name in fonts if name.startswith(_SET))
    charmap = next(path.name for path in Path(folder).glob(f"{_SET}-charmap*.json"))
    return IconicFont(("mdi6", font, charmap))


class _TakesIcon(Protocol):
    def setIcon(self, icon: QIcon) -> None: ...


class Icons(QObject):
    """Makes icons by their Material Design name, and paints those bound to a widget again when the theme changes."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._theme = theme
        self._bound: list[tuple[QObject, str, str]] = []
        self._made: dict[tuple[str, str], QIcon] = {}
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}
        theme.changed.connect(self._repaint)

    def icon(self, name: str, colour: str = "text") -> QIcon:
        """The icon ``name`` in one of the theme's colours, such as ``text``, ``accent`` or ``anomalous``."""
        colours = self._theme.colours
        tint = getattr(colours, colour)
        if (name, tint) not in self._made:
            self._made[name, tint] = _font().icon(f"mdi6.{name}", color=tint, color_disabled=colours.line)
        return self._made[name, tint]

    def pixmap(self, name: str, colour: str, size: int, ratio: float) -> QPixmap:
        """The icon as a pixmap, made once: painting the icon itself runs the whole font engine every time."""
        key = (name, getattr(self._theme.colours, colour), size, ratio)
        if key not in self._pixmaps:
            self._pixmaps[key] = self.icon(name, colour).pixmap(QSize(size, size), ratio)
        return self._pixmaps[key]

    def label(self, label: Label) -> QIcon:
        """The icon of a label, in its colour."""
        return self.icon(LABEL_ICONS[label], {"to check": "to_check"}.get(label.value, label.value))

    def bind(self, target: QObject, name: str, colour: str = "text") -> None:
        """Give ``target`` (anything with ``setIcon``) an icon that follows the theme."""
        self._bound = [bound for bound in self._bound if bound[0] is not target]
        self._bound.append((target, name, colour))
        self._set(target, name, colour)

    def _set(self, target: _TakesIcon | QObject, name: str, colour: str) -> None:
        target.setIcon(self.icon(name, colour))  # type: ignore[union-attr]

    def _repaint(self) -> None:
        self._bound = [bound for bound in self._bound if isValid(bound[0])]
        for target, name, colour in self._bound:
            self._set(target, name, colour)
