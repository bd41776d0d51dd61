"""Calibration of a fitted detector: groups, then held-out scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ad_desktop.detectors.base import Detector
from ad_desktop.scoring.groups import assign_groups
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration


def calibrate(detector: Detector, group_spec: str, task: Task) -> Calibration:
    """Group the normal samples by ``group_spec`` and score each without its group; empty where there are none."""
    if not detector.normal_set.keys:
        return Calibration(np.empty(0), (), "")
    task.report("Looking for near-duplicates")
    grouping = assign_groups(group_spec, detector.normal_set.keys, detector.embeddings())
    held_out = detector.calibrate(grouping.groups, task)
    for warning in grouping.warnings:
        task.note(warning)
    return Calibration(
        held_out.scores,
        grouping.groups,
        grouping.rule,
        held_out.map_peaks,
        grouping.duplicate_ratio,
        grouping.warnings,
    )


def change(
    detector: Detector, work: Callable[[], None], calibrated: Callable[[Task], Calibration], task: Task
) -> Calibration:
    """Let ``work`` change the detector's normal set and calibrate it anew; an error leaves it as it was."""
    before = detector.state()
    # Too late for a cancel once the detector is changed, but not for what the user should know.
    rest = Task()
    work()
    try:
        calibration = calibrated(rest)
    except BaseException:
        # A detector that fails to update undoes that by itself, but its old calibration goes with its old state.
        detector.restore(before)
        raise
    for note in rest.notes:
        task.note(note)
    return calibration
