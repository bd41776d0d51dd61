"""A form made from a detector's ``Params`` dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.detectors.params import ParamInfo, describe_params, make_params
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.section import DimLabel, Section
from ad_desktop.ui.theme import Theme

_LARGE = 1_000_000_000


class ParamForm(QWidget):
    """One row a parameter, the advanced ones folded away; each has its help one click away.

    ``values`` gives texts and numbers that ``make_params`` checks.
    """

    changed = Signal()

    def __init__(self, cls: type, icons: Icons, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cls = cls
        self._icons = icons
        self._theme = theme
        self._read: dict[str, Callable[[], Any]] = {}
        self._write: dict[str, Callable[[Any], None]] = {}
        self.fields: dict[str, QWidget] = {}
        infos = describe_params(cls)
        self._infos = infos
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._rows([info for info in infos if not info.advanced]))
        advanced = [info for info in infos if info.advanced]
        if advanced:
            self.advanced = Section("Advanced", self._rows(advanced), open_=False)
            layout.addWidget(self.advanced)

    def values(self) -> dict[str, Any]:
        """What is set, by name."""
        return {name: read() for name, read in self._read.items()}

    def changed_values(self) -> dict[str, Any]:
        """What differs from the defaults, by name; ``UserError`` where a value is not allowed."""
        params, defaults = asdict(make_params(self._cls, self.values())), asdict(self._cls())
        return {name: value for name, value in params.items() if value != defaults[name]}

    def set_values(self, values: dict[str, Any]) -> None:
        """Show other values; names that are not known are left out."""
        for name, value in values.items():
            if name in self._write:
                self._write[name](value)

    def _rows(self, infos: list[ParamInfo]) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(6)
        form.setHorizontalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        for info in infos:
            self._add_row(form, info)
        return page

    def _add_row(self, form: QFormLayout, info: ParamInfo) -> None:
        field, read, write = self._field(info)
        field.setToolTip(info.help)
        field.setAccessibleName(info.label)
        field.setAccessibleDescription(info.help)
        field.setMinimumWidth(60)
        self.fields[info.name] = field
        self._read[info.name] = read
        self._write[info.name] = write
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(field, 1)
        if info.path:
            row.addWidget(self._browse(field, info.folder))
        if info.help:
            explain = DimLabel(self._theme, info.help)
            explain.hide()
            row.addWidget(self._help(info, explain))
            form.addRow("" if info.kind == "bool" else info.label, row)
            form.addRow(explain)
        else:
            form.addRow(info.label, row)

    def _help(self, info: ParamInfo, explain: QWidget) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setCheckable(True)
        button.setToolTip(info.help)
        button.setAccessibleName(f"Help on {info.label}")
        self._icons.bind(button, "help-circle-outline", "dim")
        button.toggled.connect(explain.setVisible)
        return button

    def _browse(self, field: QWidget, folder: bool) -> QToolButton:
        button = QToolButton()
        button.setText("…")
        title = "Choose a folder" if folder else "Choose a file"
        button.setToolTip(title)

        def choose() -> None:
            dialog = QFileDialog(self, title)
            if folder:
                dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.fileSelected.connect(field.setText)  # type: ignore[attr-defined]
            dialog.open()

        button.clicked.connect(choose)
        return button

    def _field(self, info: ParamInfo) -> tuple[QWidget, Callable[[], Any], Callable[[Any], None]]:
        if info.choices:
            return self._choice(info)
        if info.kind == "bool":
            box = QCheckBox(info.label)
            box.setChecked(bool(info.default))
            box.toggled.connect(self.changed)
            return box, box.isChecked, lambda value: box.setChecked(bool(value))
        if info.kind == "int":
            spin = QSpinBox()
            spin.setRange(int(_or(info.minimum, -_LARGE)), int(_or(info.maximum, _LARGE)))
            spin.setSpecialValueText(info.zero)
            spin.setValue(int(info.default))
            spin.valueChanged.connect(self.changed)
            return spin, spin.value, lambda value: spin.setValue(int(value))
        if info.kind == "float":
            number = QDoubleSpinBox()
            number.setDecimals(_decimals(info))
            number.setRange(_or(info.minimum, -_LARGE), _or(info.maximum, _LARGE))
            number.setSingleStep(10.0 ** -max(1, _decimals(info) - 1))
            number.setValue(float(info.default))
            number.valueChanged.connect(self.changed)
            return number, number.value, lambda value: number.setValue(float(value))
        line = QLineEdit(_text(info.default))
        line.setPlaceholderText("Default")
        line.textChanged.connect(self.changed)
        return line, line.text, lambda value: line.setText(_text(value))

    def _choice(self, info: ParamInfo) -> tuple[QWidget, Callable[[], Any], Callable[[Any], None]]:
        box = QComboBox()
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for choice in info.choices:
            box.addItem(str(choice), choice)
        box.setCurrentIndex(box.findText(str(info.default)))
        box.currentIndexChanged.connect(self.changed)
        return box, box.currentData, lambda value: box.setCurrentIndex(box.findText(str(value)))


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _decimals(info: ParamInfo) -> int:
    """As many digits as the default needs, and one to spare."""
    text = f"{float(info.default):.8f}".rstrip("0")
    return min(8, max(2, len(text.partition(".")[2]) + 1))


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
