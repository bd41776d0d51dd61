"""A menu of files or folders used lately."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import QMenu, QWidget

_KEPT = 8


class RecentMenu(QMenu):
    """Remembers paths in the settings, the latest first; ``chosen`` carries the one picked."""

    chosen = Signal(Path)

    def __init__(self, title: str, key: str, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._key = f"recent/{key}"
        self._settings = settings
        self._fill()

    def paths(self) -> list[Path]:
        """What is remembered."""
        stored = self._settings.value(self._key, [])
        texts = stored if isinstance(stored, list) else [str(stored or "")]
        return [Path(text) for text in texts if text]

    def remember(self, path: Path) -> None:
        """Put a path on top."""
        path = path.absolute()
        paths = [path, *(known for known in self.paths() if known != path)][:_KEPT]
        self._settings.setValue(self._key, [str(known) for known in paths])
        self._fill()

    def _forget(self) -> None:
        self._settings.remove(self._key)
        self._fill()

    def _fill(self) -> None:
        self.clear()
        paths = self.paths()
        for path in paths:
            action = self.addAction(f"{path.name}   –   {path.parent}")
            action.triggered.connect(lambda _=False, picked=path: self.chosen.emit(picked))
        if paths:
            self.addSeparator()
            self.addAction("Clear this list").triggered.connect(self._forget)
        self.setEnabled(bool(paths))
