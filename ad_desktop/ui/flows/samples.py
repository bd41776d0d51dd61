"""What comes with the program, one click away: pictures to fit on, and a scan with a model that is fitted already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.volume import NO_UNIT
from ad_desktop.ui.commands import Edits
from ad_desktop.ui.flows.importing import ImportFlow
from ad_desktop.ui.items import Item
from ad_desktop.ui.session import Session

if TYPE_CHECKING:
    from ad_desktop.ui.volumes.viewer import VolumeViewer


@dataclass(frozen=True)
class Bundled:
    """A folder of ``pictures`` in the layout of MVTec AD; a ``scan``, its known ``mask``, and a ``model`` for it."""

    pictures: Path
    scan: Path
    mask: Path
    model: Path


class SampleFlow(QObject):
    """``open_model`` takes a model file, asking first where something would be lost."""

    def __init__(
        self, bundled: Bundled, session: Session, importing: ImportFlow, edits: Edits,
        viewer: Callable[[], VolumeViewer], open_model: Callable[[Path], None], parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._bundled = bundled
        self._session = session
        self._importing = importing
        self._edits = edits
        self._viewer = viewer
        self._open_model = open_model
        self._shown = ""
        self._followed = False

    def open_pictures(self, fit: Callable[[], None]) -> None:
        """Add the pictures, ``fit`` on the good ones and score the rest."""
        job = self._importing.open([self._bundled.pictures])
        if job is not None:
            job.succeeded.connect(lambda _: fit())

    def open_scan(self) -> None:
        """Show the scan, score it, and show what its healthy version differs in."""
        sample = VolumeSample(self._bundled.scan, unit=NO_UNIT)
        self._edits.add([Item.of(sample, Label.TO_CHECK, self._bundled.scan.parent.name, mask=self._bundled.mask)])
        item = self._session.items[sample.key]
        self._shown = item.key
        viewer = self._viewer()
        if not self._followed:
            self._followed = True
            viewer.regions.listed.connect(self._look)
        viewer.controls.every.setChecked(True)
        self._session.set_current(item)
        self._open_model(self._bundled.model)

    def _look(self) -> None:
        """Go to the first region of the scan, once."""
        panel, current = self._viewer().regions, self._session.current
        if current is not None and current.key == self._shown and panel.regions:
            self._shown = ""
            panel.jumped.emit(panel.regions[0].peak_position)
