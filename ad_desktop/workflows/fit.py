"""Fitting a model of normality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Failure, Sample, VolumeSample
from ad_desktop.data.tiles import Tiling
from ad_desktop.detectors.params import make_params
from ad_desktop.detectors.registry import DEFAULT, get_detector
from ad_desktop.detectors.tiled.detector import make_detector
from ad_desktop.errors import UserError
from ad_desktop.scoring.group_table import is_table
from ad_desktop.scoring.groups import assign_groups, check_spec
from ad_desktop.task import Task
from ad_desktop.workflows.calibrate import calibrate
from ad_desktop.workflows.model import HELD_OUT, NO_THEORY, RULES, THEORY, FittedModel, check_fpr
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.stream import usable


@dataclass(frozen=True)
class FitOptions:
    """How to fit: detector and its parameters (values or texts), accepted false-positive rate, groups, device.

    ``roi`` is where pictures are examined, ``min_region`` the smallest region to mark, in pixels,
    ``tiling`` how large pictures are cut, ``slices`` how scans
    are looked at.
    """

    detector: str = DEFAULT
    params: Mapping[str, Any] = field(default_factory=dict)
    fpr: float = 0.05
    groups: str = "auto"
    device: str = "auto"
    threshold_rule: str = HELD_OUT
    roi: RegionOfInterest = field(default_factory=RegionOfInterest)
    min_region: int = 0
    tiling: Tiling = field(default_factory=Tiling)
    slices: SliceSettings = field(default_factory=SliceSettings)


@dataclass
class FitOutcome:
    """A model, the inputs it could not use, and what the user should know."""

    model: FittedModel
    failures: list[Failure]
    notes: tuple[str, ...]


def fit(samples: Sequence[Sample], options: FitOptions, task: Task) -> FitOutcome:
    """Fit a detector on normal samples, all pictures or all scans, and calibrate its threshold.

    ``UserError`` for options that cannot be, and where too few samples can be used; single bad
    inputs are listed in the outcome. Detectors that need no normal samples give an uncalibrated model without any.
    """
    scans = [sample for sample in samples if isinstance(sample, VolumeSample)]
    if scans:
        from ad_desktop.workflows.scans.fit import fit_scans
        from ad_desktop.workflows.scans.opening import scan_opener, with_told_unit

        if len(scans) < len(samples):
            raise UserError(
                f"{len(scans)} scans and {len(samples) - len(scans)} pictures cannot be learned together: fit a model "
                "for each kind."
            )
        slices = with_told_unit(options.slices, scans)
        return fit_scans(scans, options, slices, scan_opener(slices.unit), task)
    check_fpr(options.fpr)
    check_spec(options.groups)
    if options.threshold_rule not in RULES:
        raise UserError(f"Unknown threshold rule {options.threshold_rule!r}: choose one of {', '.join(RULES)}.")
    kind = get_detector(options.detector)
    detector = make_detector(
        kind, make_params(kind.Params, options.params), options.device, options.roi, options.tiling
    )
    if options.threshold_rule == THEORY and not detector.has_theoretical_threshold:
        raise UserError(NO_THEORY)
    if not samples and kind.needs_normal_samples:
        raise UserError(
            f"At least two normal pictures are needed: {kind.title} learns from them. Name the files or folders that "
            "hold them."
        )
    failures: list[Failure] = []
    unique = {sample.key: sample for sample in samples}
    if unique:
        # A table or pattern that leaves pictures out is found out now, not after the work.
        assign_groups(options.groups, list(unique), None)
    task.report("Preparing the network")
    detector.load(task)
    detector.survey(list(unique.values()), task)
    try:
        detector.fit(usable(detector, list(unique.values()), failures, "Learning normal pictures", task), task)
    except UserError as error:
        raise UserError(with_failures(str(error), failures)) from error
    calibration = calibrate(detector, options.groups, task)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    model = FittedModel(detector, calibration, options.fpr, options.threshold_rule, lasting(options.groups), created)
    model.min_region = options.min_region
    model.slices = None if samples else options.slices
    # Held-out scores that are no numbers are found out now, not when the first picture is judged.
    _ = model.threshold
    return FitOutcome(model, failures, task.notes)


def lasting(group_spec: str) -> str:
    """The rule as a later update finds it, from whatever folder that is run."""
    return str(Path(group_spec).absolute()) if is_table(group_spec) else group_spec


def with_failures(message: str, failures: Sequence[Failure]) -> str:
    """The message with the first few inputs that could not be used."""
    if not failures:
        return message
    shown = "; ".join(f"{failure.path}: {failure.reason}" for failure in failures[:3])
    more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
    return f"{message} {len(failures)} could not be used: {shown}{more}"
