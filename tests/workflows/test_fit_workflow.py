"""Fitting in memory: options, failures and what is kept of the groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from world import SMALL, Fit

from ad_desktop.data.folders import scan
from ad_desktop.data.samples import Sample
from ad_desktop.errors import UserError
from ad_desktop.scoring.thresholds import conformal_threshold
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import Judgement
from ad_desktop.workflows.predict import predict


def test_the_order_of_the_samples_does_not_matter(good: list[Sample], fitted: Fit) -> None:
    one, other = fitted(good).model, fitted(good[::-1]).model
    assert one.threshold.value == pytest.approx(other.threshold.value, rel=1e-9)
    np.testing.assert_allclose(one.calibration.scores, other.calibration.scores[::-1], rtol=1e-9)


def test_the_threshold_is_of_held_out_scores(good: list[Sample], fitted: Fit) -> None:
    model = fitted(good).model
    found = [result.prediction for result in predict(model, good, Task())]
    own = np.array([prediction.anomaly_score for prediction in found if prediction is not None])
    assert own.mean() < model.calibration.scores.mean()
    assert model.threshold == conformal_threshold(model.calibration.scores, range(len(good)), 0.05)
    flagged = (model.calibration.scores > model.threshold.value).mean()
    assert flagged <= 0.05 + 1 / len(good)


def test_bad_files_are_failures_and_no_one_else_suffers(good: list[Sample], world: Path, fitted: Fit) -> None:
    bad = scan([world / "bad"]).samples
    mixed = fitted([*bad[:2], *good, *bad[2:]])
    assert {Path(failure.path).name for failure in mixed.failures} == {
        "bomb.png", "empty.png", "text.png", "truncated.jpg",
    }  # fmt: skip
    assert mixed.model.detector.normal_set == fitted(good).model.detector.normal_set


def test_too_few_usable_pictures_name_the_first_that_were_not(good: list[Sample], world: Path, fitted: Fit) -> None:
    with pytest.raises(UserError, match=r"At least two .* 4 could not be used: .*bomb\.png.*; and 1 more"):
        fitted([good[0], *scan([world / "bad"]).samples])


@pytest.mark.parametrize("groups", ["auto", "none", "folder", "regex:x"])
def test_no_picture_at_all_is_told(groups: str, fitted: Fit) -> None:
    with pytest.raises(UserError, match="At least two normal pictures"):
        fitted([], groups=groups)


def test_options_are_checked(good: list[Sample]) -> None:
    for options, said in (
        (FitOptions(threshold_rule="guess"), "Unknown threshold rule"),
        (FitOptions(fpr=0.0), "false-positive rate of 0"),
        (FitOptions(detector="magic"), "Unknown detector"),
        (FitOptions(groups="magic"), "choose auto, none, folder"),
        (FitOptions(params={"magic": 1}), "Unknown parameter"),
        (FitOptions(params=SMALL, threshold_rule="chi2"), "single Gaussian"),
    ):
        with pytest.raises(UserError, match=said):
            fit(good, options, Task())


def test_progress_passes_through_the_phases(good: list[Sample], fitted: Fit) -> None:
    class Watched(Task):
        seen: list[tuple[str, int, int]] = []  # noqa: RUF012 - one task only

        def report(self, message: str, done: int = 0, total: int = 0) -> None:
            self.seen.append((message, done, total))
            super().report(message, done, total)

    task = Watched()
    fitted(good, task)
    learning = [(done, total) for message, done, total in task.seen if message == "Learning normal pictures"]
    assert learning[0] == (0, 20)
    assert learning[-1] == (20, 20)
    assert task.seen[0][0] == "Preparing the network"


def test_a_judgement_has_a_band_between_good_and_anomalous() -> None:
    verdicts = [Judgement(score, 3.0, 2.0, 50.0).verdict for score in (1.0, 2.0, 2.5, 3.0, 3.5)]
    assert verdicts == ["good", "good", "borderline", "borderline", "anomalous"]
    assert Judgement(2.5, 3.0, 3.0, 50.0).verdict == "good"
