"""Changing the normal set of a fitted model, and scoring known pictures again.

Adding one picture to a model of about 700: less than 50 ms beyond its forward pass for the model
itself (statistics, factors, image score). Scoring 1,000 known pictures again: less than a second. Beside
these, what it takes to calibrate anew, and the whole command on a model of 1,000 normal pictures.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Report, cheapest, child, magnetic_tile, pictures

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.task import Task
from ad_desktop.workflows.calibrate import calibrate
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model, save_model
from ad_desktop.workflows.update import update

MANY = 1000
ROUNDS = 5
ADD_MILLISECONDS = 50.0
AGAIN_SECONDS = 1.0


def report_adding(normal: list[Sample], others: list[Sample], title: str) -> tuple[Report, FittedModel]:
    """Add one picture to a model of ``normal`` in every round."""
    model = fit(normal, FitOptions(), Task()).model
    detector = model.detector
    assert isinstance(detector, GaussianAD)
    queue = iter(others)
    prepared = iter([detector.prepare(sample) for sample in others[ROUNDS:]])
    forward = detector.prepare(others[0]).pixels[np.newaxis]
    found = cheapest(
        {
            "its forward pass": lambda: detector.engine.run(forward),
            "detector.update, with the forward pass": lambda: detector.update([next(prepared)], [], Task()),
            "calibrate anew": lambda: calibrate(detector, model.group_spec, Task()),
            "  the same, every picture a group": lambda: calibrate(detector, "none", Task()),
            "workflows.update, whole": lambda: update(model, [next(queue)], [], Task()),
        },
        ROUNDS,
    )
    report = Report(f"{title} (least of {ROUNDS} rounds)")
    for name, taken in found.items():
        report.milliseconds(name, taken)
    own = found["detector.update, with the forward pass"].cpu - found["its forward pass"].cpu
    report.bar("detector.update less its forward pass, ms of CPU", own * 1e3, ADD_MILLISECONDS)
    return report, model


def report_again(model: FittedModel, known: list[Sample]) -> Report:
    """Score known pictures again from their features."""
    detector = model.detector
    features = [r.prediction.features for r in predict(model, known, Task()) if r.prediction is not None]
    taken = cheapest({"detector.rescore": lambda: detector.rescore(features)}, ROUNDS)["detector.rescore"]
    report = Report(f"{len(features)} known pictures scored again (least of {ROUNDS} rounds)")
    report.milliseconds("detector.rescore", taken)
    report.bar("detector.rescore, seconds of CPU", taken.cpu, AGAIN_SECONDS)
    return report


def report_command(model: FittedModel, others: list[Sample]) -> Report:
    """The command that adds one picture to a model of many, in a process of its own."""
    report = Report(f"ad-desktop update MODEL --add PICTURE, {len(model.detector.normal_set.keys)} normal pictures")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.adm"
        saved = cheapest({"save": lambda: save_model(model, path), "open": lambda: load_model(path)}, ROUNDS)
        for what, taken in saved.items():
            report.milliseconds(f"{what} the model, {path.stat().st_size / 1e6:.0f} MB", taken)
        runs = [
            child("-m", "ad_desktop", "update", path, "--add", other.path, "--out", Path(name) / "out.adm")
            for other in others[:ROUNDS]
        ]
    best = min(runs, key=lambda run: run.cpu)
    report.milliseconds("the whole command", best)
    report.bar("the whole command, seconds on the wall", min(run.wall for run in runs), AGAIN_SECONDS)
    return report


def main() -> int:
    """Measure, print, and return the exit code."""
    folder = magnetic_tile()
    good = [Sample(path) for path in pictures(folder / "train" / "good")]
    more = [Sample(path) for path in pictures(folder / "test" / "good", folder / "test")]
    more = list({sample.key: sample for sample in more}.values())
    spare = MANY - len(good)
    few, _ = report_adding(good, more[: 2 * ROUNDS], f"One picture more, {len(good)} normal ones")
    codes = [few.finish()]
    many, model = report_adding(
        [*good, *more[:spare]], more[spare : spare + 2 * ROUNDS], f"The same, {MANY} normal ones"
    )
    codes.append(many.finish())
    codes.append(report_again(model, [*good, *more][:MANY]).finish())
    codes.append(report_command(model, more[spare + 2 * ROUNDS :]).finish())
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
