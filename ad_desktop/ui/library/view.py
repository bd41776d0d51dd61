"""The list of items."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QAction, QCursor, QKeyEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QStyleOptionViewItem, QTreeView, QWidget

from ad_desktop.ui.items import Item
from ad_desktop.ui.library.delegate import RowDelegate
from ad_desktop.ui.library.row_pictures import RowPictures
from ad_desktop.ui.library.rows import TITLES, Column, LibraryRows
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme

# Widths of the list, in characters, from which it has room for the percentile, and for labels in words.
_PERCENTILE_FROM = 80
_WORDS_FROM = 96
# And the width below which label and verdict are icons without a title, to leave the name its room.
_COMPACT_BELOW = 58
_ICON_WIDTH = 30


class LibraryView(QTreeView):
    """Shows ``LibraryRows``; its current row is the session's current item."""

    items_selected = Signal()
    bare = Signal(bool)

    def __init__(
        self, session: Session, rows: LibraryRows, delegate: RowDelegate, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._rows = rows
        self._theme = theme
        self._kept: set[str] = set()
        self._resetting = False
        self._hint = ""
        self._layout: tuple[bool, bool] | None = None
        self._chosen: dict[Column, bool] = {}
        self._pictures = RowPictures()
        self._rest = QTimer(self, singleShot=True, interval=0)
        self._rest.timeout.connect(self.viewport().update)
        self._pointed = -1
        self._partly = False
        self._delegate = delegate
        delegate.setParent(self)
        self.setItemDelegate(delegate)
        self.setModel(rows)
        self.setAccessibleName("Library")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setAllColumnsShowFocus(True)
        self._set_header()
        rows.modelAboutToBeReset.connect(self._keep_selection)
        rows.modelReset.connect(self._restore_selection)
        theme.changed.connect(self._pictures.clear)
        session.current_changed.connect(self._show_current)
        session.model_changed.connect(self._arrange_columns)
        self.selectionModel().selectionChanged.connect(lambda *_: self.items_selected.emit())

    def selected_items(self) -> list[Item]:
        """The selected items, from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._rows.rows[row] for row in rows]

    def set_context_actions(self, actions: list[QAction]) -> None:
        """Offer these on a right click; a separator is an action with ``isSeparator``."""
        self._context_actions = actions
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)

    def set_hint(self, text: str) -> None:
        """Text in the middle of an empty list."""
        self._hint = text
        self.viewport().update()

    def repaint_items(self, keys: Sequence[str]) -> None:
        """Paint the rows of these items anew, as their thumbnails have come."""
        viewport = self.viewport()
        for key in keys:
            place = self.visualRect(self._rows.index_of_key(key))
            if not place.isEmpty():
                viewport.update(0, place.top(), viewport.width(), place.height())

    def step(self, by: int) -> None:
        """Make the next (1) or previous (-1) row current."""
        count = len(self._rows.rows)
        if count:
            now = self._rows.index_of(self._session.current).row()
            target = min(max(now + by, 0), count - 1) if now >= 0 else 0
            self.setCurrentIndex(self._rows.index(target, 0))

    def select_first(self) -> None:
        """Make the first row current."""
        self._rows.catch_up()
        if self._rows.rows:
            self.setCurrentIndex(self._rows.index(0, 0))
            self.scrollToTop()

    def neighbours(self) -> list[Item]:
        """The items after and before the current one."""
        now = self._rows.index_of(self._session.current).row()
        rows = self._rows.rows
        return [] if now < 0 else [rows[place] for place in (now + 1, now - 1, now + 2) if 0 <= place < len(rows)]

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        item = self._rows.item_at(current)
        if item is not None and not self._resetting:
            self._session.set_current(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            if not event.isAutoRepeat():
                self.bare.emit(True)
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.bare.emit(False)
            return
        super().keyReleaseEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange_columns()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if dx or abs(dy) >= self.viewport().height():
            super().scrollContentsBy(dx, dy)
            return
        # What stays in view is moved. QTreeView, which takes dy for rows even where it is pixels, would paint it anew.
        self.scrollDirtyRegion(0, dy)
        self.viewport().scroll(0, dy)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._pictures.clear()
        super().changeEvent(event)

    def drawRow(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row, rect = index.row(), option.rect
        if row == self._pointed or self._partly:
            # Styles that mark it know which cell it is; and Qt leaves out the columns that need not be painted.
            super().drawRow(painter, option, index)
            return

        def paint(onto: QPainter, place: QRect) -> None:
            moved = QStyleOptionViewItem(option)
            moved.rect = place
            super(LibraryView, self).drawRow(onto, moved, index)

        item = self._rows.rows[row]
        widths = tuple(0 if self.isColumnHidden(column) else self.columnWidth(column) for column in Column)
        marked = (self.selectionModel().isSelected(index), row == self.currentIndex().row() and self.hasFocus())
        look = (self._delegate.look(item), widths, marked, self.isActiveWindow(), self.isEnabled())
        ground = option.palette.color(QPalette.ColorRole.Base)
        if not self._pictures.draw(painter, rect, ground, item.key, look, paint):
            self._rest.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        viewport = self.viewport()
        pointer = viewport.mapFromGlobal(QCursor.pos()) if viewport.underMouse() else None
        self._pointed = -1 if pointer is None else self.indexAt(pointer).row()
        self._partly = event.rect().width() < viewport.width()
        self._pictures.begin()
        super().paintEvent(event)
        if self._hint and not self._rows.rows:
            painter = QPainter(self.viewport())
            painter.setPen(self._theme.colours.dim)
            rect: QRect = self.viewport().rect().adjusted(24, 24, -24, -24)
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._hint)
            painter.end()

    def _set_header(self) -> None:
        header = self.header()
        header.setSortIndicatorClearable(True)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(_ICON_WIDTH)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        for column in list(Column)[1:]:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, self._width_of(column))
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_columns)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)

    def _width_of(self, column: Column, words: bool = False, compact: bool = False) -> int:
        if compact and column in (Column.LABEL, Column.VERDICT):
            return _ICON_WIDTH
        texts = {
            Column.SCORE: ("123456", 28),
            Column.PERCENTILE: ("Percentile", 24),
            Column.VERDICT: ("Anomalous", 26),
        }
        texts[Column.LABEL] = ("Anomalous", 32) if words else ("Label", 26)
        text, extra = texts[column]
        return self.fontMetrics().horizontalAdvance(text) + extra

    def _arrange_columns(self) -> None:
        """Hide what has nothing to say yet or no room, unless the user chose otherwise."""
        fitted = self._session.model is not None
        room = self.width() / max(1, self.fontMetrics().averageCharWidth())
        shown = {Column.SCORE: fitted, Column.VERDICT: fitted, Column.PERCENTILE: fitted and room >= _PERCENTILE_FROM}
        for column, wanted in {**shown, **self._chosen}.items():
            self.setColumnHidden(column, not wanted)
        layout = (room >= _WORDS_FROM or not fitted, room < _COMPACT_BELOW)
        if layout != self._layout:
            self._layout = layout
            words, compact = layout
            self._rows.set_compact(compact and not words)
            for column in (Column.LABEL, Column.SCORE, Column.VERDICT):
                self.header().resizeSection(column, self._width_of(column, words, compact and not words))

    def _show_columns(self, place: QPoint) -> None:
        menu = QMenu(self)
        for column in list(Column)[1:]:
            action = menu.addAction(TITLES[column])
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(column))
            action.toggled.connect(lambda shown, c=column: self._choose_column(c, shown))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.header().mapToGlobal(place))

    def _choose_column(self, column: Column, shown: bool) -> None:
        self._chosen[column] = shown
        self._arrange_columns()

    def _show_menu(self, place: QPoint) -> None:
        if self.selected_items():
            menu = QMenu(self)
            menu.addActions(self._context_actions)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.viewport().mapToGlobal(place))

    def _keep_selection(self) -> None:
        self._resetting = True
        self._kept = {item.key for item in self.selected_items()}

    def _restore_selection(self) -> None:
        selection = self.selectionModel()
        current = self._rows.index_of(self._session.current)
        flags = QItemSelectionModel.SelectionFlag
        if len(self._kept) <= 500:
            for row, item in enumerate(self._rows.rows):
                if item.key in self._kept:
                    selection.select(self._rows.index(row, 0), flags.Select | flags.Rows)
        if current.isValid():
            selection.setCurrentIndex(current, flags.NoUpdate)
            self.scrollTo(current)
        self._resetting = False

    def _show_current(self, item: Item | None) -> None:
        index = self._rows.index_of(item)
        if index.isValid() and index.row() != self.currentIndex().row():
            self.setCurrentIndex(index)
