"""The list of a scan's regions above the threshold, and of its slices above theirs, under the planes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ad_desktop.data.volumes.volume import SUV, Volume
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.session import Session
from ad_desktop.ui.volumes.facts import describe_place
from ad_desktop.ui.volumes.layering import Layering
from ad_desktop.ui.volumes.overlays import AnomalyMap
from ad_desktop.ui.volumes.slices import SliceLine, highest_place

if TYPE_CHECKING:
    from ad_desktop.data.volumes.region import VolumeRegion
    from ad_desktop.scoring.marking import Marking

_TITLES = ("No.", "Volume", "Peak at", "Map peak", "Map mean")
_RESIDUAL = "Mean of the scan less its healthy version: below 0 darker than healthy, above 0 brighter"
_PADDING = 5
_ROWS = 4
_MOST = 500


class VolumeRegionsPanel(QFrame):
    """Follows the anomaly map and the threshold; ``listed`` comes after it.

    ``jumped`` carries the LPS position of the chosen region's peak, or of the highest spot on the chosen slice.
    """

    jumped = Signal(object)
    listed = Signal()

    def __init__(self, session: Session, runner: JobRunner, layering: Layering, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("foot")
        self._session = session
        self._runner = runner
        self._layering = layering
        self._job: Job | None = None
        self.regions: tuple[VolumeRegion, ...] = ()
        self.summary = QLabel()
        self.summary.setContentsMargins(12, 4, 12, 4)
        self.slices = SliceLine()
        self.slices.chosen.connect(self._jump_to_slice)
        self.table = QTreeWidget()
        self._name("")
        # Nothing is sorted here: no room is kept for an arrow.
        self.table.header().setStyleSheet(f"QHeaderView::section {{ padding: 4px {_PADDING}px; }}")
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.table.setAccessibleName("Regions above the threshold")
        self.table.itemClicked.connect(lambda item, _: self._jump(item))
        self.table.itemActivated.connect(lambda item, _: self._jump(item))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.summary)
        column.addWidget(self.slices)
        column.addWidget(self.table, 1)
        self.setMaximumHeight(self.sizeHint().height())
        self._soon = QTimer(self, singleShot=True, interval=60)
        self._soon.timeout.connect(self._find)
        layering.map_changed.connect(self._soon.start)
        layering.residual_changed.connect(self._soon.start)
        session.threshold_changed.connect(self._soon.start)
        self.hide()

    def sizeHint(self) -> QSize:
        line = self.table.fontMetrics().height() + 8
        return QSize(super().sizeHint().width(), self.summary.sizeHint().height() + (_ROWS + 2) * line)

    def _find(self) -> None:
        if self._job is not None:
            self._job.cancel()
        found, level = self._layering.map, self._session.map_threshold
        self.setVisible(found is not None and level is not None)
        if found is None or level is None:
            self._fill((), 0.0, None)
            return
        model = self._session.model
        from ad_desktop.scoring.marking import Marking

        marking = Marking() if model is None else model.marking
        residual = self._layering.residual
        job = self._runner.submit(
            "Regions", lambda task: _regions(found, level, marking, residual), LaneName.VIEWER, quiet=True
        )
        self._job = job
        job.succeeded.connect(lambda told: None if job.task.cancelled else self._fill(told[0], level, found, told[1]))

    def _name(self, unit: str, residual: bool = False) -> None:
        """Title the columns, for a scan in ``unit``, with or without a ``residual``."""
        short = "SUV" if unit == SUV else unit or "Value"
        titles = [*_TITLES, f"{short} mean", f"{short} max", *["Residual"] * residual]
        self.table.setColumnCount(len(titles))
        self.table.setHeaderLabels(titles)
        self.table.headerItem().setToolTip(len(titles) - 1, _RESIDUAL if residual else "")
        header = self.table.header()
        modes = QHeaderView.ResizeMode
        # Narrower, they scroll: headings and values that are cut are of no use.
        least = f"{_TITLES[3]}  {_TITLES[0]}" if not residual else _TITLES[0]
        header.setMinimumSectionSize(self.table.fontMetrics().horizontalAdvance(least) + 2 * _PADDING)
        header.setStretchLastSection(residual)
        header.setSectionResizeMode(modes.ResizeToContents if residual else modes.Stretch)
        for title in ("No.", "Peak at"):
            header.setSectionResizeMode(_TITLES.index(title), modes.ResizeToContents)
        for column in range(1, self.table.columnCount()):
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            self.table.headerItem().setTextAlignment(column, right)

    def _fill(
        self, regions: Sequence[VolumeRegion], level: float, found: AnomalyMap | None, differences: Sequence[float] = ()
    ) -> None:
        self.regions = tuple(regions[:_MOST])
        count = len(regions)
        self.summary.setText(
            f"{count:,} region{'s' if count != 1 else ''} above {format_score(level)}"
            if count
            else f"Nothing above {format_score(level)}"
        )
        if found is not None and found.name:
            self.summary.setText(f"{self.summary.text()}  ·  in {found.name}, on top")
        threshold = None if self._session.model is None else self._session.model.slice_threshold
        level_of_slices = None if threshold is None else threshold.value
        self.slices.tell(None if found is None else found.slices, level_of_slices, count)
        self._name("" if found is None else found.scan.unit, bool(differences))
        self.table.clear()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for place, region in enumerate(self.regions):
            row = QTreeWidgetItem([
                str(region.label), f"{region.volume_ml:.3g} ml", describe_place(region.peak_position),
                format_score(region.peak), format_score(region.mean), f"{region.value_mean:.4g}",
                f"{region.value_max:.4g}", *(f"{mean:+.4g}" for mean in differences[place : place + 1]),
            ])  # fmt: skip
            for column in range(1, self.table.columnCount()):
                row.setTextAlignment(column, right)
            self.table.addTopLevelItem(row)
        self.listed.emit()

    def _jump_to_slice(self, index: int) -> None:
        found = self._layering.map
        if found is not None and found.slices is not None:
            self.jumped.emit(highest_place(found.volume, found.slices.plane, index))

    def _jump(self, item: QTreeWidgetItem) -> None:
        place = self.table.indexOfTopLevelItem(item)
        if 0 <= place < len(self.regions):
            self.jumped.emit(self.regions[place].peak_position)


def _regions(
    found: AnomalyMap, level: float, marking: Marking, residual: Volume | None
) -> tuple[list[VolumeRegion], list[float]]:
    """The regions, and the mean of the residual in each (none without it)."""
    from ad_desktop.scoring.volume_regions import find_volume_regions

    labels, regions = find_volume_regions(found.volume.array, level, found.scan, marking)
    if residual is None or not regions:
        return regions, []
    from scipy import ndimage

    return regions, ndimage.mean(residual.array, labels, [region.label for region in regions]).tolist()
