"""The bundled sample: fitted, checked and written to a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ad_desktop.data.datasets import find_mvtec
from ad_desktop.data.samples import Failure
from ad_desktop.errors import UserError
from ad_desktop.export.write import make_folder
from ad_desktop.resources import resource
from ad_desktop.task import Task
from ad_desktop.workflows.evaluate import evaluate_dataset
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import save_model
from ad_desktop.workflows.suffix import SUFFIX

KINDS = ("overlay", "mask", "csv", "json")


@dataclass
class SampleOutcome:
    """Figures as ``evaluate`` gives them, and inputs that could not be used."""

    figures: dict[str, Any]
    failures: list[Failure]


def run_sample(folder: Path, task: Task) -> SampleOutcome:
    """Fit on the sample's good pictures, check the others, and write model, pictures and tables to ``folder``."""
    dataset = find_mvtec(resource("sample"))
    if dataset is None:
        raise UserError(f"The bundled sample in {resource('sample')} is damaged. Install AD Desktop again.")
    make_folder(folder)
    outcome = fit(dataset.normal, FitOptions(), task)
    save_model(outcome.model, folder / f"sample{SUFFIX}")
    samples = [item.sample for item in dataset.test]
    labels = {item.sample.key: item.defect or "normal" for item in dataset.test}
    exporter = Exporter(outcome.model, samples, folder, KINDS, labels=labels)
    for result in predict(outcome.model, samples, task):
        exporter.add(result)
    written = exporter.finish()
    figures = evaluate_dataset(outcome.model, dataset, task).as_dict()
    return SampleOutcome(figures, [*outcome.failures, *written.failures])
