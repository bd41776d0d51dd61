"""What each command does: it calls the workflow the window calls, and prints."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# What only one of the commands needs is imported there: an update takes little longer than all these imports.
from ad_desktop.cli.console import put, put_json, put_table, say, say_failures, shown
from ad_desktop.cli.main import ALL_DONE, NOTHING_DONE, SOME_FAILED
from ad_desktop.data.samples import Failure
from ad_desktop.errors import InputError, UserError
from ad_desktop.scoring.thresholds import Threshold, samples_needed
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.store import check_target, load_model, save_model

if TYPE_CHECKING:
    from ad_desktop.cli.predictions import Line
    from ad_desktop.workflows.fit import FitOutcome

DICOM_KINDS = ("dicom-seg", "dicom-sc")
SCAN_FLAGS = (
    "axis",
    "slices",
    "step",
    "window",
    "mask",
    "channels",
    "lesions",
    "bands",
    "align",
    "even",
    "min_ml",
    "peak",
    "above",
    "unit",
)


def run_fit(chosen: argparse.Namespace) -> int:
    """Fit on normal pictures or scans and save the model."""
    from ad_desktop.data.roi import read_roi
    from ad_desktop.data.tiles import Tiling
    from ad_desktop.detectors.params import make_params
    from ad_desktop.workflows.fit import FitOptions, fit
    from ad_desktop.workflows.gather import scan_normal
    from ad_desktop.workflows.scans.settings import SliceSettings

    params = dict(_setting(text) for text in chosen.settings)
    options = FitOptions(
        chosen.detector, params, chosen.fpr, chosen.groups, chosen.device, chosen.threshold,
        read_roi(chosen.roi, chosen.border), max(0, chosen.min_region), Tiling(chosen.tile, chosen.overlap),
        make_params(SliceSettings, {name: getattr(chosen, name) for name in SCAN_FLAGS}),
    )  # fmt: skip
    check_target(chosen.out)
    with shown(Task()) as task:
        found = scan_normal(_upright(chosen.normal), task)
        try:
            outcome = fit(found.samples, options, task)
        except UserError:
            say_failures(found.failures)
            raise
        save_model(outcome.model, chosen.out)
    return _told(outcome, found.failures, chosen.out, chosen.json)


def run_update(chosen: argparse.Namespace) -> int:
    """Change the normal set of a model and save it."""
    from ad_desktop.workflows.gather import scan_normal
    from ad_desktop.workflows.update import update

    if not chosen.add and not chosen.remove:
        raise UserError("Nothing to do: name pictures or scans with --add or --remove.")
    target = chosen.out or chosen.model
    check_target(target)
    with shown(Task()) as task:
        model = load_model(chosen.model, chosen.device, task, network=True)
        found = scan_normal(_upright(chosen.add), task)
        gone, unknown = _known(model, chosen.remove)
        failures = [*found.failures, *unknown]
        if not gone and not found.samples:
            say_failures(failures)
            raise UserError("Nothing was changed: none of what was named can be added or removed.")
        outcome = update(model, found.samples, gone, task)
        save_model(outcome.model, target)
    return _told(outcome, failures, target, chosen.json)


def run_predict(chosen: argparse.Namespace) -> int:
    """Score pictures or scans: one line each, and files if asked for."""
    from ad_desktop.cli.predictions import prediction_lines, put_lines
    from ad_desktop.export.write import make_folder
    from ad_desktop.workflows.export import Exporter, check_kinds, without_exports
    from ad_desktop.workflows.gather import scan_to_check

    kinds = [kind.strip() for kind in chosen.export.split(",") if kind.strip()]
    for_series = [kind for kind in DICOM_KINDS if getattr(chosen, kind.replace("-", "_"))]
    check_kinds(kinds)
    if for_series and not chosen.out:
        raise UserError(f"--{for_series[0]} writes a file for each scan: name a folder for them with --out.")
    lines: list[Line] = []
    failed = done = 0
    with shown(Task()) as task:
        model = load_model(chosen.model, chosen.device, task)
        found = scan_to_check(chosen.paths, task)
        exporter = None
        if chosen.out:
            make_folder(chosen.out)
            found.samples = without_exports(found.samples, chosen.out, task)
            exporter = Exporter(model, found.samples, chosen.out, kinds, for_series=for_series)
        for line in prediction_lines(model, chosen.paths, found, exporter, task):
            failed, done = failed + (line.error is not None), done + 1
            if chosen.json:
                put_json(line.facts)
            else:
                lines.append(line)
        if exporter is not None:
            exporter.finish()
    if lines:
        put_lines(lines)
    if failed or not done:
        say(f"{failed} of {done} inputs failed.")
    return NOTHING_DONE if failed == done else SOME_FAILED if failed else ALL_DONE


def run_evaluate(chosen: argparse.Namespace) -> int:
    """Measure a model on a data set."""
    from ad_desktop.workflows.evaluate import evaluate, table_rows

    with shown(Task()) as task:
        model = load_model(chosen.model, chosen.device, task)
        found = evaluate(model, chosen.dataset, task)
    figures = found.as_dict()
    if chosen.json:
        put_json(figures)
    else:
        what = "pictures" if found.voxels is None else "scans"
        title = f"{figures['n_normal']} normal and {figures['n_anomalous']} anomalous {what}"
        put_table(("Metric", "Value"), table_rows(figures), title)
        rows = [
            (
                defect,
                str(line["n"]),
                f"{line['tpr']:.1%}",
                "–" if line["image_auroc"] is None else f"{line['image_auroc']:.4f}",
            )
            for defect, line in figures["per_defect"].items()
        ]
        if rows:
            put_table(("Defect", what.capitalize(), "Found", "Image AUROC"), rows)
    say_failures(found.errors)
    return SOME_FAILED if found.errors else ALL_DONE


def run_info(chosen: argparse.Namespace) -> int:
    """Show the installation, a detector's parameters, or what paths are."""
    from ad_desktop.cli.facts import put_facts, put_parameters
    from ad_desktop.workflows.info import describe_path, environment

    if chosen.detector:
        put_parameters(chosen.detector, chosen.json)
        return ALL_DONE
    if not chosen.paths:
        put_facts(environment(), chosen.json)
        return ALL_DONE
    failed, task = 0, Task()
    for path in chosen.paths:
        try:
            put_facts(describe_path(path, task), chosen.json)
        except UserError as error:
            failed += 1
            if chosen.json:
                put_json({"path": str(path), "error": error.reason if isinstance(error, InputError) else str(error)})
            say(str(error))
    return NOTHING_DONE if failed == len(chosen.paths) else SOME_FAILED if failed else ALL_DONE


