"""What the model in use was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFormLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.section import DimLabel, Notice
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.wording import kind_of

if TYPE_CHECKING:
    from ad_desktop.workflows.model import FittedModel

_NEXT_MS = 100
_SHOWN = (
    ("backbone", "Network"), ("engine", "Engine"), ("device", "Device"), ("precision", "Precision"),
    ("image_size", "Input size"), ("levels", "Levels"), ("dimensions", "Dimensions"), ("prompts", "Prompts"),
    ("loss", "Loss"), ("values", "Scans"),
)  # fmt: skip


class ModelSummary(QWidget):
    """Facts in two columns, warnings under them."""

    def __init__(self, session: Session, icons: Icons, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.warnings = Notice(icons, theme, "alert-outline", "warning")
        self._place = QVBoxLayout(self)
        self._place.setContentsMargins(0, 0, 0, 0)
        self._place.setSpacing(6)
        self._facts: QWidget | None = None
        self._place.addWidget(self.warnings)
        # Behind the rest of what a new model changes, so that this is painted in between.
        self._next = QTimer(self, singleShot=True, interval=_NEXT_MS)
        self._next.timeout.connect(self._show)
        session.model_changed.connect(self._next.start)
        self._show()

    def _show(self) -> None:
        if self._facts is not None:
            self._place.removeWidget(self._facts)
            self._facts.deleteLater()
            self._facts = None
        model = self._session.model
        self.warnings.say("" if model is None else "\n".join(model.calibration.warnings))
        if model is None:
            return
        self._facts = QWidget()
        form = QFormLayout(self._facts)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setHorizontalSpacing(10)
        for name, value in model_facts(model):
            text = QLabel(value)
            text.setWordWrap(True)
            text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            title = DimLabel(self._theme, name)
            title.setWordWrap(False)
            title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            form.addRow(title, text)
        self._place.insertWidget(0, self._facts)


def model_facts(model: FittedModel) -> list[tuple[str, str]]:
    """Names and values for people."""
    detector, calibration = model.detector, model.calibration
    facts = [("Detector", detector.title)]
    n, groups = len(calibration.scores), len(set(calibration.groups))
    count = f"{n:,}" if n else "none: zero-shot, uncalibrated"
    if detector.held_out_scans:
        count = f"{len(model.normal_keys):,}, of them {n:,} kept apart for the threshold"
    facts.append((f"Normal {kind_of(model)}", count))
    if groups != n:
        facts.append(("Groups", f"{groups:,} ({calibration.rule})" if calibration.rule else f"{groups:,}"))
    if model.tiling.size:
        facts.append(("Tiles", f"{model.tiling.size} px, overlap {model.tiling.overlap} px"))
    reference = model.scans.reference if model.scans else None
    if reference is not None:
        facts.append(("Scans", "laid over the normal ones" + (" and made as even" if reference.even else "")))
    described = detector.describe()
    facts += [(title, _text(described[key])) for key, title in _SHOWN if described.get(key) not in (None, "")]
    if model.created:
        facts.append(("Fitted", model.created[:16].replace("T", " ")))
    return facts


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
