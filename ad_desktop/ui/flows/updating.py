"""Changing the normal set of the model in use and scoring again what it has scored; runs off the main thread."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Detector, Prediction
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOutcome
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.update import update

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Changed:
    """The model after the change; ``keys`` is its normal set, ``predictions`` what it says of pictures seen before."""

    outcome: FitOutcome
    keys: tuple[str, ...]
    predictions: Mapping[str, Prediction]
    added: int
    removed: int


def change_normals(
    model: FittedModel, wanted: Mapping[str, Sample | None], seen: Mapping[str, Prediction], task: Task
) -> Changed | None:
    """Let the samples of ``wanted`` be normal, those that are None not; what is so already is left alone.

    ``seen`` are earlier predictions by key. None where nothing has to change. An error leaves the model
    as it was.
    """
    detector = model.detector
    known = set(detector.normal_set.keys)
    add = [sample for key, sample in wanted.items() if sample is not None and key not in known]
    remove = [key for key, sample in wanted.items() if sample is None and key in known]
    if not add and not remove:
        return None
    outcome = update(model, add, remove, task)
    keys = detector.normal_set.keys
    added = len(set(keys) - known)
    return Changed(outcome, keys, _rescored(detector, seen, task), added, len(remove))


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


def change_text(change: Changed) -> str:
    """What has changed, in a sentence or two."""
    parts = []
    if change.added:
        parts.append(f"{_pictures(change.added)} joined the normal ones.")
    if change.removed:
        parts.append(f"{_pictures(change.removed)} left the normal ones.")
    return " ".join(parts)


def _pictures(number: int) -> str:
    return "1 picture" if number == 1 else f"{number:,} pictures"
