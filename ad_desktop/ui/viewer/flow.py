"""A row of widgets that goes on in the next line where it does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLayout, QLayoutItem, QToolButton, QWidget


class FlowLayout(QLayout):
    """Hidden widgets take no room; lines are as high as their highest widget, all others stand in the middle.

    ``push_last`` puts the last widget to the right edge.
    """

    def __init__(self, parent: QWidget, across: int = 14, down: int = 4, push_last: bool = False) -> None:
        super().__init__(parent)
        self._push_last = push_last
        self._items: list[QLayoutItem] = []
        self._heights: dict[int, int] = {}
        self._across = across
        self._down = down

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def invalidate(self) -> None:
        self._heights.clear()
        super().invalidate()

    def heightForWidth(self, width: int) -> int:
        # Asked for dozens of times while the layouts around it settle.
        if width not in self._heights:
            self._heights[width] = self._arrange(QRect(0, 0, width, 0), move=False)
        return self._heights[width]

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        sizes = [item.minimumSize() for item in self._items if not item.isEmpty()]
        margins = self.contentsMargins()
        width = max((size.width() for size in sizes), default=0) + margins.left() + margins.right()
        height = max((size.height() for size in sizes), default=0) + margins.top() + margins.bottom()
        return QSize(width, height)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def _arrange(self, rect: QRect, move: bool) -> int:
        """Place the items, or only find out the height they need."""
        margins = self.contentsMargins()
        room = rect.adjusted(margins.left(), margins.top(), -margins.right(), -margins.bottom())
        top = room.top()
        for line in self._lines(room.width()):
            height = max(item.sizeHint().height() for item in line)
            left = room.left()
            for item in line:
                size = item.sizeHint().boundedTo(QSize(room.width(), item.sizeHint().height()))
                if self._push_last and item is self._items[-1]:
                    left = max(left, room.right() + 1 - size.width())
                if move:
                    item.setGeometry(QRect(QPoint(left, top + (height - size.height()) // 2), size))
                left += size.width() + self._across
            top += height + self._down
        return top - self._down - rect.top() + margins.bottom()

    def _lines(self, room: int) -> list[list[QLayoutItem]]:
        lines: list[list[QLayoutItem]] = []
        used = 0
        for item in (item for item in self._items if not item.isEmpty()):
            width = item.sizeHint().width()
            if not lines or used + self._across + width > room:
                lines.append([])
                used = width
            else:
                used += self._across + width
            lines[-1].append(item)
        return lines


def group(widgets: Sequence[QWidget], spacing: int = 6) -> QWidget:
    """Widgets that are never torn apart when a line breaks."""
    together = QWidget()
    row = QHBoxLayout(together)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(spacing)
    for widget in widgets:
        row.addWidget(widget)
    return together


def button_of(action: QAction) -> QToolButton:
    """A flat button that leaves the focus where it is when it is clicked."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
