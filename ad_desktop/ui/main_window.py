"""The main window: makes the parts and connects them, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QIcon, QResizeEvent, QUndoStack
from PySide6.QtWidgets import QDockWidget, QMainWindow

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.detectors.base import Detector
from ad_desktop.errors import UserError
from ad_desktop.jobs import JobRunner
from ad_desktop.ui.actions import Actions
from ad_desktop.ui.centre import Centre
from ad_desktop.ui.choosing import FileDialogs
from ad_desktop.ui.commands import Edits
from ad_desktop.ui.crash.report import Reporter
from ad_desktop.ui.drops import DropVeil
from ad_desktop.ui.export_dialog import ExportDialog
from ad_desktop.ui.flows.devices import ask_devices
from ad_desktop.ui.flows.exporting import ExportFlow, ExportRequest
from ad_desktop.ui.flows.fitting import FitFlow
from ad_desktop.ui.flows.importing import MODEL_SUFFIX, ImportFlow
from ad_desktop.ui.flows.predicting import PredictFlow
from ad_desktop.ui.flows.ranking import RankWhenScored
from ad_desktop.ui.flows.samples import Bundled, SampleFlow
from ad_desktop.ui.flows.updating import Changed, change_text
from ad_desktop.ui.help.dialogs import HelpDialogs
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.library.dock import LibraryDock
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.library.thumbnails import Thumbnails
from ad_desktop.ui.menus import Menus
from ad_desktop.ui.model.dock import ModelDock
from ad_desktop.ui.problems import ProblemList, ProblemsDock
from ad_desktop.ui.session import Session
from ad_desktop.ui.statusbar import StatusBar
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.unsaved import UnsavedModel
from ad_desktop.ui.viewer.viewer import Viewer
from ad_desktop.ui.volumes.series import SeriesQuestion
from ad_desktop.ui.volumes.source import ScanReader, load_scan
from ad_desktop.ui.why.dock import WhyDock
from ad_desktop.ui.why.neighbours import NeighbourFlow
from ad_desktop.ui.wording import kind, kind_of, these

if TYPE_CHECKING:
    from ad_desktop.ui.volumes.viewer import VolumeViewer
    from ad_desktop.workflows.model import FittedModel

_SHUTDOWN_SECONDS = 5.0
_VIEWER_WIDTH = 460
"""Below this width of the viewer, docks give way when the window gets smaller."""
_THREE_COLUMNS = 800
"""On a narrower screen (or one scaled up as much) library and model share a column."""
_COMPLETE_AFTER_MS, _MESSAGE_MS = 800, 6000
_PROBLEMS_HEIGHT, _WHY_HEIGHT = 150, 265


class MainWindow(QMainWindow):
    """Library on the left, viewer in the middle, model on the right, problems below."""

    def __init__(
        self,
        runner: JobRunner,
        session: Session,
        theme: Theme,
        settings: QSettings,
        detectors: Mapping[str, type[Detector]],
        bundled: Bundled,
        log_file: Path,
        icon: QIcon,
    ) -> None:
        super().__init__()
        self.setWindowTitle("AD Desktop[*]")
        self.setWindowIcon(icon)
        self._runner = runner
        self._settings = settings
        self._theme = theme
        self._log_file = log_file
        self.reporter = Reporter(self)
        self.session = session
        self.undo_stack = QUndoStack(self)
        self.problems = ProblemList(self)
        self.fitting = FitFlow(runner, session, self.problems, self)
        self.edits = Edits(session, self.undo_stack, self.fitting.change)
        self.importing = ImportFlow(runner, self.edits, self.problems, self)
        self.predicting = PredictFlow(runner, session, self.problems, self)
        self.dialogs = FileDialogs(settings, self)
        self.unsaved = UnsavedModel(session, self.fitting, bundled.pictures, self._choose_model_place, self)
        self._asks = True
        icons = Icons(theme)
        self.actions_ = Actions(icons, self.undo_stack, self)
        self._make_parts(icons, detectors)
        self.exporting = ExportFlow(runner, session, self.problems, lambda key: self.scan_viewer.hand.of(key), self)
        self.samples = SampleFlow(
            bundled, session, self.importing, self.edits, lambda: self.scan_viewer, self._open_model, self
        )
        self.ranking = RankWhenScored(session, self.predicting, self.library.view, self)
        self.menus = Menus(self, self.actions_, settings)
        docks = [dock.toggleViewAction() for dock in (self.library, self.model, self.why, self.problems_dock)]
        self.menus.fill_view(self.viewer.controls.actions_of_view(), docks, theme, settings)
        self._connect_actions()
        self._connect_flows()
        self._restore_layout()
        self._follow()
        QTimer.singleShot(_COMPLETE_AFTER_MS, self, self._complete)

    @property
    def scan_viewer(self) -> VolumeViewer:
        """The viewer of scans."""
        return self.centre.scans

    def open_paths(self, paths: Sequence[Path], label: Label | None = None) -> None:
        """Add pictures and folders to the library, or open a model."""
        for path in paths:
            if path.is_dir():
                self.menus.recent_folders.remember(path)
        self.importing.open(paths, label)

    def open_sample(self) -> None:
        """Add the bundled sample, fit on its good pictures and score the rest."""
        self.samples.open_pictures(self.fit)

    def fit(self) -> None:
        """Fit with what the model dock says."""
        try:
            options = replace(
                self.model.settings.options(self.session.fpr),
                roi=self.session.roi,
                min_region=self.session.min_region,
            )
        except UserError as error:
            self.model.fit_panel.error.say(str(error))
            return
        if self.fitting.job is None and not self.model.fit_panel.fit_reason():
            self.fitting.fit(options)

    def close_now(self) -> None:
        """Close without asking about a model that is not saved."""
        self._asks = False
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._asks and self.unsaved.modified:
            event.ignore()
            self.unsaved.guard(self.close_now)
            return
        self._settings.setValue("window/geometry", self.saveGeometry())
        self._settings.setValue("window/state", self.saveState())
        self.setUpdatesEnabled(False)  # the last outcomes must not paint what is hidden
        self.hide()
        self._runner.shutdown(_SHUTDOWN_SECONDS)
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        docks = [dock for dock in (self.library, self.model) if dock.isVisible() and not dock.isFloating()]
        # The viewer's own width is not known yet while the window is being resized.
        lacking = _VIEWER_WIDTH - (self.width() - sum(dock.width() for dock in docks))
        if docks and lacking > 0 and event.oldSize().width() > event.size().width():
            share = lacking // len(docks) + 1
            self.resizeDocks(docks, [dock.width() - share for dock in docks], Qt.Orientation.Horizontal)

    def _make_parts(self, icons: Icons, detectors: Mapping[str, type[Detector]]) -> None:
        a, session, theme = self.actions_, self.session, self._theme
        reader = ScanReader(load_scan)
        thumbnails = Thumbnails(self._runner, reader, self)
        self.library = LibraryDock(session, thumbnails, icons, theme, [a.add_folder, a.add_files])
        self.viewer = Viewer(
            session, self._runner, icons, theme, self._settings, self.undo_stack, self.library.view.neighbours,
            a.add_folder, [a.open_sample, a.open_scan], a.fit,
        )  # fmt: skip
        arrows = [self.viewer.controls.previous, self.viewer.controls.next]

        def make_scans() -> VolumeViewer:
            from ad_desktop.ui.volumes.viewer import VolumeViewer

            return VolumeViewer(
                session, self._runner, icons, theme, self._settings, self.problems, reader, arrows, self.undo_stack
            )

        self.centre = Centre(self.viewer, make_scans)
        self.centre.made.connect(self._take_scan_viewer)
        self.model = ModelDock(session, self.fitting, detectors, icons, theme, a.fit, [a.open_model, a.save_model])
        neighbours = NeighbourFlow(self._runner, session, self.problems, self)
        self.why = WhyDock(session, neighbours, thumbnails, icons, theme)
        self.problems_dock = ProblemsDock(self.problems, icons, theme)
        self.status = StatusBar(self._runner, self.problems, icons, theme)
        self.setCentralWidget(self.centre)
        self.setStatusBar(self.status)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.library)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.model)
        # What lies below belongs to the picture: the lists beside it keep their full height.
        self.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.why)
        self.why.hide()
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.problems_dock)
        self.tabifyDockWidget(self.why, self.problems_dock)
        self.problems_dock.hide()
        self.veil = DropVeil(theme, self)

    def _connect_actions(self) -> None:
        a = self.actions_
        a.add_folder.triggered.connect(self.dialogs.ask_folder)
        a.add_files.triggered.connect(self.dialogs.ask_pictures)
        a.open_sample.triggered.connect(self.open_sample)
        a.open_scan.triggered.connect(self.samples.open_scan)
        a.open_model.triggered.connect(self.dialogs.ask_model)
        a.save_model.triggered.connect(self._choose_model_place)
        a.export.triggered.connect(self.ask_export)
        a.quit.triggered.connect(self.close)
        for label, action in a.labels.items():
            action.triggered.connect(lambda _=False, chosen=label: self._label(chosen))
        a.good.triggered.connect(lambda: self._teach(Label.NORMAL))
        a.defect.triggered.connect(lambda: self._teach(Label.ANOMALOUS))
        a.remove.triggered.connect(lambda: self.edits.remove(self._selected()))
        a.select_all.triggered.connect(self.library.view.selectAll)
        a.find.triggered.connect(self._find)
        a.fit.triggered.connect(self.fit)
        a.resume.triggered.connect(self.predicting.resume)
        a.cancel.triggered.connect(self._runner.cancel_all)
        self.help = HelpDialogs(a, self._groups, self.reporter, self._log_file, self)
        view = self.library.view
        why = self.why.toggle
        self._local = [*a.of_library(), a.select_all, why]
        view.addActions(self._local)
        self.viewer.addActions(self._local)
        view.set_context_actions(
            [why, a.good, a.defect, a.separator(), *a.labels.values(), a.separator(), a.export, a.remove]
        )
        self.viewer.controls.previous.triggered.connect(lambda: view.step(-1))
        self.viewer.controls.next.triggered.connect(lambda: view.step(1))
        view.addActions([self.viewer.controls.previous, self.viewer.controls.next])
        view.addActions(self.viewer.controls.actions_of_view()[2:])
        view.bare.connect(self.viewer.set_bare)
        self.why.opened.connect(view.setFocus)
        why.triggered.connect(lambda shown: self._give_height(self.why, _WHY_HEIGHT) if shown else None)

    def _connect_flows(self) -> None:
        session = self.session
        self.veil.dropped.connect(self.open_paths)
        self.menus.recent_folders.chosen.connect(lambda path: self.open_paths([path]))
        self.menus.recent_models.chosen.connect(self._open_model)
        self.importing.model_given.connect(self._open_model)
        self.dialogs.pictures_chosen.connect(self.open_paths)
        self.dialogs.model_chosen.connect(self._open_model)
        self.dialogs.place_chosen.connect(self.fitting.save)
        self.dialogs.place_refused.connect(self.unsaved.forget)
        self.importing.unclear.connect(self.library.label_bar.ask)
        self.importing.added.connect(self._show_added)
        self.importing.several.connect(SeriesQuestion(session, self.edits, self).ask)
        self.library.label_bar.chosen.connect(self.edits.label)
        self.fitting.started.connect(self.predicting.hold)
        self.fitting.ended.connect(self.predicting.release)
        self.fitting.changed.connect(self._say_changed)
        self.fitting.opened.connect(self.menus.recent_models.remember)
        self.fitting.saved.connect(self._say_saved)
        self.unsaved.changed.connect(self._show_title)
        self.exporting.exported.connect(self._say_exported)
        self.viewer.readout.connect(self.status.readout.setText)
        session.current_changed.connect(self.centre.choose)
        for signal in (self.library.rows.modelReset, self.library.rows.layoutChanged):
            signal.connect(self.viewer.fetch_ahead)
        self.status.problems_asked.connect(self._toggle_problems)
        for signal in (session.items_changed, session.model_changed, session.current_changed):
            signal.connect(self._follow)
        self._runner.jobs_changed.connect(self._follow)
        self.library.view.items_selected.connect(self._follow)

    def _restore_layout(self) -> None:
        room = self.screen().availableSize()
        self.setMinimumSize(QSize(800, 520).boundedTo(room))
        if room.width() < _THREE_COLUMNS:
            self.tabifyDockWidget(self.library, self.model)
            self.library.raise_()
        self.resize(min(1440, round(0.92 * room.width())), min(900, round(0.9 * room.height())))
        widths = [min(400, round(0.33 * self.width())), min(320, round(0.28 * self.width()))]
        self.resizeDocks([self.library, self.model], widths, Qt.Orientation.Horizontal)
        geometry, state = self._settings.value("window/geometry"), self._settings.value("window/state")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if state is not None:
            self.restoreState(state)
        # Left open, it would greet with an empty list: it opens when there is something in it.
        self.problems_dock.setVisible(bool(self.problems.problems))

    def _follow(self) -> None:
        a, session = self.actions_, self.session
        selected = bool(self._selected())
        for action in a.of_library():
            action.setEnabled(selected)
        a.save_model.setEnabled(session.model is not None)
        a.export.setEnabled(session.model is not None and bool(session.items))
        a.resume.setEnabled(session.model is not None and bool(session.items))
        a.cancel.setEnabled(bool(self._runner.active))

    def _take_scan_viewer(self, scans: VolumeViewer) -> None:
        view, actions = self.library.view, scans.controls.actions_of_view()
        scans.addActions([*self._local, *self.viewer.controls.actions_of_view()[:2]])
        view.addActions(actions)
        view.bare.connect(lambda bare: scans.scene.set_look(bare=bare))
        scans.readout.connect(self.status.readout.setText)
        self.menus.add_to_view(actions)

    def _selected(self) -> list[Item]:
        selected = self.library.view.selected_items()
        current = self.session.current
        return selected or ([current] if current is not None else [])

    def _label(self, label: Label) -> None:
        self.edits.label(self._selected(), label)

    def _teach(self, label: Label) -> None:
        items = self._selected()
        if items and not self.edits.teach(items, label):
            samples = [item.sample for item in items]
            already = f"among the normal {kind(samples)}" if label is Label.NORMAL else "known as anomalous"
            self.status.showMessage(f"{these(samples)} {already} already.", _MESSAGE_MS)

    def _say_changed(self, change: Changed) -> None:
        text = change_text(change, kind_of(self.session.model))
        if self.session.threshold is not None:
            text += f" The threshold is {format_score(self.session.threshold.value)} now."
        self.status.showMessage(text, _MESSAGE_MS)

    def _show_added(self, items: list[Item]) -> None:
        if self.session.current is None and self.library.rows.rows:
            self.session.set_current(self.library.rows.rows[0])
            self.library.view.setFocus()

    def _find(self) -> None:
        self.library.show()
        self.library.search.setFocus()
        self.library.search.selectAll()

    def _open_model(self, path: Path) -> None:
        self.dialogs.remember_model(path)
        device = self.model.settings.device.currentData()
        self.unsaved.guard(lambda: self.fitting.open(path, device))

    def _choose_model_place(self) -> None:
        self.dialogs.ask_place(self.unsaved.path.name if self.unsaved.path else f"model{MODEL_SUFFIX}")

    def _show_title(self) -> None:
        path, modified = self.unsaved.path, self.unsaved.modified
        unnamed = "Unsaved model[*] – AD Desktop" if modified else "AD Desktop[*]"
        self.setWindowTitle(unnamed if path is None else f"{path.name}[*] – AD Desktop")
        self.setWindowModified(modified)

    def _say_saved(self, path: Path, model: FittedModel) -> None:
        self.dialogs.remember_model(path)
        self.menus.recent_models.remember(path)
        self.problems.notes("Model", [f"Saved to {path}"])

    def ask_export(self) -> None:
        """Open the export dialog."""
        from ad_desktop.workflows.export import export_kinds

        session, controls = self.session, self.viewer.controls
        checked = [i for i in session.items.values() if i.prediction is not None and i.label is not Label.NORMAL]
        chosen = self._selected()
        scans = [isinstance(item.sample, VolumeSample) for item in (*chosen, *checked)]
        self.export_dialog = ExportDialog(
            export_kinds(not scans or not all(scans), any(scans)), chosen, checked,
            controls.chosen_opacity, controls.chosen_colours, self._settings, self, session.min_region,
        )  # fmt: skip
        self.export_dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.export_dialog.accepted_request.connect(self.exporting.export)
        self.export_dialog.open()

    def _say_exported(self, request: ExportRequest, files: int) -> None:
        self.problems.notes("Export", [f"{files:,} files written to {request.folder}"])
        if request.open_after:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(request.folder)))

    def _toggle_problems(self) -> None:
        self.problems_dock.setVisible(not self.problems_dock.isVisible())
        if self.problems_dock.isVisible():
            self.problems_dock.raise_()
            self._give_height(self.problems_dock, _PROBLEMS_HEIGHT)

    def _give_height(self, dock: QDockWidget, height: int) -> None:
        self.resizeDocks([dock], [height], Qt.Orientation.Vertical)

    def _groups(self) -> list[tuple[str, list[QAction]]]:
        viewer = [*self.viewer.controls.actions_of_view(), *self.viewer.roi_bar.actions_of_mode(), self.why.toggle]
        return [*self.actions_.groups(), ("Viewer", viewer), ("Scans", self.scan_viewer.controls.actions_of_view())]

    def _complete(self) -> None:
        self.model.make_plots()
        job = ask_devices(self._runner, self.problems, self.model.settings.set_devices, self.reporter.set_devices)
        job.succeeded.connect(self.centre.prepare)
