"""Predict with map, from file, against the bare backbone in torch; and the share of it that is scoring.

Processor time per picture, all threads together. The backbone is the same network with the same
weights, cut after the same level, channels-last, on tensors that are normalised already; its fastest
setting is what the bar compares with.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import Cost, Report, cheapest, magnetic_tile, pictures, spread

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.predict import predict

NORMAL, TO_CHECK = 200, 64
ROUNDS = 7
PIPELINE_SHARE, SCORING_SHARE = 0.6, 0.15


class Replay:
    """An engine that gives maps computed before, so that only what comes after the network is measured."""

    def __init__(self, engine: Any, inputs: list[Any]) -> None:
        self.name, self.device, self.batch_size = engine.name, engine.device, engine.batch_size
        self._inputs = inputs
        self._maps = [engine.run(np.stack([item.pixels for item in batch])) for batch in self.batches()]
        self._next = 0

    def batches(self) -> list[list[Any]]:
        source = iter(self._inputs)
        return list(iter(lambda: list(islice(source, self.batch_size)), []))

    def run(self, pixels: Any) -> Any:
        maps = self._maps[self._next % len(self._maps)]
        self._next += 1
        assert len(maps[0]) == len(pixels)
        return maps


def torch_backbones(detector: GaussianAD, inputs: list[Any]) -> dict[str, Callable[[], object]]:
    """The bare backbone in torch, by setting: threads, and how many pictures go in at a time."""
    import torch

    from ad_desktop.detectors.nets.modules import build
    from ad_desktop.detectors.nets.weights import find_weights

    weights = find_weights(detector.backbone, "", Task())
    module = build(detector.backbone, weights.path, detector.levels)
    module = module.to(memory_format=torch.channels_last)
    pixels = torch.from_numpy(np.stack([item.pixels for item in inputs])).permute(0, 3, 1, 2).float()
    normalised = ((pixels - module.mean) / module.std).contiguous(memory_format=torch.channels_last)
    default = torch.get_num_threads()

    def run(threads: int, batch: int) -> None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            for start in range(0, len(normalised), batch):
                maps = normalised[start : start + batch]
                for stage in module.stages:
                    maps = stage(maps)

    settings = {(threads, batch) for threads in (1, default) for batch in (1, 16)}
    return {
        f"backbone in torch, {threads} thread{'s' * (threads > 1)}, batch {batch}": lambda t=threads, b=batch: run(t, b)
        for threads, batch in sorted(settings)
    }


def fitted(count: int, folder: Path) -> FittedModel:
    """A model of ``count`` normal pictures, every one a group."""
    samples = [Sample(path) for path in spread(pictures(folder / "train" / "good"), count)]
    return fit(samples, FitOptions(groups="none"), Task()).model


def main() -> int:
    """Measure, print, and return the exit code."""
    folder = magnetic_tile()
    model = fitted(NORMAL, folder)
    detector = model.detector
    assert isinstance(detector, GaussianAD)
    samples = [Sample(path) for path in spread(pictures(folder / "test"), TO_CHECK)]
    inputs = [detector.prepare(sample) for sample in samples]
    engine = detector.engine
    replay = Replay(engine, inputs)

    def whole() -> None:
        for result in predict(model, samples, Task()):
            assert result.prediction is not None
            assert result.prediction.anomaly_map.shape == result.prediction.size

    def network() -> None:
        for batch in replay.batches():
            engine.run(np.stack([item.pixels for item in batch]))

    def scoring() -> None:
        detector._engine = replay
        for batch in replay.batches():
            for prediction in detector.predict(batch):
                _ = prediction.anomaly_map
        detector._engine = engine

    torch_works = torch_backbones(detector, inputs)
    works = {
        "predict with map, whole, from file": whole,
        "  of which reading and resizing": lambda: [detector.prepare(sample) for sample in samples],
        f"  of which the network in {engine.name}": network,
        "  of which scoring, with map": scoring,
        **torch_works,
    }
    found = cheapest(works, ROUNDS)
    report = Report(f"Predict, per picture (least of {ROUNDS} rounds over {TO_CHECK} pictures)")
    for name, taken in found.items():
        report.milliseconds(name, taken, TO_CHECK)
    pipeline = found["predict with map, whole, from file"]
    fairest = min((found[name] for name in torch_works), key=lambda taken: taken.cpu)
    report.bar("whole over torch's fastest, CPU", _ratio(pipeline, fairest), PIPELINE_SHARE)
    report.bar("scoring over whole, CPU", _ratio(found["  of which scoring, with map"], pipeline), SCORING_SHARE)
    return report.finish()


def _ratio(part: Cost, whole: Cost) -> float:
    return part.cpu / whole.cpu


if __name__ == "__main__":
    sys.exit(main())
