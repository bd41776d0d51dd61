"""Help: the shortcuts, and what the program is made of."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ad_desktop import __version__
from ad_desktop.ui.help.licences import installed_parts

_EXTRA = (
    ("Space (hold)", "See the bare picture"), ("Up, Down", "Previous or next in the list"),
    ("Wheel", "Zoom around the cursor"), ("Drag", "Pan"), ("Home, End", "First or last in the list"),
    ("Shift+Up, Shift+Down", "Select several"),
)  # fmt: skip
_EXTRA_OF_SCANS = (
    ("Wheel, Up, Down", "Next or previous slice"), ("Page up, Page down", "Ten slices on or back"),
    ("Home, End", "First or last slice"), ("Click", "Move the crosshair"), ("Drag", "Pan; on the crosshair: move it"),
    ("Right drag", "Window width and level"), ("Ctrl+Wheel", "Zoom around the cursor"),
    ("Double click", "One plane alone, and back"),
)  # fmt: skip


class ShortcutsDialog(QDialog):
    """All keys, made from the actions themselves."""

    def __init__(self, groups: Sequence[tuple[str, Sequence[QAction]]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page = QWidget()
        grid = QGridLayout(page)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(5)
        row = 0
        for title, actions in groups:
            lines = [(_keys(action), _name(action)) for action in actions]
            lines = [line for line in lines if line[0]]
            lines += {"Viewer": _EXTRA, "Scans": _EXTRA_OF_SCANS}.get(title, ())
            head = QLabel(f"<b>{title}</b>")
            head.setContentsMargins(0, 8 if row else 0, 0, 2)
            grid.addWidget(head, row, 0, 1, 2)
            for keys, text in lines:
                row += 1
                grid.addWidget(QLabel(text), row, 0)
                grid.addWidget(QLabel(keys), row, 1)
            row += 1
        grid.setColumnStretch(0, 1)
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll)
        layout.addWidget(buttons)
        self.resize(QSize(460, 560).boundedTo(self.screen().availableSize()))


class AboutDialog(QDialog):
    """Version, licence, and the versions and licences of what it is built on."""

    def __init__(self, icon: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About AD Desktop")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        picture = QLabel()
        picture.setPixmap(icon.pixmap(64, 64))
        text = QLabel(
            f"<h2>AD Desktop {__version__}</h2><p>Learns what is normal from your pictures, and shows what is not.<br>"
            "Everything stays on this machine.</p><p>Apache License 2.0</p>"
            f"<p>Python {platform.python_version()}, Qt {qVersion()}, {platform.platform(terse=True)}</p>"
        )
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.parts = QTreeWidget()
        self.parts.setAccessibleName("Built on")
        self.parts.setHeaderLabels(["Built on", "Version", "Licence"])
        self.parts.setRootIsDecorated(False)
        for part in installed_parts():
            self.parts.addTopLevelItem(QTreeWidgetItem(list(part)))
        for column in range(2):
            self.parts.resizeColumnToContents(column)
        icons_note = QLabel("Icons: Material Design Icons, Apache License 2.0")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        grid = QGridLayout(self)
        grid.setContentsMargins(20, 18, 20, 14)
        grid.setHorizontalSpacing(18)
        grid.addWidget(picture, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text, 0, 1)
        grid.addWidget(self.parts, 1, 0, 1, 2)
        grid.addWidget(icons_note, 2, 0, 1, 2)
        grid.addWidget(buttons, 3, 0, 1, 2)
        grid.setRowStretch(1, 1)
        self.resize(QSize(560, 560).boundedTo(self.screen().availableSize()))


def _name(action: QAction) -> str:
    """The action's text; Undo and Redo also say what of, which is nothing for a sheet."""
    return str(action.property("plain") or action.text().replace("&", "").rstrip("…"))


def _keys(action: QAction) -> str:
    native = QKeySequence.SequenceFormat.NativeText
    texts = [sequence.toString(native) for sequence in action.shortcuts()]
    # Keyboards with keys for "Open" or "Undo" need no telling.
    return ", ".join([*texts[:1], *(text for text in texts[1:] if len(text) == 1)])
