"""Paints the rows of the library: thumbnail and two lines of text, label, verdict."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ad_desktop.ui.icons import LABEL_ICONS, Icons
from ad_desktop.ui.items import Item, Verdict
from ad_desktop.ui.library.rows import LABEL_TEXT, VERDICT_TEXT, Column, LibraryRows
from ad_desktop.ui.library.thumbnails import Thumbnails
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme

ROW_HEIGHT = 44
_THUMBNAIL = 36
# Made once: Python's enumerations take as long to combine as a text to draw.
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)

_LABEL_ICONS = {label: (name, label.name.lower()) for label, name in LABEL_ICONS.items()}
_VERDICT_ICONS = {
    Verdict.GOOD: ("check-bold", "normal"),
    Verdict.BORDERLINE: ("circle-half-full", "warning"),
    Verdict.ANOMALOUS: ("alert", "anomalous"),
    Verdict.ERROR: ("alert-circle-outline", "warning"),
}

_Option = QStyleOptionViewItem
_Index = QModelIndex | QPersistentModelIndex


class RowDelegate(QStyledItemDelegate):
    """One delegate for all columns, so that a row is of one piece."""

    def __init__(
        self,
        session: Session,
        rows: LibraryRows,
        thumbnails: Thumbnails,
        icons: Icons,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._rows = rows
        self._thumbnails = thumbnails
        self._icons = icons
        self._theme = theme

    def sizeHint(self, option: _Option, index: _Index) -> QSize:
        lines = 2 * option.fontMetrics.height() + 8
        return QSize(super().sizeHint(option, index).width(), max(ROW_HEIGHT, lines))

    def look(self, item: Item) -> Hashable:
        """All that the row of ``item`` shows; asks for its thumbnail."""
        thumbnail = self._thumbnails.get(item.key, item.sample)
        picture = self._thumbnails.failed(item.key) if thumbnail is None else thumbnail.cacheKey()
        texts = tuple(self._rows.text(item, column) for column in Column)
        return (item.key, texts, item.folder, item.error, item.unsuited, picture)

    def paint(self, painter: QPainter, option: _Option, index: _Index) -> None:
        # Neither initStyleOption nor the index: both ask the model by way of Qt, which takes as long as to paint.
        view = QStyleOptionViewItem(option)
        item = self._rows.rows[index.row()]
        style = view.widget.style() if view.widget else QApplication.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, view, painter, view.widget)
        painter.save()
        column = index.column()
        if column == Column.NAME:
            self._paint_name(painter, view, item)
        elif column == Column.LABEL:
            self._paint_icon_text(painter, view, _LABEL_ICONS[item.label], LABEL_TEXT[item.label])
        elif column == Column.VERDICT:
            self._paint_verdict(painter, view, item)
        else:
            self._paint_number(painter, view, self._rows.text(item, Column(column)))
        painter.restore()

    def _text_colour(self, option: _Option, dim: bool = False) -> QColor:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        colour = QColor(option.palette.color(role))
        if dim and selected:
            colour.setAlphaF(0.8)
        elif dim:
            colour = QColor(self._theme.colours.dim)
        return colour

    def _paint_name(self, painter: QPainter, option: _Option, item: Item) -> None:
        rect: QRect = option.rect.adjusted(6, 0, -4, 0)
        box = QRect(rect.left(), rect.center().y() - _THUMBNAIL // 2 + 1, _THUMBNAIL, _THUMBNAIL)
        self._paint_thumbnail(painter, box, item)
        metrics: QFontMetrics = option.fontMetrics
        text = QRect(box.right() + 9, 0, rect.right() - box.right() - 9, metrics.height())
        below = item.error if item.error and not item.unsuited else item.folder
        top = rect.center().y() - (metrics.height() if below else metrics.height() // 2)
        text.moveTop(top)
        painter.setPen(self._text_colour(option))
        name = metrics.elidedText(item.name, Qt.TextElideMode.ElideMiddle, text.width())
        painter.drawText(text, _LEFT, name)
        if below:
            text.moveTop(top + metrics.height())
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            if item.error and not item.unsuited and not selected:
                painter.setPen(QColor(self._theme.colours.anomalous))
            else:
                painter.setPen(self._text_colour(option, dim=True))
            mode = Qt.TextElideMode.ElideRight if below != item.folder else Qt.TextElideMode.ElideLeft
            small = metrics.elidedText(below, mode, text.width())
            painter.drawText(text, _LEFT, small)

    def _paint_thumbnail(self, painter: QPainter, box: QRect, item: Item) -> None:
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        frame = QPainterPath()
        frame.addRoundedRect(QRectF(box), 4, 4)
        painter.fillPath(frame, QColor(self._theme.colours.canvas))
        if item.error and not item.unsuited:
            self._paint_icon(painter, box.adjusted(9, 9, -9, -9), "alert-circle-outline", "anomalous")
            return
        pixmap = self._thumbnails.get(item.key, item.sample)
        if pixmap is None:
            if self._thumbnails.failed(item.key):
                self._paint_icon(painter, box.adjusted(9, 9, -9, -9), "image-broken-variant", "dim")
            return
        # Fill the square: cut the longer side, so that rows look alike whatever the picture's shape.
        side = min(pixmap.width(), pixmap.height())
        source = QRectF((pixmap.width() - side) / 2, (pixmap.height() - side) / 2, side, side)
        painter.setClipPath(frame)
        painter.drawPixmap(QRectF(box), pixmap, source)
        painter.setClipping(False)

    def _paint_icon_text(self, painter: QPainter, option: _Option, icon: tuple[str, str], text: str) -> None:
        rect: QRect = option.rect.adjusted(4, 0, -2, 0)
        size = 16
        box = QRect(rect.left(), rect.center().y() - size // 2 + 1, size, size)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(QColor(self._theme.colours.base))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(box.adjusted(-1, -1, 1, 1))
        self._paint_icon(painter, box, *icon)
        left = rect.adjusted(size + 5, 0, 0, 0)
        metrics: QFontMetrics = option.fontMetrics
        if metrics.horizontalAdvance(text) > left.width() + 1:
            return  # a narrow column shows the icon alone, not a cut word
        painter.setPen(self._text_colour(option))
        painter.drawText(left, _LEFT, text)

    def _paint_icon(self, painter: QPainter, box: QRect, name: str, colour: str) -> None:
        ratio = painter.device().devicePixelRatio()
        painter.drawPixmap(box, self._icons.pixmap(name, colour, box.width(), ratio))

    def _paint_number(self, painter: QPainter, option: _Option, text: str) -> None:
        rect: QRect = option.rect.adjusted(2, 0, -8, 0)
        painter.setPen(self._text_colour(option))
        painter.drawText(rect, _RIGHT, text)

    def _paint_verdict(self, painter: QPainter, option: _Option, item: Item) -> None:
        verdict = self._session.verdict(item)
        text = VERDICT_TEXT[verdict]
        if verdict in (Verdict.NONE, Verdict.WAITING):
            painter.setPen(self._text_colour(option, dim=True))
            rect = option.rect.adjusted(8, 0, -4, 0)
            shown = text if option.fontMetrics.horizontalAdvance(text) <= rect.width() else "…" * bool(text)
            painter.drawText(rect, _LEFT, shown)
            return
        colours = self._theme.colours
        if option.rect.width() < option.fontMetrics.horizontalAdvance(text):
            self._paint_icon_text(painter, option, _VERDICT_ICONS[verdict], text)
            return
        colour = {Verdict.GOOD: colours.normal, Verdict.ANOMALOUS: colours.anomalous}.get(verdict, colours.warning)
        rect = option.rect.adjusted(4, 0, -4, 0)
        paint_pill(painter, rect, text, QColor(colour), QColor(colours.base), option.fontMetrics)


def paint_pill(painter: QPainter, rect: QRect, text: str, colour: QColor, base: QColor, metrics: QFontMetrics) -> None:
    """A word on a rounded ground of its own colour, at the left of ``rect``."""
    width = min(metrics.horizontalAdvance(text) + 16, rect.width())
    height = metrics.height() + 4
    pill = QRectF(rect.left(), rect.center().y() - height / 2 + 0.5, width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(base)
    painter.drawRoundedRect(pill, height / 2, height / 2)
    ground = QColor(colour)
    ground.setAlphaF(0.16)
    painter.setBrush(ground)
    painter.drawRoundedRect(pill, height / 2, height / 2)
    painter.setPen(colour)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - 12)
    painter.drawText(pill, _CENTRE, shown)
