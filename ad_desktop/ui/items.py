"""One row of the library: a sample, its label, and what the current model says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ad_desktop.data.samples import Label, Sample

if TYPE_CHECKING:
    from ad_desktop.detectors.base import Prediction


class Verdict(StrEnum):
    """What stands in the verdict column."""

    GOOD = "good"
    BORDERLINE = "borderline"
    ANOMALOUS = "anomalous"
    ERROR = "error"
    WAITING = "waiting"
    NONE = ""


@dataclass(eq=False)
class Item:
    """A sample in the library.

    ``folder`` is the text under its name, ``defect`` the known kind of defect and ``mask`` the file
    with its outline where a data set gives them. ``held_out`` is the score of a normal sample the
    model was fitted on, from the model without its group. ``unsuited``: ``error`` says why the model is not for it.
    """

    sample: Sample
    key: str
    label: Label
    folder: str = ""
    defect: str = ""
    mask: Path | None = None
    prediction: Prediction | None = None
    held_out: float | None = None
    error: str = ""
    unsuited: bool = False
    waiting: bool = False

    @classmethod
    def of(cls, sample: Sample, label: Label, folder: str = "", defect: str = "", mask: Path | None = None) -> Item:
        """An item that no model has seen; safe off the main thread."""
        return cls(sample, sample.key, label, folder, defect, mask)

    @property
    def name(self) -> str:
        """Short text for lists."""
        return self.sample.name

    @property
    def score(self) -> float | None:
        """The score that counts: held out for a sample of the fit, else the prediction's."""
        if self.held_out is not None:
            return self.held_out
        return None if self.prediction is None else self.prediction.anomaly_score

    def forget_results(self) -> None:
        """Drop what an earlier model said."""
        self.prediction = None
        self.held_out = None
        self.error = ""
        self.unsuited = False
        self.waiting = False
