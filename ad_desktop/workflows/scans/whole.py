"""Methods that take whole scans: their fit, and thresholds from scans that they keep apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.detectors.base import Detector, NormalScan
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import InputError, ModelFileError, UserError, WeightsError
from ad_desktop.scoring.volume_scores import volume_score
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration, SliceCalibration
from ad_desktop.workflows.scans.settings import ScanView
from ad_desktop.workflows.scans.slicer import Opener, Slicer
from ad_desktop.workflows.scans.stream import slicers

RULE = "scans that the fit kept apart, every one by itself"


class NormalScans:
    """The normal scans of a fit, read anew each time they are gone through; ``failures`` names those that cannot be."""

    def __init__(self, samples: Sequence[VolumeSample], view: ScanView, opener: Opener, task: Task) -> None:
        self._samples, self._view, self._opener, self._task = list(samples), view, opener, task
        self.failures: dict[str, Failure] = {}

    def __iter__(self) -> Iterator[NormalScan]:
        good = [sample for sample in self._samples if sample.key not in self.failures]
        for done, (sample, slicer) in enumerate(slicers(good, self._view, self._opener, self._task)):
            self._task.report("Reading normal scans", done, len(good))
            if isinstance(slicer, InputError):
                self.failures[sample.key] = Failure(str(sample.path), slicer.reason)
            else:
                yield NormalScan(sample, slicer.volume, slicer.body.examined)


def fit_whole(
    detector: Detector, samples: Sequence[VolumeSample], view: ScanView, opener: Opener, failures: list[Failure],
    task: Task,
) -> Calibration:  # fmt: skip
    """Fit on whole scans and score those that the fit kept apart; what cannot be used is put on ``failures``."""
    scans = NormalScans(samples, view, opener, task)
    try:
        unusable = detector.fit_volumes(scans, task)
    finally:
        failures += scans.failures.values()
    failures += unusable
    kept = set(detector.held_out_scans)
    return _calibrated(detector, [sample for sample in samples if sample.key in kept], view, opener, task)


def _calibrated(
    detector: Detector, samples: Sequence[VolumeSample], view: ScanView, opener: Opener, task: Task
) -> Calibration:
    scores, peaks, slices, owners, values = [], [], [], [], []
    for index, (_, slicer) in enumerate(slicers(samples, view, opener, task)):
        if isinstance(slicer, InputError):
            raise slicer
        task.report("Scoring scans that were kept apart", index, len(samples))
        prediction = whole_prediction(detector, slicer, task)
        found, seen = prediction.anomaly_map, prediction.looked_at
        scores.append(prediction.anomaly_score)
        peaks.append(float(found.max()))
        known = prediction.slice_scores[np.isfinite(prediction.slice_scores)]
        slices += known.tolist()
        owners += [index] * len(known)
        values.append(found[seen])
    rate = detector.voxel_rate
    limit = None if rate is None else float(np.quantile(np.concatenate(values), 1 - rate))
    return Calibration(
        np.array(scores), tuple(range(len(scores))), RULE, np.array(peaks),
        slices=SliceCalibration(np.array(slices), tuple(owners)), map_limit=limit,
    )  # fmt: skip


def whole_prediction(detector: Detector, slicer: Slicer, task: Task) -> VolumePrediction:
    """What the method says of one scan, scored by its highest slices; ``InputError`` where it cannot be used."""
    try:
        prediction = detector.predict_volume(slicer.volume, slicer.body.examined, task)
    except (InputError, ModelFileError, WeightsError):
        raise
    except UserError as error:
        raise InputError(slicer.sample.path, str(error)) from error
    assert isinstance(prediction, VolumePrediction)  # noqa: S101 - what such methods give
    prediction.anomaly_score = volume_score(prediction.slice_scores, slicer.view.settings.top_share)
    return prediction
