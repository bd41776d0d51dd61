"""The scan on top: chosen from the library, read in the background, refused where it lies in another space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

from PySide6.QtCore import QObject, Qt, Signal

from ad_desktop.data.samples import VolumeSample
from ad_desktop.jobs import JobRunner
from ad_desktop.ui.items import Item
from ad_desktop.ui.session import Session
from ad_desktop.ui.volumes.controls import VolumeControls
from ad_desktop.ui.volumes.overlays import shares_space
from ad_desktop.ui.volumes.question import FrameQuestion
from ad_desktop.ui.volumes.source import OpenScan, ScanReader, ScanSource
from ad_desktop.ui.volumes.units import FolderUnits


class Fusion(QObject):
    """``scan`` is what is to be shown on top (None: nothing); ``changed`` comes with another."""

    changed = Signal()
    failed = Signal(str, object)

    def __init__(
        self,
        session: Session,
        runner: JobRunner,
        reader: ScanReader,
        controls: VolumeControls,
        question: FrameQuestion,
        units: FolderUnits,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._controls = controls
        self._question = question
        self._units = units
        self._base: OpenScan | None = None
        self._asked: OpenScan | None = None
        self.scan: OpenScan | None = None
        self.source = ScanSource(runner, reader, self)
        self.source.ready.connect(self._take)
        self.source.failed.connect(self._fail)
        self.source.cancelled.connect(lambda _: self._reset())
        controls.fusion.activated.connect(lambda _: self._choose())
        question.overlaid.connect(self._accept)
        question.refused.connect(self._reset)
        session.items_changed.connect(self._offer)
        self.changed.connect(self._show_look)
        self._offer()

    def set_base(self, scan: OpenScan | None) -> None:
        """Another scan lies below; nothing is on top of it."""
        self._base = scan
        self._reset()
        self._offer()

    def relabel(self, base: OpenScan) -> None:
        """The scan below has another unit, and so perhaps the one on top."""
        self._base = base
        if self.scan is not None:
            self.scan = self._units.apply(self.scan)
            self.changed.emit()

    def _show_look(self) -> None:
        self._controls.look.setEnabled(self.scan is not None)
        self._controls.fused.set_scan(self.scan)

    def _offer(self) -> None:
        box, base = self._controls.fusion, self._base
        chosen = box.currentData()
        box.clear()
        box.addItem("Nothing", "")
        items = [item for item in self._session.items.values() if isinstance(item.sample, VolumeSample)]
        shared = _shared_folders(items)
        for item in items:
            if base is not None and item.key != base.key:
                own = "/".join(item.folder.split("/")[shared[item.name] :])
                box.addItem(f"{own} · {item.name}" if own else item.name, item.key)
                box.setItemData(box.count() - 1, item.key, Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(max(0, box.findData(chosen)))
        box.setEnabled(box.count() > 1)

    def _choose(self) -> None:
        self._question.hide()
        item = self._session.items.get(str(self._controls.fusion.currentData()))
        if item is None or not isinstance(item.sample, VolumeSample):
            self._reset()
        else:
            self.source.request(item.sample)

    def _take(self, scan: OpenScan) -> None:
        if self._base is None or scan.key != self._controls.fusion.currentData():
            return
        self._asked = self._units.apply(scan)
        if shares_space(self._base.volume, scan.volume):
            self._accept()
        else:
            source = scan.volume.source
            self._question.ask(source.name if source is not None else "The scan")

    def _accept(self) -> None:
        self.scan, self._asked = self._asked, None
        self.changed.emit()

    def _fail(self, key: str, error: Exception) -> None:
        self._reset()
        self.failed.emit(key, error)

    def _reset(self) -> None:
        self.source.cancel()
        self._question.hide()
        self._controls.fusion.setCurrentIndex(0)
        self._asked = None
        if self.scan is not None:
            self.scan = None
            self.changed.emit()


def _shared_folders(items: Sequence[Item]) -> dict[str, int]:
    """By name, how many first parts of their folders all items of that name share; for a single one all."""
    folders: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in items:
        folders[item.name].append(item.folder.split("/"))
    return {
        name: sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, zip(*parts, strict=False)))
        for name, parts in folders.items()
    }
