"""Changing the normal set of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ad_desktop.data.samples import Failure, Sample
from ad_desktop.errors import UserError
from ad_desktop.scoring.groups import assign_groups
from ad_desktop.task import Task
from ad_desktop.workflows.calibrate import calibrate, change
from ad_desktop.workflows.fit import FitOutcome, with_failures
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.stream import usable


def update(model: FittedModel, add: Sequence[Sample], remove: Sequence[str], task: Task) -> FitOutcome:
    """Let samples join (``add``) and leave (``remove``, by key) the normal set, as a refit would have it.

    The other samples' pixels are not read. The detector of ``model`` is changed in place, and a new
    model around it is returned. A sample that is in the set already is read anew. Value range and
    weights stay those of the fit. ``UserError`` leaves the model as it was.
    """
    if model.scans is not None:
        from ad_desktop.workflows.scans.opening import scan_opener
        from ad_desktop.workflows.scans.update import update_scans

        return update_scans(model, add, remove, scan_opener(model.scans.settings.unit), task)
    detector = model.detector
    detector.load(task)
    failures: list[Failure] = []
    # Everything that can go wrong with the inputs does so before the detector is touched.
    unique = list({sample.key: sample for sample in add}.values())
    prepared = list(usable(detector, unique, failures, "Reading the pictures to add", task))
    if not prepared and not remove:
        raise UserError(with_failures("Nothing was changed: no picture can be added.", failures))
    known, added = detector.normal_set.keys, [item.sample.key for item in prepared]
    gone = dict.fromkeys([*remove, *(key for key in added if key in set(known))])
    assign_groups(model.group_spec, [*(key for key in known if key not in gone), *added], None)
    calibration = change(
        detector,
        lambda: detector.update(prepared, [*gone], task),
        lambda rest: calibrate(detector, model.group_spec, rest),
        task,
    )
    return FitOutcome(replace(model, calibration=calibration), failures, task.notes)
