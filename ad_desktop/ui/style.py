"""The few rules that no palette can say: the one important button, thin progress bars, quiet dock titles."""

from __future__ import annotations

from dataclasses import asdict

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from ad_desktop.ui.theme import Theme

_SHEET = """
QPushButton#primary {{
    background: {accent}; color: {on_accent}; border: none; border-radius: 6px; padding: 7px 16px; font-weight: 600;
}}
QPushButton#primary:hover {{ background: {hover}; }}
QPushButton#primary:pressed {{ background: {accent}; padding-top: 8px; padding-bottom: 6px; }}
QPushButton#primary:focus {{ border: 2px solid {text}; padding: 5px 14px; }}
QPushButton#primary:disabled {{ background: {line}; color: {dim}; }}
QProgressBar {{ background: {line}; border: none; border-radius: 4px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 4px; }}
QMainWindow::separator {{ background: {line}; width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {accent}; }}
QWidget#foot {{ border-top: 1px solid {line}; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QStatusBar::item {{ border: none; }}
QStatusBar {{ border-top: 1px solid {line}; }}
QCheckBox::indicator:unchecked, QTreeView::indicator:unchecked {{
    width: 13px; height: 13px; background: {base}; border: 1px solid {dim}; border-radius: 3px;
}}
QCheckBox::indicator:unchecked:disabled {{ border-color: {line}; }}
QDockWidget::title {{ padding: 6px 10px; background: {window}; text-align: left; }}
QHeaderView::section {{
    background: {window}; color: {dim}; border: none; border-bottom: 1px solid {line}; padding: 4px 16px 4px 6px;
}}
QToolBar {{ border: none; border-top: 1px solid {line}; padding: 3px 6px; spacing: 4px; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 4px; }}
"""


class StyleSheet(QObject):
    """Keeps the application's sheet in the theme's colours, from the first ``apply`` on.

    To be made before the widgets, so that it hears of other colours first: a new sheet gives widgets back the palettes
    that they had before.
    """

    def __init__(self, app: QApplication, theme: Theme) -> None:
        super().__init__(theme)
        self._app = app
        self._theme = theme
        theme.changed.connect(self.apply)

    def apply(self) -> None:
        """Style the application."""
        c = self._theme.colours
        hover = "#0a58a8" if not self._theme.dark else "#6db2f5"
        self._app.setStyleSheet(_SHEET.format(hover=hover, **asdict(c)))
