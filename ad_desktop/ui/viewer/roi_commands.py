"""Undoable changes of the region of interest."""

from __future__ import annotations

from PySide6.QtGui import QUndoCommand

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.ui.session import Session


class SetRegion(QUndoCommand):
    """Take another region; changes that follow each other with the same ``kind`` (above 0) are one step back."""

    def __init__(self, session: Session, region: RegionOfInterest, text: str, kind: int = -1) -> None:
        super().__init__(text)
        self._session = session
        self._before = session.roi
        self._after = region
        self._kind = kind

    def id(self) -> int:
        """Qt merges commands of the same number."""
        return self._kind

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Go on with the change instead of adding one."""
        if not isinstance(other, SetRegion):
            return False
        self._after = other._after
        return True

    def redo(self) -> None:
        """Take the new region."""
        self._session.set_roi(self._after)

    def undo(self) -> None:
        """Take the one that was there before."""
        self._session.set_roi(self._before)
