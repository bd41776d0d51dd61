"""A scan's result as it is exported and listed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.patches import patched
from ad_desktop.data.volumes.region import VolumeRegion
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import InputError
from ad_desktop.export.record import ResultRow
from ad_desktop.export.volume_record import VolumeRecord
from ad_desktop.scoring.volume_regions import find_volume_regions
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.scans.opening import scan_opener


def scan_record(model: FittedModel, result: Result, prediction: VolumePrediction) -> VolumeRecord:
    """What is exported of a scan; it is read again where ``result`` does not bring it along."""
    volume = _volume(model, result)
    judgement, slices = model.judge(prediction.anomaly_score), model.slice_threshold
    anomaly_map = prediction.anomaly_map
    if volume.shape != anomaly_map.shape:
        raise InputError(result.sample.path, "it is not the scan any more that was checked: check it again")
    limit = model.map_threshold
    residual = prediction.residual
    if residual is not None:
        residual = patched(residual, result.patches)
    labels, regions = find_volume_regions(anomaly_map, math.inf if limit is None else limit, volume, model.marking)
    return VolumeRecord(
        str(result.sample.path), volume, anomaly_map, labels, regions, judgement.anomaly_score, judgement.threshold,
        limit, judgement.pred_label, judgement.percentile, prediction.slice_scores,
        None if slices is None else slices.value, prediction.axis, model.title, residual, prediction.remark,
        len(result.patches),
    )  # fmt: skip


def scan_row(record: VolumeRecord, name: str, label: str) -> ResultRow:
    """The table row of a scan; its area is a share of its voxels."""
    return ResultRow(
        path=record.path, label=label, anomaly_score=record.anomaly_score, threshold=record.threshold,
        pred_label=record.pred_label, verdict="anomalous" if record.pred_label else "good",
        percentile=record.percentile, area_fraction=float((record.labels > 0).mean()),
        n_regions=len(record.regions), peak=float(record.anomaly_map.max()), name=name,
    )  # fmt: skip


def scan_facts(model: FittedModel, result: Result) -> dict[str, Any]:
    """What a line of results says of a scan beyond what it says of a picture; empty for a picture."""
    prediction, threshold = result.prediction, model.slice_threshold
    if not isinstance(prediction, VolumePrediction) or threshold is None:
        return {}
    scores = prediction.slice_scores
    seen = scores[np.isfinite(scores)]
    return {
        "slice_scores": {
            "axis": prediction.axis, "examined": int(seen.size), "above": int((seen > threshold.value).sum()),
            "threshold": threshold.value, "max": float(seen.max()), "highest_slice": int(np.nanargmax(scores)) + 1,
        },
        "regions": len(scan_regions(model, result, prediction)),
        "remark": prediction.remark,
    }  # fmt: skip


def scan_regions(model: FittedModel, result: Result, prediction: VolumePrediction) -> list[VolumeRegion]:
    """The regions of a scan above the map's threshold; none where there is no threshold."""
    if model.map_threshold is None:
        return []
    volume = _volume(model, result)
    return find_volume_regions(prediction.anomaly_map, model.map_threshold, volume, model.marking)[1]


def _volume(model: FittedModel, result: Result) -> Volume:
    if result.volume is not None:
        return result.volume
    if not isinstance(result.sample, VolumeSample):
        raise InputError(result.sample.path, "it is no scan")
    return scan_opener(model.scan_unit)(result.sample, Task())
