"""Gaussian-AD on real photographs: a data set with defects, and normal parts photographed up to six times each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ad_desktop.data.datasets import MvtecDataset, TestItem, find_mvtec, load_mask
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Prediction
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.detectors.params import make_params
from ad_desktop.scoring.metrics import image_metrics
from ad_desktop.scoring.pixel_metrics import PixelMetrics, PixelResult
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.predict import predict


@pytest.fixture(scope="module")
def tiles(shared: Path) -> MvtecDataset:
    dataset = find_mvtec(shared / "data" / "magnetic_tile")
    assert dataset is not None
    assert len(dataset.normal) == 701
    assert len(dataset.test) == 643
    return dataset


@pytest.fixture(scope="module")
def parts(tiles: MvtecDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of groups: which part a normal picture shows."""
    table = tmp_path_factory.mktemp("groups") / "parts.csv"
    with (tiles.folder / "index.csv").open(newline="") as source, table.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["path", "group"])
        for row in csv.DictReader(source):
            if row["split"] == "train":
                writer.writerow([tiles.folder / row["path"], row["part"]])
    return table


def seen(model: FittedModel, items: Sequence[TestItem]) -> list[Prediction]:
    found = []
    for result in predict(model, [item.sample for item in items], Task()):
        assert result.prediction is not None, result.error
        found.append(result.prediction)
    return found


def image_auroc(predictions: Sequence[Prediction], items: Sequence[TestItem]) -> float:
    anomalous = np.array([item.is_anomalous for item in items])
    auroc = image_metrics(np.array([p.anomaly_score for p in predictions]), anomalous).auroc
    assert auroc is not None
    return auroc


def pixel_result(predictions: Sequence[Prediction], items: Sequence[TestItem]) -> PixelResult:
    pixels = PixelMetrics(0.3)
    for prediction, item in zip(predictions, items, strict=True):
        if item.mask is not None:
            pixels.add(prediction.anomaly_map, load_mask(item.mask, prediction.size))
        elif not item.is_anomalous:
            pixels.add(prediction.anomaly_map, np.zeros(prediction.size, bool))
    return pixels.result()


def test_a_few_pictures_go_a_long_way(tiles: MvtecDataset) -> None:
    good = [item for item in tiles.test if not item.is_anomalous][::12]
    bad = [item for item in tiles.test if item.defect in ("blowhole", "break", "fray")][::11]
    outcome = fit(tiles.normal[::12], FitOptions(groups="none"), Task())
    assert outcome.failures == []
    items = [*good, *bad]
    assert len(items) >= 40
    predictions = seen(outcome.model, items)
    assert image_auroc(predictions, items) > 0.8
    assert pixel_result(predictions, items).auroc > 0.85


@dataclass
class Published:
    """One fit on all normal pictures, and what it says of all test pictures."""

    model: FittedModel
    items: list[TestItem]
    predictions: list[Prediction]


@pytest.fixture(scope="module")
def published(tiles: MvtecDataset, parts: Path) -> Published:
    outcome = fit(tiles.normal, FitOptions(groups=str(parts)), Task())
    assert outcome.failures == []
    return Published(outcome.model, tiles.test, seen(outcome.model, tiles.test))


class TestPublishedFigures:
    """What the project promises on this data set, at the default parameters."""

    def test_image_scores(self, published: Published) -> None:
        assert image_auroc(published.predictions, published.items) >= 0.84

    def test_map_in_standard_deviations(self, published: Published) -> None:
        found = pixel_result(published.predictions, published.items)
        assert found.auroc >= 0.74
        assert found.aupro >= 0.69

    def test_map_in_plain_distances(self, published: Published) -> None:
        fitted = published.model.detector
        assert isinstance(fitted, GaussianAD)
        raw = GaussianAD(replace(fitted.params, map="raw"), "cpu")
        raw.restore(fitted.state())
        found = pixel_result(raw.rescore([p.features for p in published.predictions]), published.items)
        assert found.auroc >= 0.74
        assert found.aupro >= 0.73

    def test_false_alarms(self, published: Published) -> None:
        threshold = published.model.threshold
        assert (threshold.fpr, threshold.rule, threshold.n) == (0.05, "rank", 701)
        good = [p for p, item in zip(published.predictions, published.items, strict=True) if not item.is_anomalous]
        assert len(good) == 251
        assert np.mean([p.anomaly_score > threshold.value for p in good]) <= 0.09

    def test_ten_normal_pictures(self, published: Published, tiles: MvtecDataset) -> None:
        features = [p.features for p in published.predictions]
        found = []
        for draw in range(3):
            chosen = np.random.default_rng(draw).choice(len(tiles.normal), 10, replace=False)
            detector = fitted_on([tiles.normal[i] for i in chosen])
            found.append(image_auroc(detector.rescore(features), published.items))
        assert np.mean(found) >= 0.79


def fitted_on(samples: Sequence[Sample]) -> GaussianAD:
    detector = GaussianAD(make_params(GaussianAD.Params, {}), "cpu")
    detector.load(Task())
    detector.fit((detector.prepare(sample) for sample in samples), Task())
    detector.calibrate(range(len(samples)), Task())
    return detector
