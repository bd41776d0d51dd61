"""Scoring inputs with a fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ad_desktop.data.samples import Sample, VolumeSample
from ad_desktop.detectors.base import Prepared
from ad_desktop.errors import InputError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.stream import prepared_stream

MESSAGE = "Checking pictures"


OTHER_KIND = {
    True: "the model was fitted on scans, and this is a picture: check it with a model of pictures",
    False: "the model was fitted on pictures, and this is a scan: fit a model on normal scans",
}


def predict(model: FittedModel, samples: Sequence[Sample], task: Task, keep_volumes: bool = False) -> Iterator[Result]:
    """Score samples one after another, in order; inputs that cannot be used give a result with ``error``.

    ``keep_volumes``: results of scans bring the scan along, which is large.
    """
    kinds = {True, False} if model.zero_shot_slices else {model.scans is not None}
    found = {
        True: _scans(model, [sample for sample in samples if isinstance(sample, VolumeSample)], task, keep_volumes),
        False: _pictures(model, [sample for sample in samples if not isinstance(sample, VolumeSample)], task),
    }
    for sample in samples:
        kind = isinstance(sample, VolumeSample)
        yield next(found[kind]) if kind in kinds else Result(sample, error=OTHER_KIND[not kind], unsuited=True)


def _scans(model: FittedModel, samples: Sequence[VolumeSample], task: Task, keep_volumes: bool) -> Iterator[Result]:
    from ad_desktop.workflows.scans.channels import Channels, channel_names, with_partners
    from ad_desktop.workflows.scans.opening import scan_opener
    from ad_desktop.workflows.scans.predict import predict_scans

    opener = scan_opener(model.scan_unit)
    names = channel_names(model.scans.settings.channels) if model.scans else ()
    if names and samples:
        opener = with_partners(opener, Channels(names, samples, task))
    for result, volume in predict_scans(model, samples, opener, task):
        yield replace(result, volume=volume) if keep_volumes else result


def _pictures(model: FittedModel, samples: Sequence[Sample], task: Task) -> Iterator[Result]:
    detector = model.detector
    task.report("Preparing the network")
    detector.load(task)
    size = max(1, detector.batch_size)
    waiting: list[tuple[Sample, Prepared | InputError]] = []
    done = 0
    task.report(MESSAGE, 0, len(samples))
    for pair in prepared_stream(detector, samples, task):
        waiting.append(pair)
        if len(waiting) < size and done + len(waiting) < len(samples):
            continue
        for result in _score(model, waiting):
            done += 1
            task.report(MESSAGE, done, len(samples))
            yield result
        waiting = []


def _score(model: FittedModel, waiting: Sequence[tuple[Sample, Prepared | InputError]]) -> Iterator[Result]:
    batch = [item for _, item in waiting if not isinstance(item, InputError)]
    predictions = iter(model.detector.predict(batch) if batch else [])
    for sample, item in waiting:
        if isinstance(item, InputError):
            yield Result(sample, error=item.reason)
        else:
            yield Result(sample, next(predictions))
