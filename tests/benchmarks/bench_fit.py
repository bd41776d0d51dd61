"""A whole fit against a forward pass over the same pictures.

The fit reads every picture, runs the network, gathers statistics, finds groups and calibrates. The
forward pass is the network alone, on pictures that are read and resized already: in torch (the
fastest setting of ``bench_predict``), which is what the bar compares with, and in the engine that the
fit itself uses, which is about three times as fast. Processor time.
"""

from __future__ import annotations

import sys

import numpy as np
from bench_predict import torch_backbones
from common import Report, cheapest, magnetic_tile, pictures

from ad_desktop.data.loader import batched
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.task import Task
from ad_desktop.workflows.calibrate import calibrate
from ad_desktop.workflows.fit import FitOptions, fit

ROUNDS = 3
TORCH_PICTURES = 64
SHARE = 1.2


def main() -> int:
    """Measure, print, and return the exit code."""
    samples = [Sample(path) for path in pictures(magnetic_tile() / "train" / "good")]
    model = fit(samples, FitOptions(), Task()).model
    detector = model.detector
    assert isinstance(detector, GaussianAD)
    inputs = [detector.prepare(sample) for sample in samples]
    engine = detector.engine
    rows = detector.rows_.read(0, len(samples))
    collected = GaussianAD()

    def forward() -> None:
        for batch in batched(inputs, engine.batch_size):
            engine.run(np.stack([item.pixels for item in batch]))

    def statistics() -> None:
        collected._reset()
        for row in rows:
            collected.pyramid_.add(row)

    torch_works = torch_backbones(detector, inputs[:TORCH_PICTURES])
    found = cheapest(
        {
            "fit, whole": lambda: fit(samples, FitOptions(), Task()),
            "  of which reading and resizing": lambda: [detector.prepare(sample) for sample in samples],
            f"  of which the network in {engine.name}": forward,
            "  of which statistics of local features": statistics,
            "  of which grouping and calibration": lambda: calibrate(detector, "auto", Task()),
            **torch_works,
        },
        ROUNDS,
    )
    report = Report(f"Fit on {len(samples)} pictures, per picture (least of {ROUNDS} rounds)")
    per_picture = {}
    for name, taken in found.items():
        count = TORCH_PICTURES if name in torch_works else len(samples)
        report.milliseconds(name, taken, count)
        per_picture[name] = taken.cpu / count
    whole, own = per_picture["fit, whole"], per_picture[f"  of which the network in {engine.name}"]
    report.bar("fit over torch's fastest forward pass, CPU", whole / min(per_picture[n] for n in torch_works), SHARE)
    report.aim("fit over its own engine's forward pass, CPU", whole / own, SHARE)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
