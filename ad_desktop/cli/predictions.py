"""One line for each input of ``predict``, in the order of the paths given."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ad_desktop.cli.console import put_table
from ad_desktop.data.folders import Scan
from ad_desktop.data.samples import Failure
from ad_desktop.task import Task
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.record import scan_facts

Ranked: TypeAlias = Iterator[tuple[int, Failure | Result]]


class Line(NamedTuple):
    """What is said of one input: ``facts`` for scripts, ``verdict`` in a word for people."""

    facts: dict[str, Any]
    verdict: str = ""

    @property
    def error(self) -> str | None:
        """Why the input, or a file about it, could not be made; None if all is well."""
        error: str | None = self.facts["error"]
        return error


def prediction_lines(
    model: FittedModel, paths: Sequence[Path], found: Scan, exporter: Exporter | None, task: Task
) -> Iterator[Line]:
    """Score what was ``found`` in ``paths``; inputs that cannot be used stand where their path was given."""
    rank = _ranks(paths)
    failed: Ranked = ((rank(Path(failure.path)), failure) for failure in found.failures)
    scored: Ranked = ((rank(result.sample.path), result) for result in _results(model, found, task))
    for _, item in heapq.merge(failed, scored, key=itemgetter(0)):
        yield _of_failure(item, exporter) if isinstance(item, Failure) else _of_result(model, item, exporter)


def put_lines(lines: Sequence[Line]) -> None:
    """The lines as a table, the most abnormal first."""
    rows = []
    for line in sorted(lines, key=_abnormality):
        facts = line.facts
        name = facts["path"] if "page" not in facts else f"{facts['path']} page {facts['page']}"
        if facts["anomaly_score"] is None:
            rows.append((name, "–", "–", "–", f"error: {line.error}"))
        else:
            share = "–" if facts["percentile"] is None else f"{facts['percentile']:.1f} %"
            numbers = (f"{facts['anomaly_score']:.4g}", f"{facts['threshold']:.4g}", share)
            but = line.error or facts.get("remark")
            rows.append((name, *numbers, f"{line.verdict}, but {but}" if but else line.verdict))
    put_table(("Path", "Score", "Threshold", "Percentile among normal", "Verdict"), rows)


def _abnormality(line: Line) -> float:
    score = line.facts["anomaly_score"]
    return float("inf") if score is None else -score


def _ranks(paths: Sequence[Path]) -> Callable[[Path], int]:
    """Which of the paths given a path lies at or below; the first one, where there are several."""
    places = {path: index for index, path in reversed(list(enumerate(paths)))}
    return lambda path: min((places[p] for p in (path, *path.parents) if p in places), default=len(paths))


def _results(model: FittedModel, found: Scan, task: Task) -> Iterator[Result]:
    if not found.samples:
        return iter(())
    results = predict(model, found.samples, task, keep_volumes=True)
    if model.scans is None or not model.scans.settings.channels:
        return results
    from ad_desktop.workflows.scans.channels import without_partners

    # They are given so that they are found beside the scans that they belong to.
    scored = {sample.key for sample in without_partners(model, found.samples, task)}
    return (result for result in results if result.sample.key in scored)


def _of_failure(failure: Failure, exporter: Exporter | None) -> Line:
    if exporter is not None:
        exporter.add_failure(failure)
    return Line(_facts(failure.path, error=failure.reason))


def _of_result(model: FittedModel, result: Result, exporter: Exporter | None) -> Line:
    path, page = str(result.sample.path), result.sample.page
    error = result.error if exporter is None else exporter.add(result)
    if result.prediction is None:
        return Line(_facts(path, page, error=error))
    judged = model.judge(result.prediction.anomaly_score)
    facts = _facts(path, page, judged.anomaly_score, judged.threshold, judged.pred_label, judged.percentile, error)
    return Line({**facts, **scan_facts(model, result)}, judged.verdict)


def _facts(
    path: str, page: int | None = None, score: float | None = None, threshold: float | None = None,
    pred_label: bool | None = None, percentile: float | None = None, error: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    facts: dict[str, Any] = {
        "path": path, "anomaly_score": score, "threshold": threshold, "pred_label": pred_label,
        "percentile": percentile, "error": error,
    }  # fmt: skip
    return facts if page is None else {**facts, "page": page + 1}
