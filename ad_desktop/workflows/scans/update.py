"""Changing the normal scans of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ad_desktop.data.samples import Failure, Sample, VolumeSample
from ad_desktop.detectors.banded.spool import Spool
from ad_desktop.errors import UserError
from ad_desktop.scoring.groups import assign_groups
from ad_desktop.task import Task
from ad_desktop.workflows.calibrate import change
from ad_desktop.workflows.fit import FitOutcome, with_failures
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.scans.calibrate import calibrate_scans
from ad_desktop.workflows.scans.slicer import Opener, volume_key
from ad_desktop.workflows.scans.stream import usable_slices


def update_scans(
    model: FittedModel, add: Sequence[Sample], remove: Sequence[str], opener: Opener, task: Task
) -> FitOutcome:
    """Let scans join and leave, ``remove`` by their keys or those of their slices; all else as in ``update``.

    How scans are looked at stays as the fit settled it.
    """
    detector, view = model.detector, model.scans
    if view is None or detector.volumetric:
        raise UserError("The normal scans of this model cannot be changed one by one: fit a new model.")
    scans = list({sample.key: sample for sample in add if isinstance(sample, VolumeSample)}.values())
    detector.load(task)
    failures: list[Failure] = [
        Failure(str(sample.path), "it is a picture, and the model is of scans")
        for sample in add
        if not isinstance(sample, VolumeSample)
    ]
    # Everything that can go wrong with the inputs does so before the detector is touched.
    spool = Spool()
    for item in usable_slices(detector, scans, view, opener, failures, "Reading the scans to add", task):
        spool.add(item)
    added = list(dict.fromkeys(volume_key(item.sample.key) for item in spool.slices))
    if not added and not remove:
        raise UserError(with_failures("Nothing was changed: no scan can be added.", failures))
    known = model.normal_keys
    leaving = {key if key in known else volume_key(key) for key in remove}
    unknown = sorted(leaving - set(known))
    if unknown:
        raise UserError(f"{unknown[0]} is not among the normal scans of this model.")
    gone = leaving | set(added)
    left = [*(key for key in known if key not in gone), *added]
    if len(left) < 2:
        raise UserError("At least two normal scans have to remain.")
    assign_groups(model.group_spec, left, None)
    slices = [key for key in detector.normal_set.keys if volume_key(key) in gone]
    calibration = change(
        detector,
        lambda: detector.update((spool.read(index) for index in range(len(spool.slices))), slices, task),
        lambda rest: calibrate_scans(detector, view, model.group_spec, rest),
        task,
    )
    return FitOutcome(replace(model, calibration=calibration), failures, task.notes)
