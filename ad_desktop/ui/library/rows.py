"""The library as a table: which items are shown, in which order, and the text of each cell.

Filtering and sorting are done here with one pass and one sort over plain Python values: a proxy
model asks ``data`` twice per comparison and stalls the window at 10,000 rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QStandardItemModel

from ad_desktop.data.samples import Label
from ad_desktop.ui.items import Item, Verdict
from ad_desktop.ui.session import Session

if TYPE_CHECKING:
    from ad_desktop.workflows.model import Calibration

_PAUSE_MS = 250
_FEW = 24


class Column(IntEnum):
    """Columns of the library."""

    NAME = 0
    LABEL = 1
    SCORE = 2
    PERCENTILE = 3
    VERDICT = 4


_COLUMNS = len(Column)
TITLES = {
    Column.NAME: "Name",
    Column.LABEL: "Label",
    Column.SCORE: "Score",
    Column.PERCENTILE: "Percentile",
    Column.VERDICT: "Verdict",
}
HELP = {
    Column.SCORE: "Anomaly score; higher is more abnormal. Normal ones show the score of a model fitted without "
    "their group.",
    Column.PERCENTILE: "How many percent of the normal ones score lower",
    Column.VERDICT: "Anomalous where the score is above the threshold, borderline where it lies in the band below it",
}
LABEL_TEXT = {Label.NORMAL: "Normal", Label.TO_CHECK: "To check", Label.ANOMALOUS: "Anomalous"}
VERDICT_TEXT = {
    Verdict.GOOD: "Good",
    Verdict.BORDERLINE: "Borderline",
    Verdict.ANOMALOUS: "Anomalous",
    Verdict.ERROR: "Error",
    Verdict.WAITING: "Waiting",
    Verdict.NONE: "",
}


@dataclass(frozen=True)
class Filter:
    """Which items are shown: the text is looked for in name, folder and kind of defect."""

    text: str = ""
    label: Label | None = None
    verdict: Verdict | None = None


class LibraryRows(QStandardItemModel):
    """Table model over the session's items.

    Qt itself keeps how many rows and columns there are, and nothing else: a view that arranges its rows asks twice for
    each of them, and each time Python was asked it waited for the interpreter while workers had it.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(0, len(Column), session)
        self._session = session
        self._filter = Filter()
        self._compact = False
        self._sort: tuple[Column | None, bool] = (None, False)
        self._rows: list[Item] = []
        self._places: dict[str, int] = {}
        # How each row was told to look, and what the percentiles come from.
        self._looks: list[tuple[Label, float | None, Verdict, str]] = []
        self._calibration: Calibration | None = None
        session.items_changed.connect(self._reset)
        session.labels_changed.connect(self._refresh)
        # Results stream in many times a second; nobody can read that fast.
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._refresh_again)
        self._due = False
        session.results_changed.connect(self._refresh_soon)
        session.threshold_changed.connect(self._refresh)

    def catch_up(self) -> None:
        """Take in results that are still waiting to be shown."""
        self._due = False
        self._refresh()

    def set_compact(self, compact: bool) -> None:
        """Leave out the titles of columns that are only as wide as an icon."""
        if compact != self._compact:
            self._compact = compact
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)

    @property
    def rows(self) -> list[Item]:
        """The items shown, in order."""
        return self._rows

    def item_at(self, index: QModelIndex | QPersistentModelIndex) -> Item | None:
        """The item of an index."""
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def index_of(self, item: Item | None, column: Column = Column.NAME) -> QModelIndex:
        """Where an item is shown; an invalid index if it is filtered out."""
        return QModelIndex() if item is None else self.index_of_key(item.key, column)

    def index_of_key(self, key: str, column: Column = Column.NAME) -> QModelIndex:
        """Where the item with this key is shown; an invalid index if it is not."""
        place = self._places.get(key)
        return QModelIndex() if place is None else self.index(place, column)

    def set_filter(self, chosen: Filter) -> None:
        """Show other items."""
        if chosen != self._filter:
            self._filter = chosen
            self._reset()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = Column(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if self._compact and column in (Column.LABEL, Column.VERDICT) else TITLES[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return HELP.get(column, TITLES[column])
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.SCORE, Column.PERCENTILE):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        item = self._rows[index.row()]
        column = Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(item, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(item)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.SCORE, Column.PERCENTILE):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{TITLES[column]}: {self.text(item, column)}"
        return None

    def text(self, item: Item, column: Column) -> str:
        """The text of a cell."""
        if column is Column.NAME:
            return item.name
        if column is Column.LABEL:
            return LABEL_TEXT[item.label]
        if column is Column.VERDICT:
            return VERDICT_TEXT[self._session.verdict(item)]
        value = item.score if column is Column.SCORE else self._session.percentile(item)
        if value is None:
            return ""
        return format_score(value) if column is Column.SCORE else f"{value:.1f}"

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 is the order of adding."""
        chosen = (Column(column) if column >= 0 else None, order is Qt.SortOrder.DescendingOrder)
        if chosen != self._sort:
            self._sort = chosen
            self._reorder()

    def _tip(self, item: Item) -> str:
        lines = [str(item.sample.path)]
        if item.defect:
            lines.append(f"Known defect: {item.defect}")
        if item.error:
            lines.append(item.error)
        return "\n".join(lines)

    def _wanted(self) -> list[Item]:
        chosen, session = self._filter, self._session
        items = list(session.items.values())
        if chosen.text:
            needle = chosen.text.casefold()
            items = [i for i in items if needle in f"{i.folder}/{i.name} {i.defect}".casefold()]
        if chosen.label is not None:
            items = [i for i in items if i.label is chosen.label]
        if chosen.verdict is not None:
            items = [i for i in items if session.verdict(i) is chosen.verdict]
        column, descending = self._sort
        if column is None:
            return items
        known, unknown = self._split(items, column)
        known.sort(key=lambda pair: pair[0], reverse=descending)
        # Items without a value come last in either direction.
        return [item for _, item in known] + unknown

    def _split(self, items: list[Item], column: Column) -> tuple[list[tuple[Any, Item]], list[Item]]:
        session = self._session
        keys = {
            Column.NAME: lambda i: (i.folder.casefold(), i.name.casefold()),
            Column.LABEL: lambda i: list(Label).index(i.label),
            Column.SCORE: lambda i: i.score,
            Column.PERCENTILE: lambda i: i.score,
            Column.VERDICT: lambda i: list(Verdict).index(session.verdict(i)),
        }
        pairs = [(keys[column](item), item) for item in items]
        return [p for p in pairs if p[0] is not None], [p[1] for p in pairs if p[0] is None]

    def _set_rows(self, rows: list[Item]) -> None:
        self._rows = rows
        self._places = {item.key: place for place, item in enumerate(rows)}
        if self.rowCount() != len(rows):
            # Views hear of it by the reset that this is part of.
            with QSignalBlocker(self):
                self.setRowCount(len(rows))
        self._note_looks()

    def _reset(self) -> None:
        self.beginResetModel()
        self._set_rows(self._wanted())
        self.endResetModel()

    def _refresh_soon(self) -> None:
        if self._pause.isActive():
            self._due = True
        else:
            self._pause.start()
            self._refresh()

    def _refresh_again(self) -> None:
        if self._due:
            self._due = False
            self._pause.start()
            self._refresh()

    def _refresh(self) -> None:
        wanted = self._wanted()
        if len(wanted) != len(self._rows):
            self._reset()
        elif wanted != self._rows:
            self._reorder(wanted)
        elif wanted:
            self._tell_changes()

    def _tell_changes(self) -> None:
        """Have what looks different now painted: a few rows by themselves, many all at once."""
        before, calibration = self._looks, self._calibration
        self._note_looks()
        changed = [row for row, (old, new) in enumerate(zip(before, self._looks, strict=True)) if old != new]
        if self._calibration is not calibration or len(changed) > _FEW:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, _COLUMNS - 1))
            return
        for row in changed:
            for column in range(_COLUMNS):
                self.dataChanged.emit(self.index(row, column), self.index(row, column))

    def _note_looks(self) -> None:
        session = self._session
        self._looks = [(item.label, item.score, session.verdict(item), item.error) for item in self._rows]
        self._calibration = None if session.model is None else session.model.calibration

    def _reorder(self, wanted: list[Item] | None = None) -> None:
        wanted = self._wanted() if wanted is None else wanted
        if {item.key for item in wanted} != self._places.keys():
            self._reset()
            return
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        held = [(self._rows[index.row()], index.column()) for index in old]
        self._set_rows(wanted)
        self.changePersistentIndexList(old, [self.index(self._places[item.key], column) for item, column in held])
        self.layoutChanged.emit()


def format_score(value: float) -> str:
    """A score with four significant digits at most, two beside an exponent, which only unusual scores have."""
    if value == 0 or 0.001 <= abs(value) < 100_000:
        digits = max(0, 3 - len(str(int(abs(value))))) if abs(value) >= 1 else 3
        return f"{value:.{digits}f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
