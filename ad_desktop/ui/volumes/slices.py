"""The slices of a scan whose scores lie above the threshold of slices: a line of links that lead there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Array, Volume
from ad_desktop.ui.library.rows import format_score

_MOST = 8
"""Runs of neighbouring slices that are listed, those with the highest scores."""
_WHY = (
    "A slice is compared with normal slices of its height, a spot of the map with the highest spots of whole normal "
    "scans: a slice can be above its threshold without a spot that is above the map's. Click to go to the highest "
    "spot there."
)


@dataclass(frozen=True)
class SliceScores:
    """The score of each slice of a ``plane``, NaN where it was not looked at."""

    plane: Plane
    scores: Array

    @classmethod
    def of(cls, prediction: object) -> SliceScores | None:
        """Those of a scan's prediction, in the order in which the planes show them."""
        from ad_desktop.detectors.volume_prediction import VolumePrediction

        if not isinstance(prediction, VolumePrediction) or not np.isfinite(prediction.slice_scores).any():
            return None
        return cls(Plane[prediction.axis.upper()], prediction.slice_scores)

    def runs(self, level: float) -> list[tuple[int, int, int]]:
        """First, last and highest slice (0-based) of neighbouring slices above ``level``, in their order."""
        above = np.flatnonzero(np.nan_to_num(self.scores, nan=-np.inf) > level)
        runs = [run for run in np.split(above, np.flatnonzero(np.diff(above) > 1) + 1) if len(run)]
        return [(int(run[0]), int(run[-1]), int(run[np.argmax(self.scores[run])])) for run in runs]

    def describe(self, level: float, spots: int) -> str:
        """Rich text: how many slices lie above ``level``, and which; ``spots`` lie above the map's threshold."""
        runs, looked_at = self.runs(level), int(np.isfinite(self.scores).sum())
        name, shown = self.plane.title.lower(), format_score(level)
        if not runs:
            return f"None of {looked_at:,} {name} slices above {shown}"
        count = sum(last - first + 1 for first, last, _ in runs)
        listed = sorted(sorted(runs, key=lambda run: -self.scores[run[2]])[:_MOST])
        links = [f"<a href='{top}'>{_numbers(first, last)}</a>" for first, last, top in listed]
        left_out = f" and {len(runs) - _MOST:,} more" if len(runs) > _MOST else ""
        alone = "" if spots else " · no single spot of them is above the map's threshold"
        return f"{count:,} of {looked_at:,} {name} slices above {shown}: {', '.join(links)}{left_out}{alone}"


def highest_place(values: Volume, plane: Plane, index: int) -> tuple[float, float, float]:
    """The LPS position (mm) of the highest value on a slice of a volume on patient axes."""
    flat = plane.cut(values.array, index)
    row, column = np.unravel_index(int(np.argmax(flat)), flat.shape)
    place = [0, 0, 0]
    place[plane.axis], place[plane.rows], place[plane.columns] = index, int(row), int(column)
    x, y, z = values.position(place[::-1]).tolist()
    return x, y, z


class SliceLine(QLabel):
    """The line itself; ``chosen`` carries the number (0-based) of the slice to go to."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setToolTip(_WHY)
        self.setContentsMargins(12, 0, 12, 4)
        # A long line is cut rather than widening the window.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.linkActivated.connect(lambda link: self.chosen.emit(int(link)))
        self.hide()

    def tell(self, scores: SliceScores | None, level: float | None, spots: int) -> None:
        """Show what lies above ``level``; nothing where there are no scores of slices, or no threshold."""
        shown = scores is not None and level is not None
        self.setText(scores.describe(level, spots) if scores is not None and level is not None else "")
        self.setVisible(shown)


def _numbers(first: int, last: int) -> str:
    """As the planes count their slices, from 1."""
    return f"{first + 1}" if first == last else f"{first + 1}–{last + 1}"
