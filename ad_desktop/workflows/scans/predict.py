"""Scoring scans with a fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ad_desktop.data.samples import SliceSample, VolumeSample
from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.aligned_prediction import carried_back
from ad_desktop.detectors.base import Detector, NormalScan, Prediction, Prepared
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import InputError, UnsuitedError, UserError
from ad_desktop.scoring.volume_scores import volume_score
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.scans.slicer import Opener, Slicer
from ad_desktop.workflows.scans.stream import prepared_slices, slicers
from ad_desktop.workflows.scans.whole import whole_prediction


def predict_scans(
    model: FittedModel, samples: Sequence[VolumeSample], opener: Opener, task: Task
) -> Iterator[tuple[Result, Volume | None]]:
    """Score scans one after another, in order, each with its volume; one that cannot be used has an ``error``.

    ``UserError`` for a model of pictures.
    """
    view = model.scans or model.zero_shot_slices
    if view is None:
        raise UserError("The model was fitted on pictures, and cannot check scans. Fit one on normal scans.")
    # Where nothing was learned, the step can only be meant for the slices that are looked at.
    step = view.step if isinstance(view, SliceSettings) else 1
    task.report("Preparing the network")
    model.detector.load(task)
    for done, (sample, slicer) in enumerate(slicers(samples, view, opener, task)):
        if isinstance(slicer, InputError):
            yield Result(sample, error=slicer.reason, unsuited=isinstance(slicer, UnsuitedError)), None
            continue
        try:
            message = f"Checking scans ({done + 1} of {len(samples)})"
            prediction = predict_volume(model.detector, slicer, message, task, step)
        except InputError as error:
            yield Result(sample, error=error.reason), None
        else:
            yield Result(sample, prediction), slicer.volume


def predict_volume(detector: Detector, slicer: Slicer, message: str, task: Task, step: int = 1) -> Prediction:
    """Score one scan by every ``step``-th slice; ``InputError`` where a slice cannot be used."""
    if detector.volumetric:
        task.report(message)
        scan = NormalScan(slicer.sample, slicer.volume, slicer.examined)
        return whole_prediction(detector, scan, slicer.view, task)
    indices = slicer.body.indices[::step]
    found: list[Prediction] = []
    samples: list[SliceSample] = []
    batch: list[Prepared] = []
    for at, (sample, item) in enumerate(prepared_slices(detector, slicer, task, step)):
        task.report(message, at, len(indices))
        if isinstance(item, InputError):
            raise item
        samples.append(sample)
        batch.append(item)
        if len(batch) == max(1, detector.batch_size) or at + 1 == len(indices):
            # Features are for scoring again; those of a whole scan would fill the memory.
            found += detector.predict(batch)
            batch = []
            for prediction in found:
                prediction.features = None
    return _put_together(detector, slicer, samples, detector.seen_together(samples, found), indices)


def _put_together(
    detector: Detector, slicer: Slicer, samples: Sequence[SliceSample], found: Sequence[Prediction],
    indices: Sequence[int],
) -> VolumePrediction:  # fmt: skip
    """What was found in a scan's slices, on the scan's voxels."""
    settings, body, cut = slicer.view.settings, slicer.body, slicer.cut_from
    scores = np.full(len(planes(cut.array, cut.affine, settings.axis)), np.nan)
    scores[list(indices)] = [prediction.anomaly_score for prediction in found]
    prediction = VolumePrediction(
        volume_score(scores, settings.top_share), np.stack([p.grid for p in found]), found[0].size,
        {"highest slice": float(np.nanmax(scores))}, smoothing=found[0].smoothing, slice_scores=scores,
        scored=tuple(indices), between=tuple(sorted({*body.indices} - {*indices})), axis=settings.axis,
        shape=cut.shape, affine=cut.affine, frame=slicer.frame,
        examined_bits=None if body.examined is None else np.packbits(body.examined),
    )  # fmt: skip
    if slicer.laid is None:
        return prediction
    units = detector.in_units(samples, prediction.grid)
    return carried_back(prediction, slicer.laid.to_scan, slicer.volume, units, slicer.laid.remark)