def run_convert(chosen: argparse.Namespace) -> int:
    """Write one scan as NIfTI."""
    from ad_desktop.cli.facts import put_facts
    from ad_desktop.workflows.convert import convert, volume_facts

    with shown(Task()) as task:
        volume = convert(chosen.scan, chosen.out, chosen.series, chosen.unit, task)
    put_facts({"out": str(chosen.out), **volume_facts(volume)}, chosen.json)
    return ALL_DONE


def run_export(chosen: argparse.Namespace) -> int:
    """Write a model's learned prompts in the published format, an ONNX graph, or both."""
    from ad_desktop.cli.facts import put_facts
    from ad_desktop.workflows.handover import write_onnx, write_prompts

    targets = {name: path for name in ("prompts", "onnx") if (path := getattr(chosen, name))}
    if not targets:
        raise UserError("Nothing to do: name a file with --prompts or --onnx.")
    for path in targets.values():
        check_target(path)
    facts: dict[str, object] = {name: str(path) for name, path in targets.items()}
    with shown(Task()) as task:
        model = load_model(chosen.model, "cpu")
        if chosen.prompts:
            write_prompts(model, chosen.prompts, task)
        if chosen.onnx:
            facts["difference"] = write_onnx(model, chosen.onnx, task)
    put_facts(facts, chosen.json)
    return ALL_DONE


