"""AnomalyCLIP's memory of normal patches, against scikit-learn and against fits without the samples left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fitting import SIDE, assert_identical, calibrate, fit, normal_pictures, predict, scores_of, spoilt_pictures, update
from safetensors.torch import save_file
from sklearn.neighbors import NearestNeighbors
from tiny_clip import tiny_clip

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.anomalyclip import AnomalyCLIP
from ad_desktop.detectors.base import Array
from ad_desktop.detectors.nets.clip.params import AnomalyCLIPParams


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(tiny_clip(), path)
    return path


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return normal_pictures(tmp_path_factory.mktemp("normal"), 7)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return spoilt_pictures(tmp_path_factory.mktemp("new"), 3)


def _detector(weights: Path, *, memory: bool = True, score: str = "image") -> AnomalyCLIP:
    return AnomalyCLIP(AnomalyCLIPParams(weights=str(weights), image_size=SIDE, memory=memory, score=score), "cpu")


def _patches(detector: AnomalyCLIP, samples: list[Sample]) -> Array:
    found, _ = detector.engine.run(np.stack([detector.prepare(sample).pixels for sample in samples]))
    return np.asarray(found[:, -1])


def test_half_the_words_and_half_the_distance_to_the_nearest_patch(
    weights: Path, normal: list[Sample], new: list[Sample]
) -> None:
    words, both = _detector(weights, memory=False), _detector(weights)
    fit(words, normal)
    fit(both, normal)
    known = _patches(both, normal)
    search = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute").fit(known.reshape(-1, known.shape[-1]))
    for one, alone, mine in zip(predict(both, new), predict(words, new), _patches(both, new), strict=True):
        far = search.kneighbors(mine)[0].ravel() / 2
        # The memory keeps half precision.
        np.testing.assert_allclose(one.grid, (alone.grid + far.reshape(alone.grid.shape)) / 2, atol=2e-4, rtol=0)
        assert one.anomaly_score == pytest.approx((alone.anomaly_score + far.max()) / 2, abs=2e-4)


@pytest.mark.parametrize("score", ["image", "mean"])
def test_held_out_scores_are_those_of_fits_without_the_group(weights: Path, normal: list[Sample], score: str) -> None:
    groups = [0, 0, 1, 1, 2, 1, 0]
    whole = _detector(weights, score=score)
    held_out = fit(whole, normal, groups)
    for group in range(3):
        inside = [i for i, g in enumerate(groups) if g == group]
        refit = _detector(weights, score=score)
        fit(refit, [normal[i] for i in range(7) if i not in inside])
        found = predict(refit, [normal[i] for i in inside])
        np.testing.assert_allclose(held_out.scores[inside], scores_of(found), atol=1e-6, rtol=0)
        assert held_out.map_peaks is not None
        peaks = [float(one.anomaly_map.max()) for one in found]
        np.testing.assert_allclose(held_out.map_peaks[inside], peaks, atol=1e-6, rtol=0)
    # A picture that the memory holds is nearer to it than one that was left out.
    assert (scores_of(predict(whole, normal)) < held_out.scores).all()


def test_samples_that_join_and_leave(weights: Path, normal: list[Sample], new: list[Sample]) -> None:
    changed, refit = _detector(weights, score="mean"), _detector(weights, score="mean")
    fit(changed, normal[:5])
    update(changed, normal[5:], [normal[1], normal[3]])
    fit(refit, [normal[i] for i in (0, 2, 4, 5, 6)])
    assert_identical(predict(changed, new), predict(refit, new))
    assert np.array_equal(calibrate(changed).scores, calibrate(refit).scores)
