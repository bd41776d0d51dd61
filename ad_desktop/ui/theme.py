"""Light and dark: the palette where the platform has none of its own, and the colours that carry meaning."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from ad_desktop.data.samples import Label


class Appearance(StrEnum):
    """What the user asks for."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True)
class Colours:
    """Colours as ``#rrggbb``. Normal and anomalous differ for colour-blind eyes too, and always come with a shape."""

    window: str
    base: str
    raised: str
    text: str
    dim: str
    line: str
    accent: str
    on_accent: str
    canvas: str
    normal: str
    to_check: str
    anomalous: str
    warning: str
    notice: str
    contour: str = "#ffffff"
    truth: str = "#35e0ff"
    examine: str = "#8be36a"
    ignore: str = "#ffb347"

    def label(self, label: Label) -> str:
        """The colour of a label."""
        return {Label.NORMAL: self.normal, Label.TO_CHECK: self.to_check, Label.ANOMALOUS: self.anomalous}[label]


LIGHT = Colours(
    window="#f4f5f7", base="#ffffff", raised="#ffffff", text="#1c2127", dim="#646d79", line="#d5d9df",
    accent="#0b66c3", on_accent="#ffffff", canvas="#e4e7eb",
    normal="#0f8a6d", to_check="#6b7685", anomalous="#cf4520", warning="#a86400", notice="#e8f1fb",
)  # fmt: skip
DARK = Colours(
    window="#22252a", base="#1a1c20", raised="#2c3036", text="#e7eaee", dim="#9aa3af", line="#3b4048",
    accent="#4c9ff0", on_accent="#0d1620", canvas="#121417",
    normal="#3fc6a2", to_check="#95a0ae", anomalous="#ff7a52", warning="#eab04d", notice="#223447",
)  # fmt: skip


class Theme(QObject):
    """Follows the system's colour scheme or the user's choice; ``changed`` comes after the palette is set."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._appearance = Appearance.SYSTEM
        self._colours = LIGHT
        self._own_palette = sys.platform not in ("win32", "darwin")
        if self._own_palette:
            app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._apply)
        self._apply()

    @property
    def appearance(self) -> Appearance:
        """What the user asked for."""
        return self._appearance

    @property
    def dark(self) -> bool:
        """Whether the window is dark now."""
        if self._appearance is Appearance.SYSTEM:
            return self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._appearance is Appearance.DARK

    @property
    def colours(self) -> Colours:
        """The colours in use now."""
        return self._colours

    def set_appearance(self, appearance: Appearance) -> None:
        """Follow the system, or stay light or dark."""
        self._appearance = appearance
        scheme = {
            Appearance.SYSTEM: Qt.ColorScheme.Unknown,
            Appearance.LIGHT: Qt.ColorScheme.Light,
            Appearance.DARK: Qt.ColorScheme.Dark,
        }[appearance]
        self._app.styleHints().setColorScheme(scheme)
        self._apply()

    def _apply(self) -> None:
        # Kept, as every cell of a list asks for them: the system's scheme takes longer to ask for than to paint with.
        self._colours = DARK if self.dark else LIGHT
        if self._own_palette:
            self._app.setPalette(_palette(self._colours))
        self.changed.emit()


def _palette(c: Colours) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette(QColor(c.raised), QColor(c.window))
    everywhere = {
        role.Window: c.window, role.WindowText: c.text, role.Base: c.base, role.AlternateBase: c.window,
        role.Text: c.text, role.Button: c.raised, role.ButtonText: c.text, role.BrightText: c.anomalous,
        role.Highlight: c.accent, role.HighlightedText: c.on_accent, role.Link: c.accent, role.Accent: c.accent,
        role.ToolTipBase: c.raised, role.ToolTipText: c.text, role.PlaceholderText: c.dim,
    }  # fmt: skip
    for which, colour in everywhere.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, _mix(c.dim, c.window, 0.35))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(c.line))
    return palette


def _mix(first: str, second: str, share: float) -> QColor:
    a, b = QColor(first), QColor(second)
    return QColor.fromRgbF(
        a.redF() * (1 - share) + b.redF() * share,
        a.greenF() * (1 - share) + b.greenF() * share,
        a.blueF() * (1 - share) + b.blueF() * share,
    )
