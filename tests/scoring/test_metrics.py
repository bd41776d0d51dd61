from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from ad_desktop.errors import UserError
from ad_desktop.scoring.metrics import image_metrics


@pytest.mark.parametrize("suffix", ["", "_tied"])
def test_published_values(shared: Path, suffix: str) -> None:
    oracle = np.load(shared / "oracles" / "metrics_oracle.npz")
    found = image_metrics(oracle[f"image_scores{suffix}"], oracle["image_labels"])
    assert found.auroc == pytest.approx(float(oracle[f"image_auroc{suffix}"]), abs=1e-6)
    assert found.ap == pytest.approx(float(oracle[f"image_ap{suffix}"]), abs=1e-6)
    assert found.f1_max == pytest.approx(float(oracle[f"image_f1max{suffix}"]), abs=1e-6)
    assert found.f1_max_threshold == pytest.approx(float(oracle[f"image_f1_threshold{suffix}"]), abs=1e-6)


def test_raw_scores_of_any_scale_keep_their_metrics() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(200) < 0.3
    scores = rng.normal(size=200) + labels
    plain, scaled = image_metrics(scores, labels), image_metrics(60 * scores + 400, labels)
    assert (scaled.auroc, scaled.ap, scaled.f1_max) == (plain.auroc, plain.ap, plain.f1_max)


def test_f1_max_is_the_best_over_all_thresholds() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random(60) < 0.4
    scores = np.round(rng.normal(size=60) + 0.8 * labels, 1)
    found = image_metrics(scores, labels)
    by_hand = {t: f1_score(labels, scores >= t) for t in np.unique(scores)}
    assert found.f1_max == pytest.approx(max(by_hand.values()))
    assert by_hand[found.f1_max_threshold] == pytest.approx(found.f1_max)


def test_labels_may_be_numbers_and_scores_lists() -> None:
    found = image_metrics([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    assert found.auroc == roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75


def test_scores_that_tell_nothing_apart() -> None:
    found = image_metrics([2.0, 2.0, 2.0, 2.0], [0, 1, 0, 1])
    assert (found.auroc, found.ap) == (0.5, 0.5)
    assert found.f1_max == pytest.approx(2 / 3)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_has_no_metrics(labels: list[int]) -> None:
    found = image_metrics([1.0, 2.0, 3.0], labels)
    assert (found.auroc, found.ap, found.f1_max, found.f1_max_threshold) == (None, None, None, None)


def test_no_images_have_no_metrics() -> None:
    assert image_metrics([], []).auroc is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(UserError, match="not finite"):
        image_metrics([1.0, bad, 0.5], [0, 1, 0])


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 scores and 3 labels"):
        image_metrics([1.0, 2.0], [0, 1, 1])
