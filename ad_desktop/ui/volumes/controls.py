"""The bar under the planes: window, projection, what lies over the scan."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QLabel,
    QMenu,
    QSlider,
    QToolButton,
    QWidget,
    QWidgetAction,
)

from ad_desktop.data.volumes.windows import PRESETS, Preset, applies
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.viewer.flow import FlowLayout, button_of, group
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.drawing import FIRST_MM, LARGEST_MM, SMALLEST_MM, Pen, Tool
from ad_desktop.ui.volumes.fused_look import FusedControls, FusedLooks

_THICKNESS = 20.0


class VolumeControls(QFrame):
    """``preset_chosen`` carries a preset, ``changed`` comes when something is to be shown otherwise."""

    preset_chosen = Signal(object)
    changed = Signal()

    def __init__(self, icons: Icons, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("foot")
        self._icons = icons
        self._settings = settings
        self.preset = QComboBox()
        self.preset.setAccessibleName("Window preset")
        self.preset.setToolTip("Window: width and level. Drag with the right mouse button for any other")
        self.presets = [self._preset_action(number, preset) for number, preset in enumerate(PRESETS, 1)]
        self.invert = self._toggle("Inverted", "invert-colors", "I", "Show high values dark", on=False)
        self.neurological = self._toggle("Neurological view", "account-switch-outline", "R",
                                         "The patient's left at the left side", on=False)  # fmt: skip
        self.crosshair = self._toggle("Crosshair", "crosshairs", "X", "Show where the planes meet")
        self.maximise = self._toggle("One plane alone", "arrow-expand-all", "M",
                                     "Let the plane with the focus fill the room", on=False)  # fmt: skip
        self.compare = self._toggle("Side by side", "compare", "S",
                                    "The scan alone beside the scan with what lies over it", on=False)  # fmt: skip
        self.slab = self._toggle("Slab projection", "layers-triple-outline", "P",
                                 "Largest value through a slab (MIP)", on=False)  # fmt: skip
        self.contour = self._toggle("Threshold contour", "vector-polyline", "T",
                                    "Outline what lies above the threshold")  # fmt: skip
        self.truth = self._toggle("Known outline", "shape-polygon-plus", "K", "Outline the known mask")
        self.aspects = {
            Aspect.LESIONS: self._toggle("Lesions", "map-marker-radius-outline", "L",
                                         "The scan with the anomaly map, lesions outlined"),
            Aspect.HEALTHY: self._toggle("Pseudo-healthy version", "heart-outline", "H",
                                         "Healthy appearance painted over what does not belong", on=False),
            Aspect.RESIDUAL: self._toggle("Signed residual", "plus-minus-variant", "E",
                                          "The scan less its healthy version: blue lower, red higher", on=False),
        }  # fmt: skip
        self.every = self._toggle("All beside each other", "view-grid-outline", "B",
                                  "Original, healthy version, residual and lesions of one plane", on=False)  # fmt: skip
        self.turn = self._action("Next plane", "axis-arrow", ["V"], "Go on to the next plane where one fills the room")
        self.tools = {
            Tool.BRUSH: self._toggle("Paint over by hand", "brush", "O",
                                     "Draw a region, and healthy appearance is painted there", on=False),
            Tool.ELLIPSE: self._toggle("Paint over an ellipse", "ellipse-outline", "Y",
                                       "Drag an ellipse, and healthy appearance is painted there", on=False),
        }  # fmt: skip
        self.radius = QDoubleSpinBox()
        self._offered = self._active = False
        self.fit = self._action("Fit to window", "fit-to-page-outline", ["F", "0"])
        self.thickness = QDoubleSpinBox()
        self.thickness.setRange(1, 3000)
        self.thickness.setDecimals(0)
        self.thickness.setSuffix(" mm")
        self.thickness.setAccessibleName("Slab thickness")
        self.thickness.setToolTip("Thickness of the slab; more than the whole scan shows all of it")
        self.fusion = QComboBox()
        self.fusion.setAccessibleName("Scan on top")
        self.fusion.setToolTip("Another scan of the library shown over this one")
        self.fusion.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.fusion.setMinimumContentsLength(10)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setFixedWidth(80)
        self.opacity.setAccessibleName("Opacity of the anomaly map")
        self.opacity.setToolTip("Opacity of the anomaly map")
        self.looks = FusedLooks(settings, self)
        self.fused = FusedControls(self.looks)
        self.look = self._menu_button(self.fused)
        self._build()
        self._restore()
        self._connect()

    def _connect(self) -> None:
        self.preset.activated.connect(lambda _: self.preset_chosen.emit(self.preset.currentData()))
        for toggle in self._remembered().values():
            toggle.toggled.connect(self._change)
        for aspect, action in self.aspects.items():
            action.triggered.connect(lambda _=False, chosen=aspect: self.choose(chosen))
        self.every.toggled.connect(self._change)
        for tool, action in self.tools.items():
            action.triggered.connect(lambda on, chosen=tool: self.draw_with(chosen if on else None))
        self.radius.valueChanged.connect(self._change)
        self.slab.toggled.connect(self._change)
        self.thickness.valueChanged.connect(self._change)
        self.opacity.valueChanged.connect(self._change)

    @property
    def slab_mm(self) -> float:
        """Thickness of the slab in mm; 0: a single slice."""
        return self.thickness.value() if self.slab.isChecked() else 0.0

    @property
    def aspect(self) -> Aspect:
        """What the planes are to show."""
        chosen = [aspect for aspect, action in self.aspects.items() if action.isChecked()]
        return chosen[0] if self._offered else Aspect.LESIONS

    @property
    def every_aspect(self) -> bool:
        """Whether all aspects are to be shown, of one plane."""
        return self._offered and self.every.isChecked()

    def choose(self, aspect: Aspect) -> None:
        """Show an aspect of the scan in all planes."""
        for other, action in self.aspects.items():
            action.setChecked(other is aspect)
        self.every.setChecked(False)
        self._change()

    @property
    def pen(self) -> Pen | None:
        """What the mouse draws with; None: it does not."""
        chosen = [tool for tool, action in self.tools.items() if action.isChecked()]
        return Pen(chosen[0], self.radius.value()) if chosen and self._offered else None

    def draw_with(self, tool: Tool | None) -> None:
        """Draw with a tool, or not any more."""
        for other, action in self.tools.items():
            action.setChecked(other is tool)
        self.radius.setEnabled(tool is Tool.BRUSH)
        self._change()

    def offer_painted(self, offered: bool) -> None:
        """Offer the aspects that need a healthy version of the scan, or only the usual one."""
        if offered != self._offered:
            self._offered = offered
            self._show_painted()
            self.changed.emit()

    def actions_of_view(self) -> list[QAction]:
        """Actions for menus and for the keys of other widgets."""
        return [
            *self.presets, self.invert, self.neurological, self.crosshair, self.maximise, self.turn, self.compare,
            *self._actions_painted(), self.slab, self.fit, self.contour, self.truth,
        ]  # fmt: skip

    def _actions_painted(self) -> list[QAction]:
        return [*self.aspects.values(), self.every, *self.tools.values()]

    def _show_painted(self) -> None:
        for action in self._actions_painted():
            action.setEnabled(self._active and self._offered)
            action.setVisible(self._active and self._offered)
        self.painted.setVisible(self._offered)

    def set_active(self, active: bool) -> None:
        """Let the keys act, or leave them to another viewer."""
        self._active = active
        for action in self.actions_of_view():
            action.setEnabled(active)
            action.setVisible(active)
        self._show_painted()

    def offer_presets(self, unit: str) -> None:
        """Offer what makes sense for values in ``unit``."""
        self.preset.clear()
        for preset, action in zip(PRESETS, self.presets, strict=True):
            fitting = applies(preset, unit)
            action.setEnabled(fitting)
            if fitting:
                self.preset.addItem(preset.title, preset)

    def show_preset(self, preset: Preset | None) -> None:
        """Show which preset is in use; None: a window of the user's own."""
        self.preset.setCurrentIndex(-1 if preset is None else self.preset.findText(preset.title))

    def _build(self) -> None:
        self.preset.setPlaceholderText("Own window")
        self.preset.setMinimumContentsLength(9)
        flow = FlowLayout(self, across=10)
        flow.setContentsMargins(8, 4, 8, 4)
        flow.addWidget(group([self.preset, button_of(self.invert)], spacing=2))
        flow.addWidget(group([button_of(self.slab), self.thickness], spacing=2))
        flow.addWidget(group([QLabel("On top"), self.fusion, self.look], spacing=4))
        flow.addWidget(group([QLabel("Map"), self.opacity]))
        self.radius.setRange(SMALLEST_MM, LARGEST_MM)
        self.radius.setDecimals(0)
        self.radius.setSuffix(" mm")
        self.radius.setValue(FIRST_MM)
        self.radius.setEnabled(False)
        self.radius.setAccessibleName("Radius of the brush")
        self.radius.setToolTip("Radius of the brush, a ball")
        self.painted = group([*(button_of(action) for action in self._actions_painted()), self.radius], spacing=2)
        self.painted.hide()
        flow.addWidget(self.painted)
        toggles = (
            self.contour, self.truth, self.compare, self.crosshair, self.neurological, self.maximise, self.turn,
            self.fit,
        )  # fmt: skip
        flow.addWidget(group([button_of(action) for action in toggles], spacing=2))

    def _menu_button(self, controls: QWidget) -> QToolButton:
        """Opens the controls of the scan on top."""
        menu = QMenu(self)
        inside = QWidgetAction(menu)
        inside.setDefaultWidget(controls)
        menu.addAction(inside)
        action = QAction("Range and colours of the scan on top", self)
        self._icons.bind(action, "tune-variant")
        button = button_of(action)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setEnabled(False)
        return button

    def _preset_action(self, number: int, preset: Preset) -> QAction:
        action = QAction(f"Window: {preset.title}", self)
        action.setShortcut(QKeySequence(str(number)))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: self.preset_chosen.emit(preset))
        return action

    def _action(self, text: str, icon: str, keys: list[str], tip: str = "") -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip or text} ({keys[0]})")
        self._icons.bind(action, icon)
        return action

    def _toggle(self, text: str, icon: str, key: str, tip: str, on: bool = True) -> QAction:
        action = self._action(text, icon, [key], tip)
        action.setCheckable(True)
        action.setChecked(on)
        return action

    def _remembered(self) -> dict[str, QAction]:
        return {
            "neurological": self.neurological, "crosshair": self.crosshair, "contour": self.contour,
            "truth": self.truth, "compare": self.compare,
        }  # fmt: skip

    def _change(self) -> None:
        for name, toggle in self._remembered().items():
            self._settings.setValue(f"volumes/{name}", toggle.isChecked())
        self._settings.setValue("volumes/thickness", self.thickness.value())
        self._settings.setValue("volumes/opacity", self.opacity.value())
        self.changed.emit()

    def _restore(self) -> None:
        for name, toggle in self._remembered().items():
            toggle.setChecked(self._settings.value(f"volumes/{name}", toggle.isChecked(), type=bool) is True)
        self.thickness.setValue(float(str(self._settings.value("volumes/thickness", _THICKNESS))))
        self.opacity.setValue(int(str(self._settings.value("volumes/opacity", 50))))
