"""Changing the normal set of a fitted model, and scoring known pictures again.

Adding one picture to a model of about 700 takes less than 50 ms beyond its forward pass for the model
itself (statistics, factors, image score). To add one to a model of 1,000 and score 1,000 known pictures
again takes less than a second. The stricter reading adds the calibration of the threshold, which scores
every normal picture by a model without its group, and the start of a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Cost, Report, cheapest, child, magnetic_tile, pictures

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
FORWARD, UPDATE = "its forward pass", "detector.update, with the forward pass"
WHOLE, RESCORE = "workflows.update, whole", "detector.rescore, all known pictures"


def adding(normal: list[Sample], others: list[Sample]) -> tuple[FittedModel, dict[str, Cost]]:
    """Fit a model of ``normal``, and add one picture to it in every round."""
    model = fit(normal, FitOptions(), Task()).model
    detector = model.detector
    assert isinstance(detector, GaussianAD)
    queue = iter(others)
    prepared = iter([detector.prepare(sample) for sample in others[ROUNDS:]])
    forward = detector.prepare(others[0]).pixels[np.newaxis]
    works = {
        FORWARD: lambda: detector.engine.run(forward),
        UPDATE: lambda: detector.update([next(prepared)], [], Task()),
        "calibrate anew, automatic groups": lambda: calibrate(detector, "auto", Task()),
        "calibrate anew, every picture a group": lambda: calibrate(detector, "none", Task()),
        WHOLE: lambda: update(model, [next(queue)], [], Task()),
    }
    return model, cheapest(works, ROUNDS)


def report_few(normal: list[Sample], others: list[Sample]) -> Report:
    """One picture more for a model of some hundreds."""
    _, found = adding(normal, others)
    report = Report(f"One picture more, {len(normal)} normal ones (least of {ROUNDS} rounds)")
    for name, taken in found.items():
        report.milliseconds(name, taken)
    own = found[UPDATE].cpu - found[FORWARD].cpu
    report.bar("detector.update less its forward pass, ms of CPU", own * 1e3, ADD_MILLISECONDS)
    return report


def report_many(normal: list[Sample], others: list[Sample]) -> tuple[Report, FittedModel]:
    """The same for a model of many, and the known pictures scored again."""
    model, found = adding(normal, others)
    known = [r.prediction.features for r in predict(model, normal, Task()) if r.prediction is not None]
    found |= cheapest({RESCORE: lambda: model.detector.rescore(known)}, ROUNDS)
    report = Report(f"One picture more, {len(normal)} normal ones (least of {ROUNDS} rounds)")
    for name, taken in found.items():
        report.milliseconds(name, taken)
    both = found[UPDATE].wall + found[RESCORE].wall
    report.bar(f"detector.update and detector.rescore of {len(known)}, seconds", both, AGAIN_SECONDS)
    report.aim("workflows.update, which calibrates too, seconds", found[WHOLE].wall, AGAIN_SECONDS)
    return report, model


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
    report.aim("the whole command, seconds", min(run.wall for run in runs), AGAIN_SECONDS)
    return report


def main() -> int:
    """Measure, print, and return the exit code."""
    folder = magnetic_tile()
    good = [Sample(path) for path in pictures(folder / "train" / "good")]
    more = [Sample(path) for path in pictures(folder / "test" / "good", folder / "test")]
    more = list({sample.key: sample for sample in more}.values())
    spare = MANY - len(good)
    codes = [report_few(good, more[: 2 * ROUNDS]).finish()]
    many, model = report_many([*good, *more[:spare]], more[spare : spare + 2 * ROUNDS])
    codes.append(many.finish())
    codes.append(report_command(model, more[spare + 2 * ROUNDS :]).finish())
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
