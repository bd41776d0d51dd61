"""The menu bar."""

from __future__ import annotations

from PySide6.QtCore import QSettings
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMainWindow, QMenu

from ad_desktop.ui.actions import Actions
from ad_desktop.ui.recent import RecentMenu
from ad_desktop.ui.theme import Appearance, Theme


class Menus:
    """Fills a window's menu bar."""

    def __init__(self, window: QMainWindow, actions: Actions, settings: QSettings) -> None:
        bar = window.menuBar()
        self.recent_folders = RecentMenu("Recent f&olders", "folders", settings, window)
        self.recent_models = RecentMenu("Recent &models", "models", settings, window)
        file = bar.addMenu("&File")
        file.addActions([actions.add_folder, actions.add_files, actions.open_sample, actions.open_scan])
        file.addMenu(self.recent_folders)
        file.addSeparator()
        file.addActions([actions.open_model, actions.save_model])
        file.addMenu(self.recent_models)
        file.addSeparator()
        file.addAction(actions.export)
        file.addSeparator()
        file.addAction(actions.quit)
        edit = bar.addMenu("&Edit")
        edit.addActions([actions.undo, actions.redo])
        edit.addSeparator()
        edit.addActions(list(actions.labels.values()))
        edit.addSeparator()
        edit.addActions([actions.select_all, actions.remove, actions.find])
        model = bar.addMenu("&Model")
        model.addActions([actions.good, actions.defect])
        model.addSeparator()
        model.addActions([actions.fit, actions.resume, actions.cancel])
        self.view: QMenu = bar.addMenu("&View")
        help_menu = bar.addMenu("&Help")
        help_menu.addActions([actions.guide, actions.shortcuts, actions.log])
        help_menu.addSeparator()
        help_menu.addAction(actions.about)

    def fill_view(self, viewer: list[QAction], docks: list[QAction], theme: Theme, settings: QSettings) -> None:
        """Viewer actions, docks, and the appearance, which is remembered."""
        self.view.addActions(viewer)
        self._end_of_viewers = self.view.addSeparator()
        self.view.addActions(docks)
        self.view.addSeparator()
        menu = self.view.addMenu("&Appearance")
        group = QActionGroup(menu)
        for appearance in Appearance:
            action = menu.addAction(appearance.value.capitalize())
            action.setCheckable(True)
            action.setChecked(appearance is theme.appearance)
            action.triggered.connect(lambda _=False, chosen=appearance: _choose(chosen, theme, settings))
            group.addAction(action)

    def add_to_view(self, viewer: list[QAction]) -> None:
        """Actions of a viewer that is made later, below those of the others."""
        self.view.insertActions(self._end_of_viewers, viewer)


def _choose(appearance: Appearance, theme: Theme, settings: QSettings) -> None:
    theme.set_appearance(appearance)
    settings.setValue("appearance", appearance.value)
