"""The middle of the window: the viewer of pictures, or that of scans."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget

from ad_desktop.data.samples import VolumeSample
from ad_desktop.ui.items import Item
from ad_desktop.ui.viewer.viewer import Viewer

if TYPE_CHECKING:
    from ad_desktop.ui.volumes.viewer import VolumeViewer


class Centre(QStackedWidget):
    """Follows the current item.

    The viewer of scans is made when it is first asked for, if only by ``prepare``: ``made`` carries it.
    """

    made = Signal(object)

    def __init__(self, pictures: Viewer, make_scans: Callable[[], VolumeViewer]) -> None:
        super().__init__()
        self._make_scans = make_scans
        self.pictures = pictures
        self.addWidget(pictures)

    @cached_property
    def scans(self) -> VolumeViewer:
        """The viewer of scans."""
        viewer = self._make_scans()
        self.addWidget(viewer)
        self.made.emit(viewer)
        return viewer

    def prepare(self) -> None:
        """Make the viewer of scans before it is needed."""
        _ = self.scans

    def choose(self, item: Item | None) -> None:
        """Show the viewer of an item."""
        scan = item is not None and isinstance(item.sample, VolumeSample)
        shown = self.scans if scan else self.pictures
        if self.currentWidget() is shown:
            return
        self.setCurrentWidget(shown)
        # Both viewers use the same keys.
        for action in self.pictures.controls.actions_of_view()[2:]:
            action.setEnabled(not scan)
            action.setVisible(not scan)
