"""What each command does: it calls the workflow the window calls, and prints."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ad_desktop.cli.console import put, put_json, put_table, say, say_failures, shown
from ad_desktop.cli.main import ALL_DONE, NOTHING_DONE, SOME_FAILED
from ad_desktop.data.folders import scan
from ad_desktop.data.samples import Failure, Sample
from ad_desktop.detectors.params import describe_params
from ad_desktop.detectors.registry import get_detector
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.evaluate import evaluate, table_rows
from ad_desktop.workflows.export import Exporter, check_kinds
from ad_desktop.workflows.fit import FitOptions, FitOutcome, fit
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import check_target, load_model, save_model
from ad_desktop.workflows.update import update


def run_fit(chosen: argparse.Namespace) -> int:
    """Fit on normal pictures and save the model."""
    params = dict(_setting(text) for text in chosen.settings)
    options = FitOptions(chosen.detector, params, chosen.fpr, chosen.groups, chosen.device, chosen.threshold)
    check_target(chosen.out)
    with shown(Task()) as task:
        found = scan(chosen.normal, task)
        outcome = fit(found.samples, options, task)
        save_model(outcome.model, chosen.out)
    return _told(outcome, found.failures, chosen.out, chosen.json)


def run_update(chosen: argparse.Namespace) -> int:
    """Change the normal set of a model and save it."""
    if not chosen.add and not chosen.remove:
        raise UserError("Nothing to do: name pictures with --add or --remove.")
    target = chosen.out or chosen.model
    check_target(target)
    with shown(Task()) as task:
        model = load_model(chosen.model, chosen.device, task)
        found = scan(chosen.add, task) if chosen.add else None
        gone, unknown = _known(model, chosen.remove)
        if not gone and not (found and found.samples):
            say_failures([*(found.failures if found else []), *unknown])
            raise UserError("Nothing was changed: none of the pictures can be added or removed.")
        outcome = update(model, found.samples if found else [], gone, task)
        save_model(outcome.model, target)
    return _told(outcome, [*(found.failures if found else []), *unknown], target, chosen.json)


def run_predict(chosen: argparse.Namespace) -> int:
    """Score pictures: one line each, and files if asked for."""
    kinds = [kind for kind in chosen.export.split(",") if kind]
    check_kinds(kinds)
    failed = done = 0
    table: list[dict[str, Any]] = []
    with shown(Task()) as task:
        model = load_model(chosen.model, chosen.device, task)
        found = scan(chosen.paths, task)
        exporter = Exporter(model, found.samples, chosen.out, kinds) if chosen.out else None
        for line in _lines(model, found.samples, found.failures, exporter, task):
            failed, done = failed + (line["error"] is not None), done + 1
            if chosen.json:
                put_json(line)
            else:
                table.append(line)
        if exporter is not None:
            exporter.finish()
    if not chosen.json:
        _put_results(table)
    if failed:
        say(f"{failed} of {done} inputs failed.")
    return NOTHING_DONE if failed == done else SOME_FAILED if failed else ALL_DONE


def run_evaluate(chosen: argparse.Namespace) -> int:
    """Measure a model on a data set."""
    with shown(Task()) as task:
        model = load_model(chosen.model, chosen.device, task)
        found = evaluate(model, chosen.dataset, task)
    figures = found.as_dict()
    if chosen.json:
        put_json(figures)
    else:
        title = f"{figures['n_normal']} normal and {figures['n_anomalous']} anomalous pictures"
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
            put_table(("Defect", "Pictures", "Found", "Image AUROC"), rows)
    say_failures(found.errors)
    return SOME_FAILED if found.errors else ALL_DONE


def run_info(chosen: argparse.Namespace) -> int:
    """Show the installation, a detector's parameters, or what paths are."""
    from ad_desktop.workflows.info import describe_path, environment

    if chosen.detector:
        return _put_parameters(chosen.detector, chosen.json)
    if not chosen.paths:
        return _put_facts(environment(), chosen.json)
    failed = 0
    for path in chosen.paths:
        try:
            _put_facts(describe_path(path), chosen.json)
        except UserError as error:
            failed += 1
            if chosen.json:
                put_json({"path": str(path), "error": str(error)})
            say(str(error))
    return NOTHING_DONE if failed == len(chosen.paths) else SOME_FAILED if failed else ALL_DONE


def run_sample(chosen: argparse.Namespace) -> int:
    """Fit and check the bundled sample without a window, into a folder."""
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


def _lines(
    model: FittedModel, samples: Sequence[Sample], failures: Sequence[Failure], exporter: Exporter | None, task: Task
) -> Iterator[dict[str, Any]]:
    """One JSON-able line per input: first those that cannot be opened at all, then every sample in order."""
    for failure in failures:
        if exporter is not None:
            exporter.add_failure(failure)
        yield _line(failure.path, error=failure.reason)
    if not samples:
        return
    for result in predict(model, samples, task):
        yield _scored(model, result, exporter)


