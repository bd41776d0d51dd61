"""Asks before a model that is not saved is lost: Save, Discard, Cancel, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from ad_desktop.ui.flows.fitting import FitFlow
from ad_desktop.ui.session import Session

if TYPE_CHECKING:
    from ad_desktop.workflows.model import FittedModel


class UnsavedModel(QObject):
    """Knows whether the model in use is as its file is; ``changed`` comes when that or the file's name may differ.

    ``choose_place`` asks the user where to save. A model that was fitted on the bundled sample is not
    worth a question: ``sample`` is its folder.
    """

    changed = Signal()

    def __init__(
        self, session: Session, flow: FitFlow, sample: Path, choose_place: Callable[[], None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._sample = f"{sample.absolute()}/"
        self._choose_place = choose_place
        self._window = parent
        self._kept: FittedModel | None = None
        self._then: Callable[[], object] | None = None
        self.path: Path | None = None
        flow.opened.connect(self._take_opened)
        flow.saved.connect(self._take_saved)
        flow.failed.connect(lambda _: self.forget())
        for signal in (session.model_changed, session.threshold_changed):
            signal.connect(self.changed)

    @property
    def modified(self) -> bool:
        """Whether something would be lost."""
        model = self._session.model
        if model is None or (self._kept is not None and _same(model, self._kept)):
            return False
        return self.path is not None or not all(key.startswith(self._sample) for key in self._session.normal_keys)

    def guard(self, then: Callable[[], object]) -> None:
        """Do ``then``, after asking where something would be lost; nothing waits meanwhile."""
        if not self.modified:
            then()
            return
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Save the model?")
        box.setText(f"{self._name()} is not saved.")
        box.setInformativeText("It can be fitted again from its pictures, but labels and rates set since are lost.")
        standard = QMessageBox.StandardButton
        box.setStandardButtons(standard.Save | standard.Discard | standard.Cancel)
        box.setDefaultButton(standard.Save)
        box.setEscapeButton(standard.Cancel)
        box.finished.connect(lambda result: self._answer(standard(result), then))
        box.open()

    def forget(self) -> None:
        """Do not go on after the next save: it was called off."""
        self._then = None

    def _name(self) -> str:
        return "The model" if self.path is None else f"“{self.path.name}”"

    def _answer(self, button: QMessageBox.StandardButton, then: Callable[[], object]) -> None:
        if button is QMessageBox.StandardButton.Discard:
            then()
        elif button is QMessageBox.StandardButton.Save:
            self._then = then
            self._choose_place()

    def _take_opened(self, path: Path) -> None:
        self.path = path
        self._kept = self._session.model
        self.changed.emit()

    def _take_saved(self, path: Path, model: FittedModel) -> None:
        self.path = path
        self._kept = model
        self.changed.emit()
        then, self._then = self._then, None
        if then is not None:
            # Not from within a job's own signal: closing ends the jobs.
            QTimer.singleShot(0, self, then)


def _same(first: FittedModel, second: FittedModel) -> bool:
    """Whether their files would be the same; each fit and update makes a new calibration."""
    rates = [(model.fpr, model.borderline_fpr, model.min_region) for model in (first, second)]
    return first.calibration is second.calibration and rates[0] == rates[1]
