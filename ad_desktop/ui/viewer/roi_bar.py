"""The bar over the picture in the region-of-interest mode, and the note that the model does not know the region yet."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QColor, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)

from ad_desktop.data.roi import Purpose
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.flow import FlowLayout, button_of, group
from ad_desktop.ui.viewer.roi_editor import RoiEditor, Tool

_TOOLS = (
    (Tool.SELECT, "cursor-default-outline", "V", "Click a shape to select it, drag it or its corners to change it"),
    (Tool.RECTANGLE, "rectangle-outline", "Q", "Drag from corner to corner"),
    (Tool.POLYGON, "vector-polygon", "P", "Click the corners; double-click or Enter closes, Backspace takes one back"),
    (Tool.BRUSH, "brush", "B", "Paint; [ and ] change the size"),
)  # fmt: skip
_PURPOSES = {Purpose.EXAMINE: "Examine", Purpose.IGNORE: "Ignore"}
_SLIDER = 100
_SMALLEST, _LARGEST = 0.003, 0.3


class RoiBar(QFrame):
    """Tools, what the next shape is for, where it counts, the ignored border. Wraps where there is no room."""

    closed = Signal()

    def __init__(self, session: Session, editor: RoiEditor, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("foot")
        self._session = session
        self._editor = editor
        self.tools = self._make_tools(icons)
        self.purpose = QComboBox()
        for purpose, text in _PURPOSES.items():
            self.purpose.addItem(text, purpose)
        self.purpose.setAccessibleName("Purpose")
        self.purpose.setToolTip("Examine: only what lies in such a shape counts. Ignore: what lies in it does not. (X)")
        self.scope = QComboBox()
        self.scope.addItems(["All pictures", "This folder"])
        self.scope.setAccessibleName("Where the shape counts")
        self.scope.setToolTip("Whether a shape counts for all pictures or for those in this picture's folder alone")
        self.border = QSpinBox()
        self.border.setRange(0, 100_000)
        self.border.setSuffix(" px")
        self.border.setAccelerated(True)
        self.border.setKeyboardTracking(False)
        self.border.setFixedWidth(self.fontMetrics().horizontalAdvance("10000 px") + 40)
        self.border.setAccessibleName("Ignored border")
        self.border.setToolTip("Pixels along the picture's edges that are not examined")
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(0, _SLIDER)
        self.size_slider.setFixedWidth(90)
        self.size_slider.setAccessibleName("Size of the brush")
        self.size_slider.setToolTip("Size of the brush ([ and ])")
        self.swap = self._action("Examine or ignore", "X")
        self.delete = self._action("Delete the shape", "", "delete-outline", icons)
        self.delete.setToolTip("Delete the selected shape (Del)")
        self.clear = self._action("Examine everything", "", "selection-off", icons)
        self.clear.setToolTip("Remove all shapes and the border: examine everything again")
        self._build()
        self._connect()
        self._follow()

    def actions_of_mode(self) -> list[QAction]:
        """Actions whose keys act in the viewer while the mode is on."""
        return [*self.tools.values(), self.swap]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape or not self._editor.key(event.key()):
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # Esc means this mode here, not the running job.
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape and self._editor.active:
            event.accept()
            return True
        return super().event(event)

    def _make_tools(self, icons: Icons) -> dict[Tool, QAction]:
        one_of = QActionGroup(self)
        tools = {}
        for tool, icon, key, tip in _TOOLS:
            action = self._action(tool.value, key, icon, icons)
            action.setToolTip(f"{tool.value}: {tip[0].lower()}{tip[1:]} ({key})")
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, chosen=tool: self._editor.set_tool(chosen))
            one_of.addAction(action)
            tools[tool] = action
        return tools

    def _action(self, text: str, key: str, icon: str = "", icons: Icons | None = None) -> QAction:
        action = QAction(text, self)
        if key:
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        if icons is not None:
            icons.bind(action, icon)
        return action

    def _build(self) -> None:
        flow = FlowLayout(self)
        flow.setContentsMargins(8, 4, 8, 4)
        flow.addWidget(group([button_of(action) for action in self.tools.values()], spacing=2))
        self._brush = group([self.size_slider])
        flow.addWidget(self._brush)
        flow.addWidget(group([self.purpose, QLabel("in"), self.scope]))
        flow.addWidget(group([QLabel("Border"), self.border]))
        self.done = QPushButton("Done")
        self.done.setToolTip("Leave the region of interest (Esc)")
        self.done.setAutoDefault(False)
        flow.addWidget(group([button_of(self.delete), button_of(self.clear), self.done], spacing=2))

    def _connect(self) -> None:
        editor = self._editor
        self.purpose.activated.connect(lambda _: editor.set_purpose(Purpose(self.purpose.currentData())))
        self.scope.activated.connect(lambda place: editor.set_this_folder(place == 1))
        self.border.valueChanged.connect(editor.set_border)
        self.size_slider.valueChanged.connect(lambda value: editor.set_radius(_radius(value)))
        self.delete.triggered.connect(editor.delete)
        self.clear.triggered.connect(editor.clear)
        self.swap.triggered.connect(self._swap)
        self.done.clicked.connect(self.closed)
        editor.changed.connect(self._follow)
        self._session.roi_changed.connect(self._follow)

    def _swap(self) -> None:
        examine = self._editor.purpose is Purpose.EXAMINE
        self._editor.set_purpose(Purpose.IGNORE if examine else Purpose.EXAMINE)

    def _follow(self) -> None:
        editor = self._editor
        self.tools[editor.tool].setChecked(True)
        self.purpose.setCurrentIndex(self.purpose.findData(editor.purpose))
        self.scope.setCurrentIndex(int(editor.this_folder))
        for field, value in ((self.border, self._session.roi.border), (self.size_slider, _place(editor.radius))):
            if field.value() != value:
                field.blockSignals(True)
                field.setValue(value)
                field.blockSignals(False)
        self._brush.setVisible(editor.tool is Tool.BRUSH)
        self.delete.setEnabled(editor.selected is not None)
        self.clear.setEnabled(not self._session.roi.everything)
        for action in self.actions_of_mode():
            action.setEnabled(editor.active)


class RegionNote(QFrame):
    """Says that the drawn region is not the model's, with the way out in both directions."""

    def __init__(
        self, session: Session, editor: RoiEditor, icons: Icons, theme: Theme, fit: QAction,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setObjectName("regionNote")
        self._session = session
        self._theme = theme
        self._icons = icons
        self._fit = fit
        self._picture = QLabel()
        self.text = QLabel("Region changed: fit again to use it")
        self.fit = QPushButton("Fit again")
        self.fit.clicked.connect(fit.trigger)
        self.restore = QPushButton("Revert")
        self.restore.setToolTip("Take back the region that the model was fitted with")
        self.restore.clicked.connect(editor.restore)
        flow = FlowLayout(self, push_last=True)
        flow.setContentsMargins(12, 5, 8, 5)
        flow.addWidget(group([self._picture, self.text]))
        flow.addWidget(group([self.restore, self.fit]))
        for signal in (session.roi_changed, session.model_changed):
            signal.connect(self._follow)
        fit.changed.connect(self._follow)
        theme.changed.connect(self._paint)
        self._paint()
        self._follow()

    def _follow(self) -> None:
        self.setVisible(self._session.roi_differs)
        self.fit.setEnabled(self._fit.isEnabled())

    def _paint(self) -> None:
        self._picture.setPixmap(self._icons.icon("information-outline", "accent").pixmap(16, 16))
        tint = QColor(self._theme.colours.accent)
        self.setStyleSheet(
            f"#regionNote {{ background: rgba({tint.red()},{tint.green()},{tint.blue()},0.13); border: none; }}"
        )


def _radius(value: int) -> float:
    """Equal steps of the slider are equal ratios of the radius."""
    return float(_SMALLEST * (_LARGEST / _SMALLEST) ** (value / _SLIDER))


def _place(radius: float) -> int:
    return round(_SLIDER * math.log(radius / _SMALLEST) / math.log(_LARGEST / _SMALLEST))
