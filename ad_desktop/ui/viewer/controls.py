"""The bar under the picture: how the map is painted, and zoom."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QFrame, QSlider, QWidget

from ad_desktop.ui.icons import Icons
from ad_desktop.ui.texts import ElidedLabel
from ad_desktop.ui.viewer.flow import FlowLayout, button_of, group
from ad_desktop.ui.viewer.paint import Mode

COLOUR_MAPS = ("inferno", "magma", "viridis", "turbo")


class ViewerControls(QFrame):
    """Emits ``changed`` when the map is to be painted otherwise; remembers its state in the settings."""

    changed = Signal()

    def __init__(self, icons: Icons, settings: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("foot")
        self._settings = settings
        self.mode = QComboBox()
        self.mode.addItems([mode.value for mode in Mode])
        self.mode.setAccessibleName("Anomaly map")
        self.mode.setToolTip("How the anomaly map is painted over the picture. Hold Space to see the bare picture.")
        self.colour_map = QComboBox()
        self.colour_map.addItems([name.capitalize() for name in COLOUR_MAPS])
        self.colour_map.setAccessibleName("Colour map")
        self.colour_map.setToolTip("Colours of the anomaly map")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(5, 100)
        self.opacity.setAccessibleName("Opacity")
        self.opacity.setToolTip("Opacity of the anomaly map")
        self.opacity.setFixedWidth(90)
        self.contour = self._toggle(icons, "Threshold contour", "vector-polyline", "T",
                                    "Outline what lies above the threshold")  # fmt: skip
        self.truth = self._toggle(icons, "Known defect outline", "shape-polygon-plus", "K",
                                  "Outline the known defect where the data set has a mask")  # fmt: skip
        self.split = self._toggle(icons, "Side by side", "compare", "S",
                                  "Show the original beside the overlay", on=False)  # fmt: skip
        self.regions = self._toggle(icons, "List of regions", "format-list-numbered", "L",
                                    "Number and list the regions above the threshold")  # fmt: skip
        self.roi = self._toggle(icons, "Region of interest", "select-drag", "R",
                                "Draw where to look, and what to ignore", on=False)  # fmt: skip
        self.fit = self._action(icons, "Fit to window", "fit-to-page-outline", ["F", "0"])
        self.actual = self._action(icons, "Actual size", "numeric-1-box-outline", ["1"])
        self.previous = self._action(icons, "Previous picture", "chevron-left", ["Left"])
        self.next = self._action(icons, "Next picture", "chevron-right", ["Right"])
        self.zoom = ElidedLabel(widest="10000 %", right=True)
        self._build()
        self._restore()
        self.mode.currentIndexChanged.connect(self._change)
        self.colour_map.currentIndexChanged.connect(self._change)
        self.opacity.valueChanged.connect(self._change)
        self.contour.toggled.connect(self._change)
        self.truth.toggled.connect(self._change)
        self.split.toggled.connect(self._change)
        self.regions.toggled.connect(self._change)

    @property
    def chosen_mode(self) -> Mode:
        """How the map is painted."""
        return Mode(self.mode.currentText())

    @property
    def chosen_colours(self) -> str:
        """The colour map's name."""
        return COLOUR_MAPS[self.colour_map.currentIndex()]

    @property
    def chosen_opacity(self) -> float:
        """0–1."""
        return self.opacity.value() / 100

    def actions_of_view(self) -> list[QAction]:
        """Actions for menus and for the keys of other widgets."""
        return [
            self.previous, self.next, self.fit, self.actual, self.contour, self.truth, self.split, self.regions,
            self.roi,
        ]  # fmt: skip

    def set_zoom(self, zoom: float) -> None:
        """Show the zoom."""
        self.zoom.setText(f"{100 * zoom:.0f} %" if zoom else "")

    def _build(self) -> None:
        flow = FlowLayout(self, across=8, push_last=True)
        flow.setContentsMargins(8, 4, 8, 4)
        flow.addWidget(self.mode)
        flow.addWidget(group([self.colour_map, self.opacity]))
        toggles = (self.contour, self.truth, self.split, self.regions, self.roi)
        flow.addWidget(group([button_of(action) for action in toggles], spacing=2))
        flow.addWidget(group([self.zoom, button_of(self.fit), button_of(self.actual)], spacing=2))

    def _action(self, icons: Icons, text: str, icon: str, keys: list[str], tip: str = "") -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip or text} ({keys[0]})")
        icons.bind(action, icon)
        return action

    def _toggle(self, icons: Icons, text: str, icon: str, key: str, tip: str, on: bool = True) -> QAction:
        action = self._action(icons, text, icon, [key], tip)
        action.setCheckable(True)
        action.setChecked(on)
        return action

    def _change(self) -> None:
        self._settings.setValue("viewer/mode", self.mode.currentText())
        self._settings.setValue("viewer/colours", self.chosen_colours)
        self._settings.setValue("viewer/opacity", self.opacity.value())
        self._settings.setValue("viewer/contour", self.contour.isChecked())
        self._settings.setValue("viewer/truth", self.truth.isChecked())
        self._settings.setValue("viewer/split", self.split.isChecked())
        self._settings.setValue("viewer/regions", self.regions.isChecked())
        self.changed.emit()

    def _restore(self) -> None:
        self.mode.setCurrentText(str(self._settings.value("viewer/mode", Mode.HEAT.value)))
        self.colour_map.setCurrentText(str(self._settings.value("viewer/colours", COLOUR_MAPS[0])).capitalize())
        self.opacity.setValue(int(str(self._settings.value("viewer/opacity", 60))))
        self.contour.setChecked(self._settings.value("viewer/contour", True, type=bool) is True)
        self.truth.setChecked(self._settings.value("viewer/truth", True, type=bool) is True)
        self.split.setChecked(self._settings.value("viewer/split", False, type=bool) is True)
        self.regions.setChecked(self._settings.value("viewer/regions", True, type=bool) is True)
