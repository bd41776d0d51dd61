"""The centre of the window: header, picture, regions, controls; or what to do when nothing is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QUndoStack
from PySide6.QtWidgets import QLabel, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from ad_desktop.data.samples import VolumeSample
from ad_desktop.jobs import JobRunner
from ad_desktop.scoring.regions import Region
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import describe_error
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.controls import ViewerControls
from ad_desktop.ui.viewer.empty import EmptyState
from ad_desktop.ui.viewer.findings import Findings
from ad_desktop.ui.viewer.header import ViewerHeader
from ad_desktop.ui.viewer.marks import box_of
from ad_desktop.ui.viewer.paint import Mode, colour_table
from ad_desktop.ui.viewer.pictures import Overlay, Scale, Shown
from ad_desktop.ui.viewer.readout import describe_point
from ad_desktop.ui.viewer.regions import RegionsPanel
from ad_desktop.ui.viewer.roi_bar import RegionNote, RoiBar
from ad_desktop.ui.viewer.roi_editor import NO_SIZE, RoiEditor
from ad_desktop.ui.viewer.source import PictureSource
from ad_desktop.ui.viewer.stage import Stage


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
        undo: QUndoStack,
        neighbours: Callable[[], list[Item]],
        add_folder: QAction,
        samples: Sequence[QAction],
        fit: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._neighbours = neighbours
        self._shown: Shown | None = None
        self._overlay: Overlay | None = None
        self._scale: Scale | None = None
        self._found: Findings | None = None
        self._bare = False
        self.source = PictureSource(runner, self)
        self.editor = RoiEditor(session, undo, self)
        self.stage = Stage(theme, self.editor)
        self.canvas = self.stage.main
        self.controls = ViewerControls(icons, settings)
        self.header = ViewerHeader(session, theme, [self.controls.previous, self.controls.next])
        self.roi_bar = RoiBar(session, self.editor, icons)
        self.region_note = RegionNote(session, self.editor, icons, theme, fit)
        self.regions = RegionsPanel(session, icons, self.controls.regions)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setMargin(32)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.empty = EmptyState(icons, theme, add_folder, samples)
        self._build()
        self._find_delay = QTimer(self, singleShot=True, interval=60)
        self._find_delay.timeout.connect(self._request_findings)
        # The picture comes an event after name and score, so that neither waits for the other to be painted.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._show_picture)
        self._connect(session)
        self._connect_modes()
        self._choose_page()

    def _build(self) -> None:
        self.inner = QStackedWidget()
        self.inner.addWidget(self.stage)
        self.inner.addWidget(self.message)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.inner)
        self.splitter.addWidget(self.regions)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(3)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.header, self.roi_bar, self.region_note, self.splitter, self.controls):
            column.addWidget(part, int(part is self.splitter))
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self.addActions(self.controls.actions_of_view())
        self.addActions(self.roi_bar.actions_of_mode())
        self.roi_bar.hide()

    def _connect(self, session: Session) -> None:
        session.current_changed.connect(self._show_current)
        session.results_changed.connect(self._follow_results)
        session.model_changed.connect(self._forget_scale)
        session.threshold_changed.connect(self._paint_map)
        session.threshold_changed.connect(self._find_delay.start)
        session.min_region_changed.connect(self._find_delay.start)
        session.items_changed.connect(self._choose_page)
        self.source.picture_ready.connect(self._take_picture)
        self.source.picture_failed.connect(self._fail)
        self.source.overlay_ready.connect(self._take_overlay)
        self.source.findings_ready.connect(self._take_findings)
        self.controls.changed.connect(self._paint_map)
        self.controls.fit.triggered.connect(self.canvas.fit)
        self.controls.actual.triggered.connect(self.canvas.actual_size)
        self.canvas.zoomed.connect(self.controls.set_zoom)
        self.stage.bare.connect(self.set_bare)
        self.stage.hovered.connect(self._read_out)
        self.regions.chosen.connect(self._choose_region)
        self.regions.jumped.connect(self._jump)

    def _connect_modes(self) -> None:
        controls = self.controls
        controls.split.toggled.connect(self.stage.set_split)
        controls.regions.toggled.connect(self._follow_model)
        controls.roi.toggled.connect(self._edit_region)
        self.editor.left.connect(lambda: controls.roi.setChecked(False))
        self.roi_bar.closed.connect(lambda: controls.roi.setChecked(False))
        # Behind the rest of what a new model changes, so that this is painted before the picture gives up its room.
        self._room = QTimer(self, singleShot=True, interval=0)
        self._room.timeout.connect(self._follow_model)
        self._session.model_changed.connect(self._room.start)
        self.stage.set_split(controls.split.isChecked())
        state = self._settings.value("viewer/splitter")
        if state is not None:
            self.splitter.restoreState(state)
        self.splitter.splitterMoved.connect(self._keep_splitter)
        self._follow_model()

    def set_bare(self, bare: bool) -> None:
        """Hide everything over the picture, as long as a key is held."""
        self._bare = bare
        self._paint_map()

    def fetch_ahead(self) -> None:
        """Make the neighbours' pictures ready; called again when others became neighbours."""
        if self._shown is not None:
            pictures = [item for item in self._neighbours() if not isinstance(item.sample, VolumeSample)]
            self.source.prepare(pictures, self._scale)

    def _choose_page(self) -> None:
        self.pages.setCurrentIndex(1 if self._session.items and self._session.current is not None else 0)
        self.controls.roi.setEnabled(self.pages.currentIndex() == 1)

    def _show_current(self, item: Item | None) -> None:
        self._choose_page()
        if item is None or isinstance(item.sample, VolumeSample):
            self._set_overlay(None)
            self._set_shown(None)
            self.controls.roi.setChecked(False)
            return
        self._soon.start()

    def _show_picture(self) -> None:
        item = self._session.current
        if item is None or isinstance(item.sample, VolumeSample):
            return
        self._set_overlay(None)
        self.source.request(item, [other for other in self._neighbours() if not isinstance(other.sample, VolumeSample)])
        self._follow_results()

    def _follow_results(self) -> None:
        item = self._session.current
        if item is None or isinstance(item.sample, VolumeSample):
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
        self.inner.setCurrentWidget(self.stage)
        if shown is not self._shown:
            self._set_shown(shown)
            self.controls.set_zoom(self.canvas.zoom)
        self.controls.truth.setEnabled(shown.truth is not None)
        self.fetch_ahead()

    def _set_shown(self, shown: Shown | None) -> None:
        self._shown = shown
        current = self._session.current
        self.stage.set_picture(shown)
        if shown is None or current is None:
            self.editor.set_picture(None, NO_SIZE)
        else:
            self.editor.set_picture(current.sample.path, shown.size)

    def _fail(self, key: str, error: Exception) -> None:
        current = self._session.current
        if current is not None and key == current.key:
            self._set_shown(None)
            self.message.setText(f"{current.name} cannot be shown.\n\n{describe_error(error)}")
            self.inner.setCurrentWidget(self.message)

    def _set_overlay(self, overlay: Overlay | None) -> None:
        if overlay is not self._overlay or overlay is None:
            self._overlay = overlay
            self.canvas.map.set_overlay(overlay)
            self._show_findings(None)

    def _take_overlay(self, overlay: Overlay) -> None:
        current = self._session.current
        if current is None or overlay.key != current.key or overlay is self._overlay:
            return
        self._set_overlay(overlay)
        self._paint_map()
        self._request_findings()

    def _request_findings(self) -> None:
        level = self._session.map_threshold
        if self._overlay is not None and level is not None:
            self.source.request_findings(self._overlay, level, self._session.min_region)

    def _take_findings(self, found: Findings) -> None:
        if found.overlay is self._overlay:
            self._show_findings(found)

    def _show_findings(self, found: Findings | None) -> None:
        self._found = found
        self.canvas.contour.set_segments(None if found is None else found.outline)
        if found is None:
            self.canvas.regions.set_regions((), (), (0, 0))
        else:
            self.canvas.regions.set_regions(found.regions, found.anchors, found.overlay.size)
        self.regions.show_findings(found)
        self._paint_map()

    def _choose_region(self, region: Region | None) -> None:
        self.canvas.regions.set_chosen(None if region is None else region.label)

    def _jump(self, region: Region) -> None:
        self.canvas.frame(box_of(region))

    def _follow_model(self) -> None:
        """The list of regions stands there once there is a model that can find any."""
        # Whoever draws a region needs the room for the picture.
        listed = self.controls.regions.isChecked() and self._session.model is not None and self.roi_bar.isHidden()
        self.regions.setVisible(listed)
        self._paint_map()

    def _edit_region(self, on: bool) -> None:
        self.roi_bar.setVisible(on)
        self.editor.set_active(on)
        self._follow_model()
        if on:
            self.canvas.setFocus()

    def _keep_splitter(self) -> None:
        self._settings.setValue("viewer/splitter", self.splitter.saveState())

    def _paint_map(self) -> None:
        controls, canvas = self.controls, self.canvas
        canvas.map.setVisible(not self._bare and controls.chosen_mode is not Mode.OFF)
        canvas.contour.setVisible(not self._bare and controls.contour.isChecked())
        canvas.truth.setVisible(not self._bare and controls.truth.isChecked())
        canvas.regions.setVisible(not self._bare and controls.regions.isChecked())
        for view in (canvas, self.stage.original):
            view.veil.setVisible(not self._bare)
        if self._overlay is not None:
            level = self._session.map_threshold
            code = 128 if level is None else self._overlay.scale.code(level)
            table = colour_table(controls.chosen_colours, controls.chosen_mode, controls.chosen_opacity, code)
            # What is too small to count is not painted where only what counts is painted.
            above = controls.chosen_mode is Mode.ABOVE
            canvas.map.set_overlay(self._overlay, self._found.codes if above and self._found else None)
            canvas.map.set_table(table)

    def _read_out(self, place: tuple[int, int] | None) -> None:
        text = ""
        if place is not None and self._shown is not None:
            text = describe_point(*place, self._shown, self._overlay, self._session.map_threshold)
        self.readout.emit(text)
