"""The model of healthy brains that comes with the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.likeness import likeness, remark
from ad_desktop.detectors.painting.stages import examine
from ad_desktop.resources import resource
from ad_desktop.task import Task
from ad_desktop.workflows.store import load_model

MODELS = Path(resource("models"))


def test_it_is_small_and_says_where_it_is_from() -> None:
    path = MODELS / "brain-t1.adm"
    assert path.stat().st_size < 10_000_000
    model = load_model(path, "cpu")
    assert "IXI" in model.provenance["data"]
    assert "CC BY-SA 3.0" in model.provenance["licence"]
    assert len(model.normal_keys) == 60
    # Where the scans lay is nobody's business.
    assert not any("/work/" in key or "/home/" in key for key in model.normal_keys)


def test_it_tells_how_its_fit_went_from_the_first_step_to_the_last() -> None:
    detector = load_model(MODELS / "brain-t1.adm", "cpu").detector
    assert isinstance(detector, AutoPaint)
    assert [step for step, _ in detector.history_] == list(range(100, detector.params.steps + 1, 100))
    losses = [loss for _, loss in detector.history_]
    assert losses[-1] == min(losses) < 0.5 * losses[0]


def test_it_tells_healthy_brains_from_others() -> None:
    detector = load_model(MODELS / "brain-t1.adm", "cpu").detector
    assert isinstance(detector, AutoPaint)
    assert detector.scans_ is not None
    fitted = detector.scans_
    brain = fitted.mean > 0.2
    for image, alike in ((fitted.mean, True), (1 - fitted.mean, False)):
        found = likeness(Scan(np.where(brain, image, 0).astype(np.float32), brain, fitted.mean, fitted.spread))
        assert (remark(found, fitted.alike[0]) == "") is alike


def test_it_paints_over_what_it_never_saw_in_a_brain() -> None:
    detector = load_model(MODELS / "brain-t1.adm", "cpu").detector
    assert isinstance(detector, AutoPaint)
    assert detector.scans_ is not None
    fitted = detector.scans_
    # Its own mean, since no scan comes with it: a few slices do.
    brain = fitted.mean > 0.2
    brain[:50] = brain[58:] = False
    lesion = np.zeros_like(brain)
    lesion[52:56, 60:67, 46:53] = True
    image = np.where(brain, fitted.mean + 0.4 * lesion, 0).astype(np.float32)
    found = examine(
        fitted.painter, Scan(image, brain, fitted.mean, fitted.spread), fitted.sigma, fitted.plan.stage, Task()
    )
    inside = lesion & brain
    assert inside.sum() > 100
    assert found.score[inside].mean() > 5 * found.score[brain & ~lesion].mean()
    assert found.difference[inside].mean() > 0.2
