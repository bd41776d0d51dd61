"""Help: the shortcuts, and what the program is made of."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from ad_desktop import __version__

_PARTS = (
    ("PySide6-Essentials", "LGPL-3.0"), ("numpy", "BSD-3-Clause"), ("torch", "BSD-3-Clause"),
    ("torchvision", "BSD-3-Clause"), ("timm", "Apache-2.0"), ("onnxruntime", "MIT"), ("scikit-learn", "BSD-3-Clause"),
    ("scipy", "BSD-3-Clause"), ("pyqtgraph", "MIT"), ("pillow", "MIT-CMU"), ("tifffile", "BSD-3-Clause"),
    ("safetensors", "Apache-2.0"), ("QtAwesome", "MIT; Material Design Icons Apache-2.0"),
)  # fmt: skip
_EXTRA = (
    ("Space (hold)", "See the bare picture"), ("Up, Down", "Previous or next in the list"),
    ("Wheel", "Zoom around the cursor"), ("Drag", "Pan"),
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
            lines = [(_keys(action), action.text().replace("&", "").rstrip("…")) for action in actions]
            lines = [line for line in lines if line[0]]
            if title == "Viewer":
                lines += _EXTRA
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
        self.resize(460, 560)


class AboutDialog(QDialog):
    """Version, licence, and the versions and licences of what it is built on."""

    def __init__(self, icon: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About AD Desktop")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        picture = QLabel()
        picture.setPixmap(icon.pixmap(64, 64))
        rows = "".join(
            f"<tr><td>{name}</td><td style='padding-left:16px'>{_version(name)}</td>"
            f"<td style='padding-left:16px'>{licence}</td></tr>"
            for name, licence in _PARTS
        )
        text = QLabel(
            f"<h2>AD Desktop {__version__}</h2><p>Learns what is normal from your pictures, and shows what is not.<br>"
            "Everything stays on this machine.</p><p>Apache License 2.0</p>"
            f"<p>Python {platform.python_version()} on {platform.platform(terse=True)}</p><table>{rows}</table>"
        )
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        grid = QGridLayout(self)
        grid.setContentsMargins(20, 18, 20, 14)
        grid.setHorizontalSpacing(18)
        grid.addWidget(picture, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text, 0, 1)
        grid.addWidget(buttons, 1, 0, 1, 2)


def _keys(action: QAction) -> str:
    native = QKeySequence.SequenceFormat.NativeText
    texts = [sequence.toString(native) for sequence in action.shortcuts()]
    # Keyboards with keys for "Open" or "Undo" need no telling.
    return ", ".join([*texts[:1], *(text for text in texts[1:] if len(text) == 1)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
