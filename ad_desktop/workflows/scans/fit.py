"""Fitting a model of normality on scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ad_desktop.data.samples import Failure, SliceSample, VolumeSample
from ad_desktop.detectors.banded.detector import BandedDetector
from ad_desktop.detectors.base import Detector
from ad_desktop.detectors.params import make_params
from ad_desktop.detectors.registry import get_detector
from ad_desktop.errors import UserError
from ad_desktop.scoring.groups import assign_groups, check_spec
from ad_desktop.scoring.thresholds import samples_needed
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, FitOutcome, lasting, with_failures
from ad_desktop.workflows.model import HELD_OUT, FittedModel, check_fpr
from ad_desktop.workflows.scans.calibrate import calibrate_scans
from ad_desktop.workflows.scans.channels import Channels, channel_names, with_partners
from ad_desktop.workflows.scans.detector import by_height
from ad_desktop.workflows.scans.room import with_room
from ad_desktop.workflows.scans.settings import MASKS, SliceSettings
from ad_desktop.workflows.scans.settle import settle
from ad_desktop.workflows.scans.slicer import Opener
from ad_desktop.workflows.scans.stream import usable_slices
from ad_desktop.workflows.scans.whole import fit_whole


def fit_scans(
    samples: Sequence[VolumeSample], options: FitOptions, settings: SliceSettings, opener: Opener, task: Task
) -> FitOutcome:
    """Fit a detector on the slices of normal scans and calibrate the thresholds of scans and slices.

    Errors as in ``fit``; scans that cannot be used are listed in the outcome.
    """
    check_fpr(options.fpr)
    check_spec(options.groups)
    if options.threshold_rule != HELD_OUT:
        raise UserError("For scans the threshold comes from held-out scans only: choose the rule held-out.")
    # Wrong settings are told before scans are read.
    _ = settings.marking
    # The model finds them from whatever folder it is used in.
    if settings.mask not in MASKS:
        settings = replace(settings, mask=str(Path(settings.mask).expanduser().absolute()))
    if settings.lesions:
        settings = replace(settings, lesions=str(Path(settings.lesions).expanduser().absolute()))
    kind = get_detector(options.detector)
    detector = kind(make_params(kind.Params, options.params), options.device, options.roi)
    unique, opener, failures = _together(samples, settings, opener, detector, task)
    assign_groups(options.groups, [sample.key for sample in unique], None)
    task.report("Preparing the network")
    detector.load(task)
    view = settle(unique, settings, opener, task, detector.volumetric)
    detector = by_height(detector, view)
    detector.load(task)
    try:
        if detector.volumetric:
            calibration = fit_whole(detector, unique, view, opener, failures, task)
        else:
            # What black and white are is settled; the detector only has to be told.
            told = [SliceSample(sample.path, value_range=(view.settled.low, view.settled.high)) for sample in unique]
            detector.survey(told, task)
            slices = usable_slices(detector, unique, view, opener, failures, "Learning normal scans", task)
            detector.fit(slices if view.heights is None else with_room(slices, len(unique), task), task)
            calibration = calibrate_scans(detector, view, options.groups, task)
    except UserError as error:
        # To the detector each slice is a picture.
        raise UserError(with_failures(str(error).replace("pictures", "slices"), failures)) from error
    created = datetime.now(UTC).isoformat(timespec="seconds")
    model = FittedModel(
        detector, calibration, options.fpr, options.threshold_rule, lasting(options.groups), created, scans=view
    )
    _tell(model, settings.step, task)
    return FitOutcome(model, failures, task.notes)


def _tell(model: FittedModel, step: int, task: Task) -> None:
    """What is worth knowing of a fit."""
    detector = model.detector
    if isinstance(detector, BandedDetector) and detector.contrast_:
        task.note(
            "What counts is how far a place stands out from its surroundings in the scan, which are a quarter of the "
            "square wide: what a whole scan shares, or a change much larger than that, is not marked."
        )
    if step > 1 and not detector.volumetric:
        task.note(
            f"One of every {step} slices was learned. Between them the map can rise higher, so expect slightly more "
            "regions than asked for."
        )
    threshold = model.threshold
    if threshold.rule == "extrapolated":
        task.note(
            f"It takes {samples_needed(model.fpr)} normal scans to measure a false-positive rate of "
            f"{100 * model.fpr:.3g} %, and there are {threshold.groups}: the threshold is a guess, which more scans "
            "make firmer."
        )


def _together(
    samples: Sequence[VolumeSample], settings: SliceSettings, opener: Opener, detector: Detector, task: Task
) -> tuple[list[VolumeSample], Opener, list[Failure]]:
    """The scans to learn from, each once, an opener that brings their partners along, and scans of no channel."""
    unique = list({sample.key: sample for sample in samples}.values())
    names = channel_names(settings.channels)
    if not names:
        return unique, opener, []
    if not detector.volumetric:
        raise UserError(
            f"channels={settings.channels}: {detector.title} looks at one scan at a time. Choose AutoPaint."
        )
    channels = Channels(names, unique, task)
    scored, failures = channels.scored(unique, task)
    if not scored:
        raise UserError(with_failures(f"None of the normal scans is {names[0]}.", failures))
    return scored, with_partners(opener, channels), failures
