"""Prompts of AnomalyCLIP learned on defects that are known, with a small random CLIP."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitting import predict, scores_of
from pictures import save, textured, with_defect
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from tiny_clip import tiny_clip

from ad_desktop.data.datasets import find_mvtec, load_mask
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.anomalyclip import HANDWRITTEN, AnomalyCLIP
from ad_desktop.detectors.nets.clip.params import AnomalyCLIPParams
from ad_desktop.errors import Cancelled, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.store import load_model, save_model


def _objects(folder: Path, count: int, first: int, *, masks: bool = True) -> Path:
    """A data set in the layout of MVTec AD: ``count`` good pictures, and as many with a large disc."""
    for i in range(first, first + count):
        save(folder / "test" / "good" / f"{i}.png", textured(i, (64, 80)))
        pixels = textured(9000 + i, (64, 80))
        mask = np.zeros(pixels.shape, np.uint8)
        for turn in range(3):
            pixels, disc = with_defect(pixels, 10 * i + turn)
            mask[disc] = 255
        pixels[mask > 0] = 245
        save(folder / "test" / "spot" / f"{i}.png", pixels)
        if masks:
            save(folder / "ground_truth" / "spot" / f"{i}_mask.png", mask)
    return folder


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> AnomalyCLIPParams:
    """Settings to learn with, on a small CLIP and objects of few pixels."""
    root = tmp_path_factory.mktemp("learning")
    save_file(tiny_clip(), root / "tiny.safetensors")
    return AnomalyCLIPParams(
        weights=str(root / "tiny.safetensors"), image_size=64, train_on=str(_objects(root / "objects", 12, 100)),
        epochs=20, learning_rate=0.01, seed=2, score="map-max",
    )  # fmt: skip


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _objects(tmp_path_factory.mktemp("others"), 10, 500)


def _fitted(params: AnomalyCLIPParams, task: Task | None = None) -> AnomalyCLIP:
    detector = AnomalyCLIP(params, "cpu")
    detector.fit((), task or Task())
    return detector


@pytest.fixture(scope="module")
def learned(params: AnomalyCLIPParams) -> AnomalyCLIP:
    return _fitted(params)


def _auroc(detector: AnomalyCLIP, folder: Path) -> tuple[float, float]:
    """AUROC of pictures and of pixels."""
    dataset = find_mvtec(folder)
    assert dataset is not None
    found = predict(detector, [item.sample for item in dataset.test])
    masks = [
        np.zeros(one.size, bool) if item.mask is None else load_mask(item.mask, one.size)
        for item, one in zip(dataset.test, found, strict=True)
    ]
    maps = [one.anomaly_map.ravel() for one in found]
    return (
        float(roc_auc_score([item.is_anomalous for item in dataset.test], scores_of(found))),
        float(roc_auc_score(np.concatenate([mask.ravel() for mask in masks]), np.concatenate(maps))),
    )


def test_loss_falls_and_auroc_rises(params: AnomalyCLIPParams, learned: AnomalyCLIP, others: Path) -> None:
    losses = np.array(learned.history_)
    assert losses.shape == (20, 5)
    assert losses[-1, 0] < 0.5 * losses[0, 0]
    pictures, pixels = _auroc(_fitted(replace(params, epochs=1, learning_rate=0.0)), others)
    assert max(pictures, pixels) < 0.7
    pictures, pixels = _auroc(learned, others)
    assert min(pictures, pixels) > 0.95


def test_without_masks_only_whole_pictures_count(params: AnomalyCLIPParams, tmp_path: Path) -> None:
    folder = _objects(tmp_path / "objects", 4, 100, masks=False)
    losses = np.array(_fitted(replace(params, train_on=str(folder), epochs=2)).history_)
    assert np.array_equal(losses[:, 0], losses[:, 1])
    assert not losses[:, 2:].any()


def test_learned_prompts_are_saved_with_the_model(
    params: AnomalyCLIPParams, learned: AnomalyCLIP, others: Path, tmp_path: Path
) -> None:
    outcome = fit([], FitOptions("anomalyclip", {**asdict(params)}, device="cpu"), Task())
    samples = [Sample(path) for path in sorted((others / "test" / "spot").iterdir())[:3]]
    expected = scores_of(predict(learned, samples))
    assert scores_of(predict(outcome.model.detector, samples)).tolist() == expected.tolist()
    save_model(outcome.model, tmp_path / "a.adm")
    # What was learned from is no longer needed.
    loaded = load_model(tmp_path / "a.adm", "cpu").detector
    assert isinstance(loaded, AnomalyCLIP)
    assert scores_of(predict(loaded, samples)).tolist() == expected.tolist()
    assert loaded.history_ == learned.history_
    assert _same(loaded.prompts_, learned.prompts_)
    assert loaded.describe()["prompts"] == "learned on objects"


class _Stopping(Task):
    """Is cancelled as the given step of learning begins."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def report(self, message: str, done: int = 0, total: int = 0, losses: tuple[float, ...] = ()) -> None:
        if message == "Learning prompts" and done == self._step:
            self.cancel()
        super().report(message, done, total, losses)