def _scored(model: FittedModel, result: Result, exporter: Exporter | None) -> dict[str, Any]:
    path, page = str(result.sample.path), result.sample.page
    error = result.error if exporter is None else exporter.add(result)
    if result.prediction is None:
        return _line(path, page, error=error)
    judged = model.judge(result.prediction.anomaly_score)
    return _line(path, page, judged.anomaly_score, judged.threshold, judged.pred_label, judged.percentile, error)


def _line(
    path: str, page: int | None = None, score: float | None = None, threshold: float | None = None,
    pred_label: bool | None = None, percentile: float | None = None, error: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    line: dict[str, Any] = {
        "path": path, "anomaly_score": score, "threshold": threshold, "pred_label": pred_label,
        "percentile": percentile, "error": error,
    }  # fmt: skip
    return line if page is None else {**line, "page": page + 1}


def _put_results(lines: Sequence[dict[str, Any]]) -> None:
    ranked = sorted(lines, key=lambda line: (line["anomaly_score"] is None, -(line["anomaly_score"] or 0.0)))
    rows = []
    for line in ranked:
        name = line["path"] if "page" not in line else f"{line['path']} page {line['page']}"
        if line["anomaly_score"] is None:
            rows.append((name, "–", "–", "–", f"error: {line['error']}"))
        else:
            verdict = "anomalous" if line["pred_label"] else "good"
            numbers = (f"{line['anomaly_score']:.4g}", f"{line['threshold']:.4g}", f"{line['percentile']:.1f} %")
            rows.append((name, *numbers, verdict if not line["error"] else f"{verdict}, but {line['error']}"))
    put_table(("Path", "Score", "Threshold", "Percentile among normal", "Verdict"), rows)


def _told(outcome: FitOutcome, more_failures: Sequence[Failure], target: Path, as_json: bool) -> int:
    model, failures = outcome.model, [*more_failures, *outcome.failures]
    threshold = model.threshold
    facts = {
        "model": str(target), "n_normal": len(model.detector.normal_set.keys), "groups": threshold.groups,
        "group_rule": model.calibration.rule, "duplicate_ratio": model.calibration.duplicate_ratio,
        "threshold": threshold.value, "threshold_rule": threshold.rule, "fpr": threshold.fpr,
        "fpr_interval": [threshold.low, threshold.high], "smallest_fpr": threshold.smallest,
        "notes": list(outcome.notes), "errors": [{"path": f.path, "error": f.reason} for f in failures],
    }  # fmt: skip
    if as_json:
        put_json(facts)
    else:
        put(f"{target}: fitted on {facts['n_normal']} normal pictures")
        put(f"groups {threshold.groups} ({facts['group_rule']})")
        interval = f"; on new normal pictures {threshold.low:.1%} to {threshold.high:.1%} are likely"
        mark = (
            " (extrapolated: too few normal pictures to measure this rate)" if threshold.rule == "extrapolated" else ""
        )
        put(f"threshold {threshold.value:.4g} for {threshold.fpr:.3g} false positives{interval}{mark}")
    say_failures(failures)
    return SOME_FAILED if failures else ALL_DONE


def _known(model: FittedModel, paths: Sequence[Path]) -> tuple[list[str], list[Failure]]:
    """Keys of the normal pictures that ``paths`` name (folders: all below), and the paths that name none."""
    keys, gone, unknown = model.detector.normal_set.keys, [], []
    for path in paths:
        whole = str(path.absolute())
        matching = [k for k in keys if k == whole or k.startswith((f"{whole}#", f"{whole.rstrip('/')}/"))]
        gone += matching
        if not matching:
            unknown.append(Failure(str(path), "it is not among the normal pictures of this model"))
    return list(dict.fromkeys(gone)), unknown


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--set {text}: write NAME=VALUE.")
    return name.strip().replace("-", "_"), value.strip()


def _put_parameters(name: str, as_json: bool) -> int:
    kind = get_detector(name)
    rows = []
    for info in describe_params(kind.Params):
        default = ",".join(map(str, info.default)) if isinstance(info.default, tuple) else str(info.default)
        choices = f" One of: {', '.join(map(str, info.choices))}." if info.choices else ""
        rows.append({"name": info.name, "default": default, "help": f"{info.help}.{choices}"})
    if as_json:
        put_json({"detector": name, "summary": kind.summary, "parameters": rows})
    else:
        put(f"{kind.title}: {kind.summary}")
        put_table(("Parameter", "Default", "Meaning"), [(r["name"], r["default"], r["help"]) for r in rows])
    return ALL_DONE


def _put_facts(facts: dict[str, Any], as_json: bool) -> int:
    if as_json:
        put_json(facts)
        return ALL_DONE
    for name, value in facts.items():
        if isinstance(value, dict):
            put(f"{name}:")
            for key, item in value.items():
                put(f"  {key}: {item}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            put(f"{name}:")
            for item in value:
                put("  " + ", ".join(f"{k} {v}" for k, v in item.items()))
        else:
            put(f"{name}: {value}")
    return ALL_DONE
