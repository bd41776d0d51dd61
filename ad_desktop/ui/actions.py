"""Every action of the window, with its text, icon and key; the window connects them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence, QUndoStack

from ad_desktop.data.samples import Label
from ad_desktop.ui.icons import LABEL_ICONS, Icons

_Standard = QKeySequence.StandardKey


class Actions(QObject):
    """Made once; menus, docks and the empty state share them."""

    def __init__(self, icons: Icons, undo: QUndoStack, parent: QObject) -> None:
        super().__init__(parent)
        self._icons = icons
        make = self._make
        self.add_folder = make(
            "Add f&older…", "folder-plus-outline", "Ctrl+Shift+O", "Add a folder of pictures or scans"
        )
        self.add_files = make("Add &files…", "image-plus", _Standard.Open, "Add pictures or scans")
        self.open_sample = make(
            "Open the &sample", "school-outline", tip="Fit and check a small bundled set of pictures"
        )
        self.open_scan = make(
            "Open a sample s&can", "brain", tip="A brain with two lesions, and a model of healthy brains to find them"
        )
        self.open_model = make("Open &model…", "folder-open-outline", "Ctrl+M", "Open a fitted model")
        self.save_model = make("&Save model…", "content-save-outline", _Standard.Save, "Save the fitted model")
        self.export = make("&Export…", "export", "Ctrl+E", "Write overlays, masks, maps and tables to a folder")
        self.quit = make("&Quit", "exit-to-app", _Standard.Quit)
        self.quit.setMenuRole(QAction.MenuRole.QuitRole)
        self.undo = undo.createUndoAction(self, "&Undo")
        self.undo.setShortcuts(_Standard.Undo)
        self.redo = undo.createRedoAction(self, "&Redo")
        self.redo.setShortcuts(_Standard.Redo)
        self.undo.setProperty("plain", "Undo")
        self.redo.setProperty("plain", "Redo")
        icons.bind(self.undo, "undo")
        icons.bind(self.redo, "redo")
        self.labels = {
            Label.NORMAL: self._label("Label as &normal", Label.NORMAL, "N"),
            Label.TO_CHECK: self._label("Label as to &check", Label.TO_CHECK, "C"),
            Label.ANOMALOUS: self._label("Label as &anomalous", Label.ANOMALOUS, "A"),
        }
        self.good = self._label("&Good after all", Label.NORMAL, "G", "Add a false alarm to the normal ones")
        self.defect = self._label("This is a &defect", Label.ANOMALOUS, "D", "Keep as known to be anomalous")
        self.remove = make("&Remove from the library", "playlist-remove", _Standard.Delete, local=True)
        self.select_all = make("Select &all", "select-all", _Standard.SelectAll, local=True)
        self.find = make("&Filter by name", "magnify", _Standard.Find)
        self.fit = make("&Fit", "play", "Ctrl+Return", "Fit a model on what is labelled normal")
        self.resume = make("&Score what is not scored", "playlist-check", "F5")
        self.cancel = make("&Cancel the running job", "close-circle-outline", "Esc")
        self.shortcuts = make("&Shortcuts", "keyboard-outline", "Ctrl+/")
        self.guide = make("&Guide", "book-open-page-variant-outline", _Standard.HelpContents)
        self.log = make("Show the &log…", "text-box-outline", tip="Where the log file is, and a report to copy")
        self.about = make("&About AD Desktop", "information-outline")
        self.about.setMenuRole(QAction.MenuRole.AboutRole)

    def of_library(self) -> list[QAction]:
        """Actions that work on the selected items; their keys act in list and viewer only."""
        return [self.good, self.defect, *self.labels.values(), self.remove]

    def groups(self) -> list[tuple[str, list[QAction]]]:
        """Actions by subject, for the sheet of shortcuts."""
        return [
            ("Files", [self.add_folder, self.add_files, self.open_model, self.save_model, self.export, self.quit]),
            ("Library", [*self.of_library(), self.select_all, self.find, self.undo, self.redo]),
            ("Model", [self.fit, self.resume, self.cancel]),
            ("Help", [self.guide, self.shortcuts]),
        ]

    def separator(self) -> QAction:
        """A line between the actions of a menu."""
        separator = QAction(self)
        separator.setSeparator(True)
        return separator

    def _make(
        self,
        text: str,
        icon: str,
        key: str | QKeySequence.StandardKey | None = None,
        tip: str = "",
        local: bool = False,
    ) -> QAction:
        action = QAction(text, self)
        if isinstance(key, str):
            action.setShortcut(QKeySequence(key))
        elif key is not None:
            action.setShortcuts(key)
        plain = text.replace("&", "").rstrip("…")
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip((tip or plain) + (f" ({keys})" if keys else ""))
        if local:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._icons.bind(action, icon)
        return action

    def _label(self, text: str, label: Label, key: str, tip: str = "") -> QAction:
        action = self._make(text, LABEL_ICONS[label], key, tip, local=True)
        colour = {Label.TO_CHECK: "to_check"}.get(label, label.value)
        self._icons.bind(action, LABEL_ICONS[label], colour)
        return action
