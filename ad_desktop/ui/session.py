"""What is open: items, the fitted model, the threshold, the current item. Widgets read it and listen to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Label
from ad_desktop.ui.items import Item, Verdict

if TYPE_CHECKING:
    from ad_desktop.detectors.base import Prediction
    from ad_desktop.scoring.thresholds import Threshold
    from ad_desktop.workflows.model import FittedModel, Result


class Session(QObject):
    """State of the window, changed on the main thread only.

    ``fitted_here`` tells a model fitted on the library from one opened from a file.
    """

    items_changed = Signal()
    labels_changed = Signal()
    results_changed = Signal()
    model_changed = Signal()
    threshold_changed = Signal()
    current_changed = Signal(object)
    roi_changed = Signal()
    min_region_changed = Signal()

    def __init__(self, fpr: float = 0.05, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: dict[str, Item] = {}
        self._model: FittedModel | None = None
        self._threshold: Threshold | None = None
        self._accept_threshold: float | None = None
        self._map_threshold: float | None = None
        self._normal_scores = np.empty(0)
        self._normal_keys: tuple[str, ...] = ()
        self._held_out: dict[str, float] = {}
        self._fpr = fpr
        self._borderline_fpr: float | None = None
        self._current: Item | None = None
        self._roi = RegionOfInterest()
        self._min_region = 0
        self.fitted_here = False

    @property
    def items(self) -> Mapping[str, Item]:
        """All items by key, in the order they were added."""
        return self._items

    @property
    def model(self) -> FittedModel | None:
        """The model in use."""
        return self._model

    @property
    def fpr(self) -> float:
        """The accepted false-positive rate, 0–1."""
        return self._fpr

    @property
    def threshold(self) -> Threshold | None:
        """The model's threshold at ``fpr``."""
        return self._threshold

    @property
    def borderline_fpr(self) -> float | None:
        """The larger rate whose threshold opens the borderline band, 0–1; None where there is no band."""
        return self._borderline_fpr

    @property
    def accept_threshold(self) -> float | None:
        """The score above which a picture is at least borderline: the threshold itself where there is no band."""
        return self._accept_threshold

    @property
    def map_threshold(self) -> float | None:
        """The value of the anomaly map above which a spot counts."""
        return self._map_threshold

    @property
    def normal_keys(self) -> tuple[str, ...]:
        """The samples the model was fitted on; the detector itself may be changing in a job."""
        return self._normal_keys

    @property
    def current(self) -> Item | None:
        """The item the viewer shows."""
        return self._current

    @property
    def roi(self) -> RegionOfInterest:
        """Where pictures are to be examined, as drawn; the next fit takes it."""
        return self._roi

    @property
    def roi_differs(self) -> bool:
        """Whether the model was fitted with another region than the one that is drawn now."""
        return self._model is not None and self._model.roi != self._roi

    @property
    def min_region(self) -> int:
        """Regions of fewer pixels of the picture are not marked."""
        return self._min_region

    def labelled(self, label: Label) -> list[Item]:
        """Items with this label, in order."""
        return [item for item in self._items.values() if item.label is label]

    def counts(self) -> Counter[Label]:
        """How many items have each label."""
        return Counter(item.label for item in self._items.values())

    def verdict(self, item: Item) -> Verdict:
        """What the model says of an item at the current threshold."""
        if item.error:
            return Verdict.NONE if item.unsuited else Verdict.ERROR
        score = item.score
        if score is None or self._threshold is None or self._accept_threshold is None:
            return Verdict.WAITING if item.waiting else Verdict.NONE
        if score > self._threshold.value:
            return Verdict.ANOMALOUS
        return Verdict.BORDERLINE if score > self._accept_threshold else Verdict.GOOD

    def percentile(self, item: Item) -> float | None:
        """How many percent of the normal samples' held-out scores lie below the item's score, equal ones by half.

        The rule of ``scoring.thresholds.percentile``, on scores that are sorted once for all items.
        """
        score, normal = item.score, self._normal_scores
        if score is None or not len(normal):
            return None
        below, upto = np.searchsorted(normal, score), np.searchsorted(normal, score, side="right")
        return 100.0 * float(below + 0.5 * (upto - below)) / len(normal)

    def add(self, items: Iterable[Item], at: Sequence[int] | None = None) -> list[Item]:
        """Add items that are not there yet and return them; ``at`` gives their places in the order (undo)."""
        new = [item for item in items if item.key not in self._items]
        if at is None:
            self._items.update((item.key, item) for item in new)
        else:
            order = list(self._items.values())
            for place, item in sorted(zip(at, new, strict=True), key=lambda pair: pair[0]):
                order.insert(place, item)
            self._items = {item.key: item for item in order}
        if new:
            self.take_held_out()
            self.items_changed.emit()
        return new

    def remove(self, items: Iterable[Item]) -> list[int]:
        """Take items out of the library and return the places they had."""
        keys = {item.key for item in items}
        places = [place for place, key in enumerate(self._items) if key in keys]
        self._items = {key: item for key, item in self._items.items() if key not in keys}
        self.items_changed.emit()
        if self._current is not None and self._current.key in keys:
            self.set_current(None)
        return places

    def set_labels(self, labels: Mapping[str, Label]) -> None:
        """Set labels by key."""
        for key, label in labels.items():
            item = self._items.get(key)
            if item is not None:
                item.label = label
                item.held_out = None
        self.take_held_out()
        self.labels_changed.emit()

    def set_current(self, item: Item | None) -> None:
        """Choose what the viewer shows."""
        if item is not self._current:
            self._current = item
            self.current_changed.emit(item)

    def set_model(self, model: FittedModel | None, fitted_here: bool) -> None:
        """Take a new model: what an earlier one said is dropped, the normal samples get their held-out scores."""
        self.fitted_here = fitted_here
        for item in self._items.values():
            item.forget_results()
        if model is not None:
            self._fpr = model.fpr
            self._borderline_fpr = model.borderline_fpr
            if not fitted_here:
                # A model from a file brings its own region and smallest region; one fitted here has what is set.
                self.set_roi(model.roi)
                self.set_min_region(model.min_region)
        self._take_model(model, () if model is None else model.normal_keys)

    def update_model(self, model: FittedModel, keys: Sequence[str], predictions: Mapping[str, Prediction]) -> None:
        """Take the model after its normal set changed to ``keys``, with what it says now of items by key.

        The rates stay as they are here; items that cannot be read stay so.
        """
        for item in self._items.values():
            error, unsuited = item.error, item.unsuited
            item.forget_results()
            item.error, item.unsuited = error, unsuited
            item.prediction = predictions.get(item.key)
        self._take_model(replace(model, fpr=self._fpr, borderline_fpr=self._borderline_fpr), keys)

    def _take_model(self, model: FittedModel | None, keys: Sequence[str]) -> None:
        if model is not None and model.min_region != self._min_region:
            model = replace(model, min_region=self._min_region)
        self._model = model
        scores = np.empty(0) if model is None else np.asarray(model.calibration.scores, dtype=np.float64)
        self._normal_scores = np.sort(scores)
        self._normal_keys = tuple(keys)
        # Methods that keep some normal scans apart have scores of those alone, and never change their normal set.
        scored = keys if model is None or len(keys) == len(scores) else model.held_out_keys
        self._held_out = dict(zip(scored, scores.tolist(), strict=True))
        self.take_held_out()
        self._set_threshold()
        self.model_changed.emit()
        self.threshold_changed.emit()
        self.results_changed.emit()

    def take_held_out(self) -> None:
        """Give items that belong to the model's normal set their held-out scores."""
        for key, score in self._held_out.items():
            item = self._items.get(key)
            if item is not None and item.label is Label.NORMAL:
                item.held_out = score

    def set_fpr(self, fpr: float) -> None:
        """Accept another false-positive rate; the threshold and all verdicts follow, nothing is fitted again."""
        if fpr == self._fpr:
            return
        self._fpr = fpr
        if self._model is not None:
            # A copy: a job may be reading the old one.
            self._model = replace(self._model, fpr=fpr)
            self._set_threshold()
        self.threshold_changed.emit()

    def set_borderline(self, fpr: float | None) -> None:
        """Open a borderline band up to another false-positive rate, or close it (None)."""
        if fpr == self._borderline_fpr:
            return
        self._borderline_fpr = fpr
        if self._model is not None:
            self._model = replace(self._model, borderline_fpr=fpr)
            self._set_threshold()
        self.threshold_changed.emit()

    def set_roi(self, roi: RegionOfInterest) -> None:
        """Take another region of interest; a model goes on with the one it was fitted with."""
        if roi != self._roi:
            self._roi = roi
            self.roi_changed.emit()

    def set_min_region(self, pixels: int) -> None:
        """Mark regions of at least so many pixels; scores and verdicts stay."""
        if pixels != self._min_region:
            self._min_region = pixels
            if self._model is not None:
                self._model = replace(self._model, min_region=pixels)
            self.min_region_changed.emit()

    def set_waiting(self, items: Iterable[Item], waiting: bool) -> None:
        """Mark items as queued for a prediction."""
        for item in items:
            item.waiting = waiting
        self.results_changed.emit()

    def set_results(self, results: Iterable[Result]) -> None:
        """Take in predictions; those of items that are gone are dropped."""
        for result in results:
            item = self._items.get(result.sample.key)
            if item is not None:
                item.prediction = result.prediction
                item.error = result.error or ""
                item.unsuited = result.unsuited
                item.waiting = False
        self.results_changed.emit()

    def set_errors(self, errors: Mapping[str, str]) -> None:
        """Mark items, by key or path, as unusable."""
        for item in self._items.values():
            reason = errors.get(item.key) or errors.get(str(item.sample.path))
            if reason:
                item.error = reason
                item.waiting = False
        self.results_changed.emit()

    def _set_threshold(self) -> None:
        self._threshold = None if self._model is None else self._model.threshold
        self._accept_threshold = None if self._model is None else self._model.accept_threshold
        self._map_threshold = None if self._model is None else self._model.map_threshold