def run_sample(chosen: argparse.Namespace) -> int:
    """Fit and check the bundled sample without a window, into a folder."""
    from ad_desktop.workflows.evaluate import table_rows
    from ad_desktop.workflows.sample import run_sample as run

    with shown(Task()) as task:
        found = run(chosen.out, task)
    if chosen.json:
        put_json({**found.figures, "out": str(chosen.out)})
    else:
        put_table(("Metric", "Value"), table_rows(found.figures), "The bundled sample")
        put(f"Results: {chosen.out.absolute()}")
    say_failures(found.failures)
    return SOME_FAILED if found.failures else ALL_DONE


def _told(outcome: FitOutcome, more_failures: Sequence[Failure], target: Path, as_json: bool) -> int:
    model, failures = outcome.model, [*more_failures, *outcome.failures]
    threshold, count = model.threshold, len(model.normal_keys)
    what = "pictures" if model.scans is None else "scans"
    if as_json:
        put_json({
            "model": str(target), "n_normal": count, "groups": threshold.groups,
            "group_rule": model.calibration.rule, "duplicate_ratio": model.calibration.duplicate_ratio,
            "threshold": threshold.value, "threshold_rule": threshold.rule, "fpr": threshold.fpr,
            "fpr_interval": [threshold.low, threshold.high] if model.calibrated else None,
            "smallest_fpr": threshold.smallest,
            "notes": list(outcome.notes), "errors": [{"path": f.path, "error": f.reason} for f in failures],
        })  # fmt: skip
    else:
        put(f"{target}: fitted on {count} normal {what}")
        if model.calibrated:
            put(f"groups {threshold.groups} ({model.calibration.rule})")
        rate = f" for a false-positive rate of {threshold.fpr:.3g}" if model.calibrated else ""
        put(f"threshold {threshold.value:.4g}{rate}; {_promise(threshold, what)}")
    say_failures(failures)
    return SOME_FAILED if failures else ALL_DONE


def _promise(threshold: Threshold, what: str) -> str:
    if threshold.rule == "uncalibrated":
        return f"uncalibrated: without normal {what} nobody knows how often it is wrong on them"
    if threshold.rule == "chi2":
        return f"it holds for Gaussian features only, and was not measured on these {what}"
    mark = ""
    if threshold.rule == "extrapolated":
        needed = samples_needed(threshold.fpr)
        mark = f" (extrapolated: to measure this rate takes {needed} normal {what}, and there are {threshold.groups})"
    return f"on new normal {what} {threshold.low:.1%} to {threshold.high:.1%} are likely{mark}"


def _known(model: FittedModel, paths: Sequence[Path]) -> tuple[list[str], list[Failure]]:
    """Keys of the normal pictures that ``paths`` name (folders: all below), and the paths that name none."""
    keys, gone, unknown = model.detector.normal_set.keys, [], []
    for path in dict.fromkeys(paths):
        # The files may be long gone, so their names alone decide.
        whole = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
        folder = whole.rstrip(os.sep) + os.sep
        matching = [key for key in keys if key == whole or key.startswith((f"{whole}#", folder))]
        gone += matching
        if not matching:
            unknown.append(Failure(str(path), "it is not among what this model learned from"))
    return list(dict.fromkeys(gone)), unknown


def _upright(paths: Sequence[Path]) -> list[Path]:
    """Paths without ``..``: the model remembers its inputs by path, and each has to have one only."""
    return [Path(os.path.abspath(path)) if ".." in path.parts else path for path in paths]  # noqa: PTH100


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--set {text}: write NAME=VALUE.")
    return name.strip().replace("-", "_"), value.strip()
