"""Small sets of pictures, and detectors fitted on them, for tests of any detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pictures import save, textured, with_defect

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Detector, HeldOut, Prediction
from ad_desktop.detectors.params import describe_params, make_params
from ad_desktop.task import Task

SIDE = 64


def small(kind: type[Detector], **values: Any) -> Detector:
    """A detector with a small input where its parameters allow one."""
    known = {info.name for info in describe_params(kind.Params)}
    quick: dict[str, Any] = {"image_size": SIDE} if "image_size" in known else {}
    if kind.name == "anomalyclip":
        from tiny_clip import tiny_weights

        # Words mean nothing to a random network; a memory of normal patches works with any.
        quick |= {"weights": str(tiny_weights()), "memory": True}
    if kind.name == "autopaint":
        # Networks are fitted in its own tests.
        quick |= {"stage": "z"}
    return kind(make_params(kind.Params, {**quick, **values}), "cpu")


def normal_pictures(folder: Path, count: int, first: int = 0, size: tuple[int, int] = (96, 72)) -> list[Sample]:
    """``count`` textures without a defect, told apart by their numbers from ``first`` on."""
    numbers = range(first, first + count)
    return [Sample(save(folder / f"n{i}.png", textured(i, size))) for i in numbers]


def spoilt_pictures(folder: Path, count: int, first: int = 0, size: tuple[int, int] = (96, 72)) -> list[Sample]:
    """The same family of textures, each with a dark or bright disc."""
    numbers = range(first, first + count)
    return [Sample(save(folder / f"d{i}.png", with_defect(textured(5000 + i, size), i)[0])) for i in numbers]


def fit(detector: Detector, samples: Sequence[Sample], groups: Sequence[int] | None = None) -> HeldOut:
    """Do what the fit workflow does: load, survey, fit, calibrate (every sample by itself unless told otherwise)."""
    detector.load(Task())
    detector.survey(samples, Task())
    detector.fit((detector.prepare(sample) for sample in samples), Task())
    return calibrate(detector, groups)


def update(
    detector: Detector, add: Sequence[Sample] = (), remove: Sequence[Sample] = (), groups: Sequence[int] | None = None
) -> HeldOut:
    """Change the normal set, then calibrate."""
    detector.update((detector.prepare(sample) for sample in add), [sample.key for sample in remove], Task())
    return calibrate(detector, groups)


def calibrate(detector: Detector, groups: Sequence[int] | None = None) -> HeldOut:
    """Calibrate with every sample by itself unless told otherwise."""
    return detector.calibrate(range(len(detector.normal_set.keys)) if groups is None else groups, Task())


def predict(detector: Detector, samples: Sequence[Sample]) -> list[Prediction]:
    """Predict all samples in one batch."""
    return detector.predict([detector.prepare(sample) for sample in samples])


def scores_of(predictions: Sequence[Prediction]) -> np.ndarray:
    """Anomaly scores (n,)."""
    return np.array([prediction.anomaly_score for prediction in predictions])


def grids_of(predictions: Sequence[Prediction]) -> np.ndarray:
    """Anomaly maps (n, h, w) at the detector's own resolution."""
    return np.stack([prediction.grid for prediction in predictions])


def assert_identical(found: Sequence[Prediction], expected: Sequence[Prediction]) -> None:
    """Compare two lists of predictions bit for bit."""
    assert scores_of(found).tolist() == scores_of(expected).tolist()
    assert np.array_equal(grids_of(found), grids_of(expected))
    assert [prediction.parts for prediction in found] == [prediction.parts for prediction in expected]
    assert [prediction.size for prediction in found] == [prediction.size for prediction in expected]
