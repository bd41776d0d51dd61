"""The list of regions above the threshold, under the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.scoring.regions import Region
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.session import Session
from ad_desktop.ui.texts import ElidedLabel
from ad_desktop.ui.viewer.findings import Findings
from ad_desktop.ui.viewer.flow import FlowLayout, group

_TITLES = ("No.", "Area", "Share", "Peak", "Place")
_HELP = ("", "Pixels of the picture", "Part of the picture", "Largest value of the anomaly map", "x, y of the peak")
_SHARE, _PLACE = 2, 4
_SHARE_FROM, _PLACE_FROM = 38, 48
"""Widths of the list, in characters, from which it has room for these columns."""
_LARGEST = 10_000_000
_WIDEST = "Nothing above 0.000 is as large"
_ROWS = 4


class RegionsPanel(QFrame):
    """``jumped`` carries the region to look at, ``chosen`` the one to frame or None."""

    jumped = Signal(object)
    chosen = Signal(object)

    def __init__(self, session: Session, icons: Icons, close: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("foot")
        self._session = session
        self._regions: tuple[Region, ...] = ()
        self._found: Findings | None = None
        self.summary = ElidedLabel(Qt.TextElideMode.ElideRight, widest=_WIDEST)
        self.smallest = QSpinBox()
        self.smallest.setRange(0, _LARGEST)
        self.smallest.setSuffix(" px")
        self.smallest.setAccelerated(True)
        self.smallest.setKeyboardTracking(False)
        self.smallest.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
        self.smallest.setAccessibleName("Smallest region")
        self.smallest.setToolTip("Smaller regions are neither listed nor outlined, here and in exported masks")
        self.smallest.setFixedWidth(self.fontMetrics().horizontalAdvance("100,000 px") + 44)
        self.smallest.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.table = self._make_table()
        self._build(icons, close)
        self.smallest.valueChanged.connect(session.set_min_region)
        session.min_region_changed.connect(self._follow_smallest)
        self._follow_smallest()
        self.show_findings(None)

    @property
    def regions(self) -> Sequence[Region]:
        """What is listed."""
        return self._regions

    def show_findings(self, found: Findings | None) -> None:
        """List the regions of a picture; None: there is nothing to look for."""
        if found is not None and self._found is not None and found.overlay is not self._found.overlay:
            self.table.scrollToTop()
        self._found = found
        regions = () if found is None else found.regions
        self.summary.setText(_summary(found))
        if regions != self._regions:
            self._fill(found)
        self._regions = regions

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() / max(1, self.fontMetrics().averageCharWidth())
        self.table.setColumnHidden(_SHARE, room < _SHARE_FROM)
        self.table.setColumnHidden(_PLACE, room < _PLACE_FROM)

    def sizeHint(self) -> QSize:
        line = self.table.fontMetrics().height() + 8
        return QSize(super().sizeHint().width(), self.summary.sizeHint().height() + 24 + (_ROWS + 1) * line)

    def _make_table(self) -> QTreeWidget:
        table = QTreeWidget()
        table.setHeaderLabels(list(_TITLES))
        table.setRootIsDecorated(False)
        table.setUniformRowHeights(True)
        table.setFrameShape(QTreeWidget.Shape.NoFrame)
        table.setAllColumnsShowFocus(True)
        table.setStyleSheet("QTreeView::item { padding: 3px 16px 3px 6px; }")
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setAccessibleName("Regions above the threshold")
        table.setMinimumHeight(3 * (table.fontMetrics().height() + 8))
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(0, table.fontMetrics().horizontalAdvance("No.") + 30)
        for column in range(1, len(_TITLES)):
            table.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.headerItem().setToolTip(column, _HELP[column])
        table.itemClicked.connect(lambda item, _: self._jump(item))
        table.itemActivated.connect(lambda item, _: self._jump(item))
        table.currentItemChanged.connect(lambda item, _: self.chosen.emit(self._region(item)))
        return table

    def _build(self, icons: Icons, close: QAction) -> None:
        fold = QToolButton()
        fold.setAutoRaise(True)
        fold.setToolTip("Close the list (L)")
        fold.setAccessibleName("Close the list of regions")
        icons.bind(fold, "chevron-down")
        fold.clicked.connect(lambda: close.setChecked(False))
        label = QLabel("Smallest region")
        label.setBuddy(self.smallest)
        head = QWidget()
        flow = FlowLayout(head, push_last=True)
        flow.setContentsMargins(12, 4, 6, 4)
        flow.addWidget(self.summary)
        flow.addWidget(group([label, self.smallest, fold]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head)
        layout.addWidget(self.table, 1)

    def _fill(self, found: Findings | None) -> None:
        self.table.blockSignals(True)
        self.table.clear()
        self.table.blockSignals(False)
        self.chosen.emit(None)
        if found is None:
            return
        height, width = found.overlay.size
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        rows = []
        for region in found.regions:
            y, x = region.peak_yx
            share = 100 * region.area / (height * width)
            row = QTreeWidgetItem([
                str(region.label), f"{region.area:,} px", _percent(share), format_score(region.peak), f"{x}, {y}",
            ])  # fmt: skip
            for column in range(1, len(_TITLES)):
                row.setTextAlignment(column, right)
            rows.append(row)
        self.table.addTopLevelItems(rows)

    def _region(self, item: QTreeWidgetItem | None) -> Region | None:
        place = -1 if item is None else self.table.indexOfTopLevelItem(item)
        return self._regions[place] if 0 <= place < len(self._regions) else None

    def _jump(self, item: QTreeWidgetItem) -> None:
        region = self._region(item)
        if region is not None:
            self.chosen.emit(region)
            self.jumped.emit(region)

    def _follow_smallest(self) -> None:
        self.smallest.blockSignals(True)
        self.smallest.setValue(self._session.min_region)
        self.smallest.blockSignals(False)


def _summary(found: Findings | None) -> str:
    if found is None:
        return "Regions: no map yet"
    if not found.total:
        return f"Nothing above {format_score(found.level)}" + (" is as large" if found.min_region > 1 else "")
    text = f"{found.total:,} region{'s' if found.total > 1 else ''} above {format_score(found.level)}"
    return text if found.total == len(found.regions) else f"{text}, {len(found.regions)} listed"


def _percent(share: float) -> str:
    return f"{share:.1f} %" if share >= 1 else f"{share:.2g} %"
