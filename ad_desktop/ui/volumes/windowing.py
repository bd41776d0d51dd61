"""Which window a scan is shown with: by preset, by hand, remembered for each kind of scan."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSettings

from ad_desktop.data.volumes.windows import PRESETS, Preset, Window, applies, first_preset
from ad_desktop.ui.volumes.controls import VolumeControls
from ad_desktop.ui.volumes.scene import Scene
from ad_desktop.ui.volumes.source import OpenScan


class Windowing(QObject):
    """Sets the scene's window from the controls, and the controls from the scene."""

    def __init__(
        self, scene: Scene, controls: VolumeControls, settings: QSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._scene = scene
        self._controls = controls
        self._settings = settings
        self._scan: OpenScan | None = None
        self._preset: Preset | None = None
        controls.preset_chosen.connect(self.choose)
        controls.invert.toggled.connect(self._invert)
        scene.changed.connect(self._follow)

    def first_window(self, scan: OpenScan) -> Window:
        """What a scan is shown with: as the last one of its kind, if the user chose."""
        self._scan = scan
        unit = scan.volume.unit
        self._controls.offer_presets(unit)
        name = str(self._settings.value(self._key(scan), ""))
        named = [preset for preset in PRESETS if preset.title == name and applies(preset, unit)]
        self._preset = named[0] if named else first_preset(scan.volume)
        return self._window(self._preset, scan)

    def choose(self, preset: Preset) -> None:
        """Use a preset, for this scan and the next ones of its kind."""
        if self._scan is not None and applies(preset, self._scan.volume.unit):
            self._settings.setValue(self._key(self._scan), preset.title)
            self._preset = preset
            self._scene.set_window(self._window(preset, self._scan))
            self._follow()

    def _window(self, preset: Preset, scan: OpenScan) -> Window:
        return scan.automatic if preset.window is None else preset.window

    def _invert(self, inverted: bool) -> None:
        window = self._scene.window
        self._scene.set_window(Window(window.width, window.level, inverted))

    def _follow(self) -> None:
        if self._scan is None:
            return
        window = self._scene.window
        self._controls.invert.blockSignals(True)
        self._controls.invert.setChecked(window.inverted)
        self._controls.invert.blockSignals(False)
        own = self._preset is None or self._window(self._preset, self._scan) != window
        self._controls.show_preset(None if own else self._preset)

    def _key(self, scan: OpenScan) -> str:
        return f"volumes/window/{scan.volume.modality or scan.volume.unit or 'other'}"
