"""The guide: a few pages with pictures, in the program and without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QImage, QResizeEvent, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

_MARGIN = 40
_SETTLE_MS = 120


def chapters(folder: Path) -> list[tuple[str, Path]]:
    """Titles and files of the guide's pages, in order; a title is the page's first heading."""
    found = []
    for path in sorted(folder.glob("*.md")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        found.append((first.lstrip("# ").strip(), path))
    return found


class GuidePage(QTextBrowser):
    """Shows one page; pictures never get wider than the page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Guide")
        self.setOpenExternalLinks(True)
        self.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.document().setDocumentMargin(_MARGIN / 2)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._laid_out = 0
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._lay_out_again)

    def open(self, path: Path) -> None:
        """Show a page."""
        self.setSource(QUrl.fromLocalFile(str(path)), QTextDocument.ResourceType.MarkdownResource)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        if kind != QTextDocument.ResourceType.ImageResource.value:
            return super().loadResource(kind, name)
        image = QImage(self.source().resolved(QUrl(name)).toLocalFile())
        room = max(120, self.viewport().width() - _MARGIN)
        ratio = self.devicePixelRatioF()
        if image.width() > room:
            image = image.scaledToWidth(round(room * ratio), Qt.TransformationMode.SmoothTransformation)
            image.setDevicePixelRatio(ratio)
        return image

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.viewport().width() != self._laid_out:
            self._settle.start()

    def _lay_out_again(self) -> None:
        self._laid_out = self.viewport().width()
        bar = self.verticalScrollBar()
        place = bar.value() / max(1, bar.maximum())
        self.document().clear()
        self.reload()
        bar.setValue(round(place * bar.maximum()))


class GuideDialog(QDialog):
    """Chapters on the left, the page on the right; the window stays usable beside it."""

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Guide")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._chapters = chapters(folder)
        self.list = QListWidget()
        self.list.setAccessibleName("Chapters")
        self.list.addItems([title for title, _ in self._chapters])
        self.list.setFixedWidth(190)
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setSpacing(2)
        self.page = GuidePage()
        self.page.sourceChanged.connect(self._follow)
        self.list.currentRowChanged.connect(self._open)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addWidget(self.page, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(row, 1)
        layout.addWidget(buttons)
        self.resize(QSize(920, 700).boundedTo(self.screen().availableSize()))
        self.list.setCurrentRow(0)

    def _open(self, row: int) -> None:
        if row >= 0 and self.page.source() != QUrl.fromLocalFile(str(self._chapters[row][1])):
            self.page.open(self._chapters[row][1])

    def _follow(self, source: QUrl) -> None:
        """A link to another page moves the list along."""
        for row, (_, path) in enumerate(self._chapters):
            if source.toLocalFile() == str(path):
                self.list.setCurrentRow(row)
