"""Scans on their way into a detector: the next one is read while this one is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ad_desktop.data.loader import prefetch
from ad_desktop.data.samples import Failure, SliceSample, VolumeSample
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.base import Detector, Prepared
from ad_desktop.errors import InputError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings
from ad_desktop.workflows.scans.settle import settle_alone
from ad_desktop.workflows.scans.slicer import Opener, Slicer
from ad_desktop.workflows.stream import MAX_WORKERS

AHEAD = 2
"""Scans being read or waiting: no more than two are in memory beside the one in work."""


def slicers(
    samples: Sequence[VolumeSample], view: ScanView | SliceSettings, opener: Opener, task: Task
) -> Iterator[tuple[VolumeSample, Slicer | InputError]]:
    """Each scan, read and its body found, ready to be cut; with settings alone each settles the rest by itself."""

    def load(sample: VolumeSample) -> Slicer:
        volume: Volume = opener(sample, task)
        return Slicer(volume, sample, view if isinstance(view, ScanView) else settle_alone(sample, volume, view))

    return prefetch(samples, load, workers=1, ahead=AHEAD, task=task)


def prepared_slices(
    detector: Detector, slicer: Slicer, task: Task, step: int = 1
) -> Iterator[tuple[SliceSample, Prepared | InputError]]:
    """The slices of one scan, prepared by threads, in order."""
    cut = slicer.samples(step)
    return prefetch(cut, detector.prepare, workers=2, ahead=2 * MAX_WORKERS, task=task)


def usable_slices(
    detector: Detector, samples: Sequence[VolumeSample], view: ScanView, opener: Opener,
    failures: list[Failure], message: str, task: Task,
) -> Iterator[Prepared]:  # fmt: skip
    """The prepared slices of all scans; a scan of which any slice fails is left out whole and put on ``failures``."""
    for done, (sample, slicer) in enumerate(slicers(samples, view, opener, task)):
        if isinstance(slicer, InputError):
            failures.append(Failure(str(sample.path), slicer.reason))
            continue
        step = view.settings.step
        ready = []
        try:
            slicer.without_lesions()
            total = len(slicer.body.indices[::step])
            for at, (_, item) in enumerate(prepared_slices(detector, slicer, task, step)):
                task.report(f"{message} ({done + 1} of {len(samples)})", at, total)
                if isinstance(item, InputError):
                    raise item
                ready.append(item)
        except InputError as error:
            failures.append(Failure(str(sample.path), error.reason))
            continue
        yield from ready
