"""Changing the normal set of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ad_desktop.data.samples import Failure, Sample
from ad_desktop.task import Task
from ad_desktop.workflows.calibrate import calibrate
from ad_desktop.workflows.fit import FitOutcome
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.stream import usable


def update(model: FittedModel, add: Sequence[Sample], remove: Sequence[str], task: Task) -> FitOutcome:
    """Let samples join (``add``) and leave (``remove``, by key) the normal set, as a refit would have it.

    The other samples' pixels are not read. The detector of ``model`` is changed in place, and a new
    model around it is returned. A sample that is in the set already is read anew. Value range and
    weights stay those of the fit. ``UserError`` leaves the model as it was.
    """
    detector = model.detector
    detector.load(task)
    failures: list[Failure] = []
    # Everything that can go wrong with the inputs does so before the detector is touched.
    unique = list({sample.key: sample for sample in add}.values())
    prepared = list(usable(detector, unique, failures, "Reading the pictures to add", task))
    known = set(detector.normal_set.keys)
    again = [item.sample.key for item in prepared if item.sample.key in known]
    detector.update(prepared, [*dict.fromkeys([*remove, *again])], task)
    calibration = calibrate(detector, model.group_spec, Task())
    return FitOutcome(replace(model, calibration=calibration), failures, task.notes)
