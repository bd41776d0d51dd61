"""Calibration on scans: whole scans are left out, and each has one held-out score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.base import Detector
from ad_desktop.errors import UserError
from ad_desktop.scoring.groups import Grouping, assign_groups
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
    owners = [volume_key(key) for key in detector.normal_set.keys]
    volumes = list(dict.fromkeys(owners))
    if len(volumes) < 2:
        raise UserError("At least two normal scans are needed for a fit; twenty or more for a useful threshold.")
    place = {key: index for index, key in enumerate(volumes)}
    of_slice = np.array([place[key] for key in owners])
    grouping = _grouped(detector, group_spec, volumes, of_slice, task)
    held_out = detector.calibrate([grouping.groups[index] for index in of_slice], task)
    share = view.settings.top_share
    scores = np.array([volume_score(held_out.scores[of_slice == index], share) for index in range(len(volumes))])
    peaks = held_out.map_peaks
    top = None if peaks is None else np.array([peaks[of_slice == index].max() for index in range(len(volumes))])
    for warning in grouping.warnings:
        task.note(warning)
    return Calibration(
        scores, grouping.groups, grouping.rule, top, grouping.duplicate_ratio, grouping.warnings,
        SliceCalibration(held_out.scores, tuple(int(index) for index in of_slice)),
    )  # fmt: skip


def _grouped(
    detector: Detector, group_spec: str, volumes: Sequence[str], of_slice: NDArray[np.int_], task: Task
) -> Grouping:
    """Groups of scans, one number for each of ``volumes``; only exact copies belong together by themselves.

    Looking for near-duplicates, as among pictures, would take different heads for one another.
    """
    if group_spec == "auto":
        hashes = np.array(detector.normal_set.sha256)
        contents = [tuple(hashes[of_slice == index]) for index in range(len(volumes))]
        numbers = {content: number for number, content in enumerate(dict.fromkeys(contents))}
        if len(numbers) < 2:
            alone = tuple(range(len(volumes)))
            return Grouping(alone, "every scan by itself", None, ("The normal scans are copies of each other.",))
        copies = len(contents) - len(numbers)
        rule = "every scan by itself"
        if copies:
            rule += f", but for {copies} exact {'copy' if copies == 1 else 'copies'}"
        return Grouping(tuple(numbers[content] for content in contents), rule)
    task.report("Looking for near-duplicates")
    embeddings = detector.embeddings()
    if embeddings is not None:
        embeddings = np.stack([embeddings[of_slice == index].mean(axis=0) for index in range(len(volumes))])
    found = assign_groups(group_spec, volumes, embeddings)
    warnings = tuple(text.replace("picture", "scan") for text in found.warnings)
    return Grouping(found.groups, found.rule.replace("picture", "scan"), found.duplicate_ratio, warnings)
