"""Writing results to a folder: pictures, masks, maps and tables."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ad_desktop.data.images import load
from ad_desktop.data.intensity import to_display, value_range_of
from ad_desktop.data.samples import Failure, Sample
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.errors import InputError, UserError
from ad_desktop.export.dicom_source import is_dicom
from ad_desktop.export.names import export_names
from ad_desktop.export.record import ExportRecord, OverlayStyle, ResultRow, row_of
from ad_desktop.export.registry import every_scan, sample_exporters, table_exporters, volume_exporters
from ad_desktop.export.write import export_sample, export_volume, write_tables
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.scans.record import scan_record, scan_row


def export_kinds(pictures: bool = True, scans: bool = True) -> dict[str, str]:
    """Every kind of export that ``pictures`` or ``scans`` have, with its title; that for pictures where both do."""
    titles = {exporter.kind: exporter.title for exporter in sample_exporters().values()} if pictures else {}
    if scans:
        for exporter in volume_exporters().values():
            if exporter.meant is every_scan:
                titles.setdefault(exporter.kind, exporter.title)
    tables = {exporter.kind: exporter.title for exporter in table_exporters().values()}
    return {kind: title for kind, title in titles.items() if kind not in tables} | tables


def check_kinds(kinds: Collection[str]) -> None:
    """``UserError`` unless all ``kinds`` exist."""
    unknown = [kind for kind in kinds if kind not in export_kinds()]
    if unknown:
        raise UserError(f"Unknown kind of export {unknown[0]!r}. Known: {', '.join(export_kinds())}.")


def without_exports(samples: Sequence[Sample], folder: Path, task: Task) -> list[Sample]:
    """The samples that are not results of an earlier export to ``folder``; a note says how many were left out.

    They turn up where results are written below the pictures themselves.
    """
    root = os.path.abspath(folder) + os.sep  # noqa: PTH100 - resolve() would follow links
    own = tuple(os.path.join(root, exporter.folder) + os.sep for exporter in sample_exporters().values())  # noqa: PTH118
    names = {exporter.file_name for exporter in volume_exporters().values()}

    def is_result(sample: Sample) -> bool:
        path = os.path.abspath(sample.path)  # noqa: PTH100
        # A scan's results lie in a folder of the scan's own name, at any depth.
        return path.startswith(own) or (path.startswith(root) and sample.path.name in names)

    kept = [sample for sample in samples if not is_result(sample)]
    if len(kept) < len(samples):
        task.note(f"{len(samples) - len(kept)} files in {folder} were passed over: they are earlier results.")
    return kept


@dataclass
class ExportOutcome:
    """The files written, and the samples for which some could not be."""

    files: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class Exporter:
    """Writes results one by one, so that a long run keeps nothing but its table rows.

    ``samples`` are all that will be exported (their names have to be told apart), ``kinds`` the files
    wanted; those of ``for_series`` are passed over for scans that are no DICOM. ``UserError`` where the
    folder cannot be written.
    """

    def __init__(
        self,
        model: FittedModel,
        samples: Sequence[Sample],
        folder: Path,
        kinds: Collection[str],
        style: OverlayStyle | None = None,
        labels: Mapping[str, str] | None = None,
        for_series: Collection[str] = (),
    ) -> None:
        self.outcome = ExportOutcome()
        self._model, self._folder, self._kinds, self._for_series = model, folder, kinds, for_series
        self._style = replace(style or OverlayStyle(), map_range=model.map_range)
        self._labels = labels or {}
        unique = list({sample.key: sample for sample in samples}.values())
        self._names = {s.key: name for s, name in zip(unique, export_names(unique), strict=True)}
        self._rows: dict[str, ResultRow] = {}

    def add_failure(self, failure: Failure) -> None:
        """Keep a row for an input that never became a sample."""
        self._rows[failure.path] = ResultRow(failure.path, error=failure.reason)
        self.outcome.failures.append(failure)

    def add(self, result: Result) -> str | None:
        """Write one result's own files and keep its row; returns what went wrong, if anything did."""
        sample = result.sample
        try:
            self._rows[sample.key] = self._row(result)
        except InputError as problem:
            self._rows[sample.key] = _failed(sample, problem.reason)
        error = self._rows[sample.key].error
        if error:
            self.outcome.failures.append(Failure(str(sample.path), error))
        return error

    def finish(self) -> ExportOutcome:
        """Write the tables and return what was done."""
        self.outcome.files += write_tables(list(self._rows.values()), self._folder, self._kinds)
        return self.outcome

    def _row(self, result: Result) -> ResultRow:
        sample, prediction = result.sample, result.prediction
        if prediction is None:
            return _failed(sample, result.error or "it was not checked")
        if isinstance(prediction, VolumePrediction):
            return self._scan_row(result, prediction)
        judgement = self._model.judge(prediction.anomaly_score)
        model = self._model
        record = ExportRecord(
            self._names[sample.key], sample.path, sample.page, self._pixels(sample), prediction.anomaly_map,
            judgement.anomaly_score, judgement.threshold, model.map_threshold, judgement.pred_label,
            judgement.percentile, judgement.verdict, self._labels.get(sample.key, ""), model.title, model.min_region,
            self._style,
        )  # fmt: skip
        self.outcome.files += export_sample(record, self._folder, self._kinds)
        return row_of(record)

    def _scan_row(self, result: Result, prediction: VolumePrediction) -> ResultRow:
        """Write a scan's own folder, and keep its row."""
        name = self._names[result.sample.key]
        record = scan_record(self._model, result, prediction)
        kinds = [*self._kinds, *self._for_series] if is_dicom(result.sample) else self._kinds
        self.outcome.files += export_volume(record, self._folder / name, kinds)
        return scan_row(record, name, self._labels.get(result.sample.key, ""))

    def _pixels(self, sample: Sample) -> NDArray[Any]:
        pixels = load(sample).pixels
        return to_display(pixels, value_range_of(pixels))


def export_results(
    model: FittedModel,
    results: Iterable[Result],
    folder: Path,
    kinds: Collection[str],
    task: Task,
    style: OverlayStyle | None = None,
    labels: Mapping[str, str] | None = None,
) -> ExportOutcome:
    """Write known results; ``labels`` by sample key go into the tables. ``UserError`` where nothing can be written."""
    known = list(results)
    exporter = Exporter(model, [result.sample for result in known], folder, kinds, style, labels)
    for done, result in enumerate(known):
        task.report("Exporting", done, len(known))
        exporter.add(result)
    return exporter.finish()


def _failed(sample: Sample, reason: str) -> ResultRow:
    return ResultRow(str(sample.path), None if sample.page is None else sample.page + 1, error=reason)