def test_what_was_cancelled_goes_on_to_the_same_prompts(
    params: AnomalyCLIPParams, learned: AnomalyCLIP, tmp_path: Path
) -> None:
    kept = replace(params, checkpoint=str(tmp_path / "kept.safetensors"))
    stopped, task = AnomalyCLIP(kept, "cpu"), _Stopping(3 * 7 + 2)
    with pytest.raises(Cancelled):
        stopped.fit((), task)
    assert stopped.text_ is None
    assert stopped.prompts_ == {}
    with safe_open(kept.checkpoint, "np") as file:
        history = json.loads(file.metadata()["history"])
    assert len(history) == 7
    # Whoever watches sees the loss of each epoch.
    assert task.progress.losses == tuple(row[0] for row in history)
    resumed = _fitted(kept)
    assert resumed.history_ == learned.history_
    assert _same(resumed.prompts_, learned.prompts_)
    assert np.array_equal(resumed.text_, learned.text_)
    # All epochs are done: nothing is left to learn.
    assert _same(_fitted(kept).prompts_, learned.prompts_)


def test_checkpoints_that_do_not_belong_are_refused(params: AnomalyCLIPParams, tmp_path: Path) -> None:
    short = replace(params, epochs=1, checkpoint=str(tmp_path / "kept.safetensors"))
    _fitted(short)
    for other in ({"seed": 3}, {"learning_rate": 0.1}, {"half_prompts": False}, {"image_size": 32}):
        with pytest.raises(UserError, match="other pictures, weights or settings"):
            _fitted(replace(short, **other))
    Path(short.checkpoint).write_bytes(Path(short.checkpoint).read_bytes()[:1000])
    with pytest.raises(UserError, match="not a whole checkpoint"):
        _fitted(short)


def test_learning_needs_good_and_defective_pictures(params: AnomalyCLIPParams, tmp_path: Path) -> None:
    folder = _objects(tmp_path / "objects", 2, 0)
    shutil.rmtree(folder / "test" / "spot")
    for path in (folder, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="good and defective pictures are needed"):
            _fitted(replace(params, train_on=str(path)))


def test_plain_words_where_there_are_no_prompts(params: AnomalyCLIPParams, others: Path) -> None:
    task = Task()
    detector = _fitted(replace(params, train_on="", score="image"), task)
    assert detector.describe()["prompts"] == HANDWRITTEN
    assert any(HANDWRITTEN in note for note in task.notes)
    assert detector.text_ is not None
    np.testing.assert_allclose(np.linalg.norm(detector.text_, axis=1), 1, atol=1e-6)
    assert not np.allclose(*detector.text_)
    found = predict(detector, [Sample(path) for path in sorted((others / "test" / "spot").iterdir())[:3]])
    assert len(set(scores_of(found))) == 3
    assert all(one.anomaly_map.min() > 0 and one.anomaly_map.max() < 1 for one in found)


def _same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return found.keys() == expected.keys() != set() and all(np.array_equal(found[n], expected[n]) for n in found)
