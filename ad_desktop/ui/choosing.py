"""The dialogs that ask for folders, pictures and model files; each remembers where it was last."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from ad_desktop.ui.flows.importing import MODEL_SUFFIX, MODEL_SUFFIXES

_PICTURES = ("png", "jpg", "jpeg", "bmp", "webp", "tif", "tiff")


class FileDialogs(QObject):
    """Nothing waits while a dialog is open; its answer comes with a signal."""

    pictures_chosen = Signal(list)
    model_chosen = Signal(Path)
    place_chosen = Signal(Path)
    place_refused = Signal()

    def __init__(self, settings: QSettings, window: QWidget) -> None:
        super().__init__(window)
        self._settings = settings
        self._window = window

    def ask_folder(self) -> None:
        """Ask for a folder of pictures."""
        dialog = self._dialog("Add a folder", "last/folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda text: self._take_pictures([text]))
        dialog.open()

    def ask_pictures(self) -> None:
        """Ask for pictures."""
        dialog = self._dialog("Add pictures", "last/folder")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        patterns = " ".join(f"*.{suffix} *.{suffix.upper()}" for suffix in _PICTURES)
        dialog.setNameFilters([f"Pictures ({patterns})", "All files (*)"])
        dialog.filesSelected.connect(self._take_pictures)
        dialog.open()

    def ask_model(self) -> None:
        """Ask for a model file to open."""
        dialog = self._dialog("Open a model", "last/model")
        dialog.setNameFilters([f"Models ({' '.join(f'*{suffix}' for suffix in MODEL_SUFFIXES)})", "All files (*)"])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda text: self.model_chosen.emit(Path(text)))
        dialog.open()

    def ask_place(self, name: str) -> None:
        """Ask where to save the model; ``name`` is offered."""
        dialog = self._dialog("Save the model", "last/model")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"Models (*{MODEL_SUFFIX})"])
        dialog.setDefaultSuffix(MODEL_SUFFIX.lstrip("."))
        dialog.selectFile(name)
        dialog.fileSelected.connect(lambda text: self.place_chosen.emit(Path(text)))
        dialog.rejected.connect(self.place_refused)
        dialog.open()

    def remember_model(self, path: Path) -> None:
        """Start from this file's folder next time."""
        self._settings.setValue("last/model", str(path.parent))

    def _dialog(self, title: str, key: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title, str(self._settings.value(key, "")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _take_pictures(self, texts: list[str]) -> None:
        paths = [Path(text) for text in texts]
        self._settings.setValue("last/folder", str(paths[0].parent))
        self.pictures_chosen.emit(paths)
