"""The fourth quadrant: what the scan is, what is under the crosshair and the cursor, what should be known of it."""

from __future__ import annotations

import html
from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QWidget

from ad_desktop.data.volumes.planes import is_oblique, obliquity
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.volumes.scene import ColourLayer, Index, Scene
from ad_desktop.ui.wording import sentence

_PAUSE_MS = 40
_MODALITIES = {"CT": "CT", "PT": "PET", "MR": "MR"}


class Facts(QScrollArea):
    """Lines of name and value; follows the scene. ``unit_asked`` comes when the user wants to tell another unit."""

    unit_asked = Signal()

    def __init__(self, scene: Scene, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self._theme = theme
        self._under: Index | None = None
        self._told = False
        self._remark = ""
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
        )
        self.text.linkActivated.connect(lambda _: self.unit_asked.emit())
        self.text.setContentsMargins(14, 10, 14, 10)
        self.setWidget(self.text)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumSize(90, 80)
        self.setAccessibleName("Facts of the scan")
        scene.changed.connect(self._show)
        # Laying text out costs more than painting a plane: it waits until scrolling pauses.
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._show)
        scene.moved.connect(self._soon.start)
        theme.changed.connect(self._show)
        self._show()

    def set_under(self, index: Index | None) -> None:
        """Show the values of a voxel (x first), or of the crosshair's."""
        self._under = index
        self._soon.start()

    def set_told(self, told: bool) -> None:
        """Whether the unit was told by the user, who may change it."""
        self._told = told
        self._show()

    def set_remark(self, remark: str) -> None:
        """What should be known of what the model says of the scan; empty for nothing."""
        if remark != self._remark:
            self._remark = remark
            self._show()

    def _show(self) -> None:
        volume = self._scene.volume
        if volume is None:
            self.text.clear()
            return
        dim = self._theme.colours.dim
        rows = "".join(
            f"<tr><td style='color:{dim}; padding:1px 14px 1px 0'>{html.escape(sentence(name))}</td>"
            f"<td>{_breakable(value)}</td></tr>"
            for name, value in [*_static(volume, self._told), *self._moving(volume)]
        )
        notes = "".join(
            f"<p style='color:{self._theme.colours.warning}; margin:6px 0 0 0'>⚠ {html.escape(sentence(note))}</p>"
            for note in [*notes_of(volume), *filter(None, [self._remark])]
        )
        self.text.setText(
            f"<table cellspacing='0'>{rows}</table>{notes}{self._change_link()}"
            f"<p style='color:{dim}; margin:8px 0 0 0'>Research use only</p>"
        )

    def _change_link(self) -> str:
        if not self._told:
            return ""
        accent = self._theme.colours.accent
        return f"<p style='margin:8px 0 0 0'><a href='unit' style='color:{accent}'>Tell another unit…</a></p>"

    def _moving(self, volume: Volume) -> list[tuple[str, str]]:
        scene = self._scene
        index = scene.cross if self._under is None else self._under
        rows = [
            ("Window", f"W {scene.window.width:.4g} · L {scene.window.level:.4g}"),
            ("Position", describe_position(volume, index)),
            ("Value", describe_value(volume, index)),
        ]
        return rows + [(layer.title, value_of(layer, volume, index)) for layer in scene.values_over]


def notes_of(volume: Volume) -> list[str]:
    """What the user should know of a scan."""
    notes = list(volume.warnings)
    if is_oblique(volume):
        notes.append(f"Oblique: shown on its own axes, up to {obliquity(volume):.0f}° from the patient's.")
    return notes


def describe_position(volume: Volume, index: Index) -> str:
    """A voxel's place in the patient in words: L 12.3, P 4.0, S 100.2 mm."""
    return describe_place(volume.position(index))


def describe_place(place: Iterable[float]) -> str:
    """A position (LPS, mm) in words: L 12.3, P 4.0, S 100.2 mm."""
    letters = (("R", "L"), ("A", "P"), ("I", "S"))
    return ", ".join(f"{pair[int(mm >= 0)]} {abs(mm):.1f}" for pair, mm in zip(letters, place, strict=True)) + " mm"


def describe_value(volume: Volume, index: Index) -> str:
    """A voxel's value with its unit."""
    x, y, z = index
    return f"{float(volume.array[z, y, x]):.5g} {volume.unit}".strip()


def value_of(layer: ColourLayer, grid: Volume, index: Index) -> str:
    """A layer's value at a voxel of the grid, from the layer's nearest voxel."""
    other = layer.sampler.volume
    x, y, z = np.rint(other.index(grid.position(index))).astype(int).tolist()
    if not all(0 <= i < n for i, n in zip((z, y, x), other.shape, strict=True)):
        return "outside"
    return f"{float(other.array[z, y, x]):{'+' if layer.signed else ''}.5g} {layer.unit}".strip()


def _breakable(text: str) -> str:
    """For rich text; names of series are long, and lines may break at their underscores."""
    return html.escape(text).replace("_", "_\N{ZERO WIDTH SPACE}")


def _static(volume: Volume, told: bool) -> list[tuple[str, str]]:
    z, y, x = volume.shape
    along_z, along_y, along_x = volume.spacing
    rows = [("Scan", volume.source.name if volume.source else "")]
    rows.append(("Modality", _MODALITIES.get(volume.modality, volume.modality)))
    rows.append(("Size", f"{x} × {y} × {z}"))
    rows.append(("Spacing", f"{along_x:.3g} × {along_y:.3g} × {along_z:.3g} mm"))
    rows.append(("Unit", volume.unit or ("none" if told else "not known")))
    rows += [(name, text) for name, text in volume.facts.items()]
    return [(name, text) for name, text in rows if text]
