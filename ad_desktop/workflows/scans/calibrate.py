"""Calibration on scans: whole scans are left out, and each has one held-out score."""

from __future__ import annotations

import numpy as np

from ad_desktop.detectors.base import Detector
from ad_desktop.errors import UserError
from ad_desktop.scoring.groups import assign_groups
from ad_desktop.scoring.volume_scores import volume_score
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration, SliceCalibration
from ad_desktop.workflows.scans.settings import ScanView
from ad_desktop.workflows.scans.slicer import volume_key


def calibrate_scans(detector: Detector, view: ScanView, group_spec: str, task: Task) -> Calibration:
    """Group the normal scans by ``group_spec`` and score each slice without its scan's whole group.

    The calibration holds one score and one map peak (the highest of its slices) per scan. ``UserError`` below two
    scans.
    """
    task.report("Looking for near-duplicates")
    owners = [volume_key(key) for key in detector.normal_set.keys]
    volumes = list(dict.fromkeys(owners))
    if len(volumes) < 2:
        raise UserError("At least two normal scans are needed for a fit; twenty or more for a useful threshold.")
    place = {key: index for index, key in enumerate(volumes)}
    of_slice = np.array([place[key] for key in owners])
    embeddings = detector.embeddings()
    if embeddings is not None:
        embeddings = np.stack([embeddings[of_slice == index].mean(axis=0) for index in range(len(volumes))])
    grouping = assign_groups(group_spec, volumes, embeddings)
    held_out = detector.calibrate([grouping.groups[index] for index in of_slice], task)
    share = view.settings.top_share
    scores = np.array([volume_score(held_out.scores[of_slice == index], share) for index in range(len(volumes))])
    peaks = held_out.map_peaks
    top = None if peaks is None else np.array([peaks[of_slice == index].max() for index in range(len(volumes))])
    warnings = tuple(text.replace("pictures", "scans") for text in grouping.warnings)
    for warning in warnings:
        task.note(warning)
    return Calibration(
        scores, grouping.groups, grouping.rule.replace("picture", "scan"), top, grouping.duplicate_ratio, warnings,
        SliceCalibration(held_out.scores, tuple(int(index) for index in of_slice)),
    )  # fmt: skip
