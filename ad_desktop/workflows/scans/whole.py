"""Methods that take whole scans: their fit, and thresholds from scans that they keep apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ad_desktop.data.samples import Failure, VolumeSample
from ad_desktop.data.volumes.volume import HU, SUV
from ad_desktop.detectors.base import Detector, NormalScan
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import InputError, ModelFileError, UserError, WeightsError
from ad_desktop.scoring.volume_scores import volume_score
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration, SliceCalibration
from ad_desktop.workflows.scans.parts import parts_of
from ad_desktop.workflows.scans.settings import ScanView
from ad_desktop.workflows.scans.slicer import Opener
from ad_desktop.workflows.scans.stream import slicers

RULE = "scans that the fit kept apart, every one by itself"
PARTS_RULE = "parts of scans that the fit kept apart, every one by itself"
ENOUGH = 15
"""From so many scans on, whole ones are kept apart, not parts."""


class NormalScans:
    """The normal scans of a fit, read anew each time they are gone through; ``failures`` names those that cannot be.

    ``parts``: they are cut into parts without known lesions.
    """

    def __init__(
        self, samples: Sequence[VolumeSample], view: ScanView, opener: Opener, task: Task, parts: bool
    ) -> None:
        self._samples, self._view, self._opener, self._task = list(samples), view, opener, task
        self.parts = parts
        self.failures: dict[str, Failure] = {}

    def __iter__(self) -> Iterator[NormalScan]:
        return self.read("Reading normal scans", [s for s in self._samples if s.key not in self.failures])

    def these(self, keys: set[str]) -> Iterator[NormalScan]:
        """Those with these keys."""
        good = [s for s in self._samples if s.key in keys or (self.parts and s.key not in self.failures)]
        return (scan for scan in self.read("Scoring scans that were kept apart", good) if scan.sample.key in keys)

    def read(self, message: str, samples: Sequence[VolumeSample]) -> Iterator[NormalScan]:
        """Scans, or their parts; those that cannot be read are put on ``failures``."""
        for done, (sample, slicer) in enumerate(slicers(samples, self._view, self._opener, self._task)):
            self._task.report(message, done, len(samples))
            try:
                if isinstance(slicer, InputError):
                    raise slicer
                examined = slicer.examined
                if not self.parts:
                    yield NormalScan(sample, slicer.volume, examined)
                    continue
                seen = np.ones(slicer.volume.shape, bool) if examined is None else examined
                parts = list(parts_of(sample, slicer.volume, seen, slicer.known_lesions()))
                if not parts:
                    raise InputError(sample.path, "no two neighbouring slices of it are free of lesions")
            except InputError as error:
                self.failures[sample.key] = Failure(str(sample.path), error.reason)
            else:
                yield from parts


def fit_whole(
    detector: Detector, samples: Sequence[VolumeSample], view: ScanView, opener: Opener, failures: list[Failure],
    task: Task,
) -> Calibration:  # fmt: skip
    """Fit on whole scans and score those that the fit kept apart; what cannot be used is put on ``failures``."""
    if view.settings.lesions and not detector.learns_parts:
        raise UserError("Slices without lesions can be learned only where scans are not aligned: choose align=none.")
    parts = detector.learns_parts and (bool(view.settings.lesions) or len(samples) < ENOUGH)
    scans = NormalScans(samples, view, opener, task, parts)
    try:
        unusable = detector.fit_volumes(scans, task, _window(view))
    finally:
        failures += scans.failures.values()
    failures += unusable
    if parts:
        task.note(
            "Parts of the normal scans were kept apart for the thresholds. New scans differ more from these than parts "
            "of the same scans do, so expect more false alarms than asked for."
        )
    return _calibrated(detector, scans, view, task)


def _window(view: ScanView) -> tuple[float, float] | None:
    """The values that a user wants for black and white."""
    chosen, settled = view.settings.window, view.settled
    if chosen == "percentile" and settled.unit in (HU, SUV):
        raise UserError(f"window=percentile: this method takes values in {settled.unit} as they are; choose LOW,HIGH.")
    return None if chosen in ("auto", "percentile") else (settled.low, settled.high)


def _calibrated(detector: Detector, scans: NormalScans, view: ScanView, task: Task) -> Calibration:
    scores, peaks, slices, owners, values = [], [], [], [], []
    for index, scan in enumerate(scans.these(set(detector.held_out_scans))):
        prediction = whole_prediction(detector, scan, view, task)
        found, seen = prediction.anomaly_map, prediction.looked_at
        scores.append(prediction.anomaly_score)
        peaks.append(float(found.max()))
        known = prediction.slice_scores[np.isfinite(prediction.slice_scores)]
        slices += known.tolist()
        owners += [index] * len(known)
        values.append(found[seen])
    if len(scores) < len(detector.held_out_scans):
        gone = next(iter(scans.failures.values()), Failure("", ""))
        raise InputError(gone.path, f"it could be read at first, but not any more: {gone.reason}")
    rate = detector.voxel_rate
    limit = None if rate is None else float(np.quantile(np.concatenate(values), 1 - rate))
    return Calibration(
        np.array(scores), tuple(range(len(scores))), PARTS_RULE if scans.parts else RULE, np.array(peaks),
        slices=SliceCalibration(np.array(slices), tuple(owners)), map_limit=limit,
    )  # fmt: skip


def whole_prediction(detector: Detector, scan: NormalScan, view: ScanView, task: Task) -> VolumePrediction:
    """What the method says of one scan, scored by its highest slices; ``InputError`` where it cannot be used."""
    try:
        prediction = detector.predict_volume(scan.volume, scan.examined, task)
    except (InputError, ModelFileError, WeightsError):
        raise
    except UserError as error:
        raise InputError(scan.sample.path, str(error)) from error
    assert isinstance(prediction, VolumePrediction)  # noqa: S101 - what such methods give
    prediction.anomaly_score = volume_score(prediction.slice_scores, view.settings.top_share)
    return prediction
