"""What values of scans are whose files do not say it: told once for a folder, and remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from PySide6.QtCore import QObject, QSettings, Signal

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import NO_UNIT, UNKNOWN_UNIT
from ad_desktop.ui.session import Session
from ad_desktop.ui.volumes.source import OpenScan


class FolderUnits(QObject):
    """``changed`` comes when the user tells a folder's unit.

    The scans of the library carry it along, so that whatever reads them reads them as they are shown.
    """

    changed = Signal()

    def __init__(self, settings: QSettings, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._session = session
        self._seen: set[str] = set()
        session.items_changed.connect(self._take_new)
        self._take_new()

    def of(self, scan: OpenScan) -> str | None:
        """The unit told for a scan's folder, or for itself (``none``: it has none); None: nothing was told."""
        item = self._session.items.get(scan.key)
        own = item.sample.unit if item is not None and isinstance(item.sample, VolumeSample) else ""
        return self._told(_folder(scan)) or own or None

    def tell(self, scan: OpenScan, unit: str) -> None:
        """Take the unit for all scans of a scan's folder whose files name none; those scored before are again."""
        folder = _folder(scan)
        self._settings.setValue(_key(folder), unit)
        for item in self._session.items.values():
            sample = item.sample
            if isinstance(sample, VolumeSample) and sample.unit != unit and _parent(sample) == folder:
                item.sample = replace(sample, unit=unit)
                if item.prediction is not None or item.error:
                    item.forget_results()
        self.changed.emit()
        self._session.take_held_out()
        self._session.items_changed.emit()
        self._session.results_changed.emit()

    def asks(self, scan: OpenScan) -> bool:
        """Whether the user has to be asked."""
        return scan.unit_open and self.of(scan) is None

    def apply(self, scan: OpenScan) -> OpenScan:
        """A scan with the unit of its folder, where its file names none."""
        unit = self.of(scan) if scan.unit_open else None
        if unit is None:
            return scan
        volume = scan.volume
        return replace(scan, volume=volume.with_array(volume.array, UNKNOWN_UNIT if unit == NO_UNIT else unit))

    def _take_new(self) -> None:
        for item in self._session.items.values():
            if item.key not in self._seen and isinstance(item.sample, VolumeSample):
                self._seen.add(item.key)
                told = self._told(_parent(item.sample))
                if told:
                    item.sample = replace(item.sample, unit=told)

    def _told(self, folder: Path) -> str:
        return str(self._settings.value(_key(folder), ""))


def _folder(scan: OpenScan) -> Path:
    source = scan.volume.source
    return Path() if source is None else _parent(source)


def _parent(sample: VolumeSample) -> Path:
    return sample.path.absolute().parent


def _key(folder: Path) -> str:
    # A slash would make groups of the path's parts.
    return f"volumes/unit/{quote(str(folder), safe='')}"
