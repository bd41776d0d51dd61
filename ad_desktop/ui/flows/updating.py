"""Changing the normal set of the model in use and scoring again what it has scored; runs off the main thread."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Detector, Prediction, State
from ad_desktop.task import Task
from ad_desktop.ui.wording import number_of

if TYPE_CHECKING:
    from ad_desktop.workflows.fit import FitOutcome
    from ad_desktop.workflows.model import Calibration, FittedModel

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Before:
    """All that a change to the normal set replaces, so that it can be taken back as it was.

    ``after`` is the normal set that the change made of ``keys`` in ``detector``, whose learned ``state`` this was.
    """

    detector: Detector
    state: State
    calibration: Calibration
    keys: tuple[str, ...]
    after: tuple[str, ...]
    predictions: Mapping[str, Prediction]

    def undone_by(self, model: FittedModel, wanted: Mapping[str, Sample | None]) -> bool:
        """Whether letting the samples of ``wanted`` be normal, those that are None not, leads back here."""
        there = model.detector is self.detector and model.normal_keys == self.after
        return there and _after(self.after, wanted) == set(self.keys)


@dataclass(frozen=True)
class Changed:
    """The model after the change; ``keys`` is its normal set, ``predictions`` what it says of pictures seen before.

    ``before`` is None where the change took back an earlier one.
    """

    outcome: FitOutcome
    keys: tuple[str, ...]
    predictions: Mapping[str, Prediction]
    added: int
    removed: int
    before: Before | None


def change_normals(
    model: FittedModel,
    wanted: Mapping[str, Sample | None],
    seen: Mapping[str, Prediction],
    task: Task,
    last: Before | None = None,
) -> Changed | None:
    """Let the samples of ``wanted`` be normal, those that are None not; what is so already is left alone.

    ``seen`` are earlier predictions by key. None where nothing has to change. An error leaves the model
    as it was. What takes back the ``last`` change brings back what was there, to the last digit.
    """
    from ad_desktop.workflows.update import update

    detector = model.detector
    if last is not None and last.undone_by(model, wanted):
        return _taken_back(model, last, seen, task)
    known = set(model.normal_keys)
    add = [sample for key, sample in wanted.items() if sample is not None and key not in known]
    remove = [key for key, sample in wanted.items() if sample is None and key in known]
    if not add and not remove:
        return None
    state, before = detector.state(), model.normal_keys
    outcome = update(model, add, remove, task)
    keys = model.normal_keys
    added = len(set(keys) - known)
    past = Before(detector, state, model.calibration, before, keys, dict(seen))
    return Changed(outcome, keys, _rescored(detector, seen, task), added, len(remove), past)


def _after(keys: Iterable[str], wanted: Mapping[str, Sample | None]) -> set[str]:
    """The normal set that comes of ``keys``."""
    gone = {key for key, sample in wanted.items() if sample is None}
    return (set(keys) - gone) | {key for key, sample in wanted.items() if sample is not None}


def _taken_back(model: FittedModel, last: Before, seen: Mapping[str, Prediction], task: Task) -> Changed:
    """What was there before the ``last`` change, and new predictions for what was seen since only."""
    from ad_desktop.workflows.fit import FitOutcome

    task.check()
    last.detector.restore(last.state)
    new = {key: said for key, said in seen.items() if key not in last.predictions}
    predictions = {**last.predictions, **_rescored(last.detector, new, task)}
    outcome = FitOutcome(replace(model, calibration=last.calibration), [], last.calibration.warnings)
    there, here = set(last.after), set(last.keys)
    return Changed(outcome, last.keys, predictions, len(here - there), len(there - here), None)


def _rescored(detector: Detector, seen: Mapping[str, Prediction], task: Task) -> dict[str, Prediction]:
    """New predictions from kept features; those that are missing have to come from the pixels."""
    kept = {key: prediction.features for key, prediction in seen.items() if prediction.features is not None}
    if not kept:
        return {}
    task.report("Scoring again")
    try:
        found = detector.rescore(list(kept.values()))
    except (MemoryError, RuntimeError) as error:
        # The model has changed already and is right: scoring from the pixels, in small batches, may still do.
        _LOG.warning("Scoring again from features failed", exc_info=error)
        return {}
    return {} if found is None else {key: said for key, said in zip(kept, found, strict=True) if said is not None}


def change_text(change: Changed, things: str) -> str:
    """What has changed, in a sentence or two; ``things``: pictures or scans."""
    parts = []
    if change.added:
        parts.append(f"{number_of(change.added, things)} joined the normal ones.")
    if change.removed:
        parts.append(f"{number_of(change.removed, things)} left the normal ones.")
    return " ".join(parts)
