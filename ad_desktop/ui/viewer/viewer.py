"""The centre of the window: header, canvas, controls; or what to do when nothing is open."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from ad_desktop.jobs import JobRunner
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import describe_error
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.canvas import Canvas
from ad_desktop.ui.viewer.controls import ViewerControls
from ad_desktop.ui.viewer.empty import EmptyState
from ad_desktop.ui.viewer.header import ViewerHeader
from ad_desktop.ui.viewer.paint import Mode, colour_table
from ad_desktop.ui.viewer.pictures import Overlay, Scale, Shown
from ad_desktop.ui.viewer.readout import describe_point
from ad_desktop.ui.viewer.source import PictureSource


class Viewer(QWidget):
    """Shows the session's current item.

    ``neighbours`` is asked for the items to fetch ahead. ``readout`` carries the text for the place
    under the cursor.
    """

    readout = Signal(str)

    def __init__(
        self,
        session: Session,
        runner: JobRunner,
        icons: Icons,
        theme: Theme,
        settings: QSettings,
        neighbours: Callable[[], list[Item]],
        add_folder: QAction,
        open_sample: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._neighbours = neighbours
        self._shown: Shown | None = None
        self._overlay: Overlay | None = None
        self._scale: Scale | None = None
        self._bare = False
        self.source = PictureSource(runner, self)
        self.canvas = Canvas(theme)
        self.controls = ViewerControls(icons, settings)
        self.header = ViewerHeader(session, theme, [self.controls.previous, self.controls.next])
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setMargin(32)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.empty = EmptyState(icons, theme, add_folder, open_sample)
        self._build()
        self._contour_delay = QTimer(self, singleShot=True, interval=60)
        self._contour_delay.timeout.connect(self._request_contour)
        self._connect(session)

    def _build(self) -> None:
        self.inner = QStackedWidget()
        self.inner.addWidget(self.canvas)
        self.inner.addWidget(self.message)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.inner, 1)
        column.addWidget(self.controls)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self.addActions(self.controls.actions_of_view())

    def _connect(self, session: Session) -> None:
        session.current_changed.connect(self._show_current)
        session.results_changed.connect(self._follow_results)
        session.model_changed.connect(self._forget_scale)
        session.threshold_changed.connect(self._paint_map)
        session.threshold_changed.connect(self._contour_delay.start)
        session.items_changed.connect(self._choose_page)
        self.source.picture_ready.connect(self._take_picture)
        self.source.picture_failed.connect(self._fail)
        self.source.overlay_ready.connect(self._take_overlay)
        self.source.contour_ready.connect(self._take_contour)
        self.controls.changed.connect(self._paint_map)
        self.controls.changed.connect(self._contour_delay.start)
        self.controls.fit.triggered.connect(self.canvas.fit)
        self.controls.actual.triggered.connect(self.canvas.actual_size)
        self.canvas.zoomed.connect(self.controls.set_zoom)
        self.canvas.bare.connect(self.set_bare)
        self.canvas.hovered.connect(self._read_out)

    def set_bare(self, bare: bool) -> None:
        """Hide everything over the picture, as long as a key is held."""
        self._bare = bare
        self._paint_map()

    def _choose_page(self) -> None:
        self.pages.setCurrentIndex(1 if self._session.items and self._session.current is not None else 0)

    def _show_current(self, item: Item | None) -> None:
        self._choose_page()
        self._set_overlay(None)
        if item is None:
            self._shown = None
            self.canvas.set_picture(None)
            return
        self.source.request(item, self._neighbours())
        self._follow_results()

    def _follow_results(self) -> None:
        item = self._session.current
        if item is None:
            return
        if item.prediction is None:
            self._set_overlay(None)
            return
        if self._scale is None:
            self._scale = self._make_scale()
        self.source.request_overlay(item, self._scale)

    def _make_scale(self) -> Scale:
        """The model's own range, as in exported pictures; it stays while the threshold moves."""
        model = self._session.model
        own = None if model is None else model.map_range
        if own is not None:
            return Scale(*own)
        grids = [item.prediction.grid for item in self._session.items.values() if item.prediction is not None]
        return Scale.over(grids[:200])

    def _forget_scale(self) -> None:
        self._scale = None
        self._set_overlay(None)

    def _take_picture(self, shown: Shown) -> None:
        current = self._session.current
        if current is None or shown.key != current.key:
            return
        self.inner.setCurrentWidget(self.canvas)
        if shown is not self._shown:
            self._shown = shown
            self.canvas.set_picture(shown)
            self.controls.set_zoom(self.canvas.zoom)
        self.controls.truth.setEnabled(shown.truth is not None)

    def _fail(self, key: str, error: Exception) -> None:
        current = self._session.current
        if current is not None and key == current.key:
            self._shown = None
            self.canvas.set_picture(None)
            self.message.setText(f"{current.name} cannot be shown.\n\n{describe_error(error)}")
            self.inner.setCurrentWidget(self.message)

    def _set_overlay(self, overlay: Overlay | None) -> None:
        if overlay is not self._overlay or overlay is None:
            self._overlay = overlay
            self.canvas.map.set_overlay(overlay)
            self.canvas.contour.set_segments(None)

    def _take_overlay(self, overlay: Overlay) -> None:
        current = self._session.current
        if current is None or overlay.key != current.key or overlay is self._overlay:
            return
        self._set_overlay(overlay)
        self._paint_map()
        self._request_contour()

    def _take_contour(self, key: str, points: object) -> None:
        if self._overlay is not None and key == self._overlay.key:
            self.canvas.contour.set_segments(points)  # type: ignore[arg-type]

    def _request_contour(self) -> None:
        level = self._session.map_threshold
        if self._overlay is not None and level is not None and self.controls.contour.isChecked():
            self.source.request_contour(self._overlay, level)

    def _paint_map(self) -> None:
        controls = self.controls
        painted = not self._bare and controls.chosen_mode is not Mode.OFF
        self.canvas.map.setVisible(painted)
        self.canvas.contour.setVisible(not self._bare and controls.contour.isChecked())
        self.canvas.truth.setVisible(not self._bare and controls.truth.isChecked())
        if self._overlay is not None:
            level = self._session.map_threshold
            code = 128 if level is None else self._overlay.scale.code(level)
            table = colour_table(controls.chosen_colours, controls.chosen_mode, controls.chosen_opacity, code)
            self.canvas.map.set_table(table)

    def _read_out(self, place: tuple[int, int] | None) -> None:
        text = ""
        if place is not None and self._shown is not None:
            text = describe_point(*place, self._shown, self._overlay, self._session.map_threshold)
        self.readout.emit(text)
