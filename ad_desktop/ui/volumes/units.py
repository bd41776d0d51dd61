"""What values of scans are whose files do not say it: told once for a folder, and remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from PySide6.QtCore import QObject, QSettings, Signal

from ad_desktop.data.volumes.opening import NO_UNIT
from ad_desktop.data.volumes.volume import UNKNOWN_UNIT
from ad_desktop.ui.volumes.source import OpenScan


class FolderUnits(QObject):
    """``changed`` comes when the user tells a folder's unit."""

    changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    def of(self, scan: OpenScan) -> str | None:
        """The unit told for a scan's folder (``none``: it has none); None: nothing was told."""
        told = str(self._settings.value(_key(scan), ""))
        return told or None

    def tell(self, scan: OpenScan, unit: str) -> None:
        """Take the unit for all scans of a scan's folder whose files name none."""
        self._settings.setValue(_key(scan), unit)
        self.changed.emit()

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


def _key(scan: OpenScan) -> str:
    source = scan.volume.source
    folder = Path() if source is None else source.path.absolute().parent
    # A slash would make groups of the path's parts.
    return f"volumes/unit/{quote(str(folder), safe='')}"
