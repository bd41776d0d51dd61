"""Pictures and a fitted model for tests of the workflows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from world import SMALL, Fit, make_world

from ad_desktop.data.folders import scan
from ad_desktop.data.samples import Sample
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, FitOutcome, fit
from ad_desktop.workflows.store import save_model


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of every sort; tests do not change them."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def good(world: Path) -> list[Sample]:
    """20 normal samples."""
    return scan([world / "good"]).samples


@pytest.fixture(scope="session")
def fitted() -> Fit:
    """Fit in half a second; keywords are parameters of the detector."""

    def make(samples: Sequence[Sample], task: Task | None = None, groups: str = "none", **params: object) -> FitOutcome:
        return fit(samples, FitOptions(params={**SMALL, **params}, groups=groups), task or Task())

    return make


@pytest.fixture(scope="session")
def model_file(good: list[Sample], fitted: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of the good samples; tests do not change it."""
    path = tmp_path_factory.mktemp("model") / "model.adm"
    save_model(fitted(good).model, path)
    return path
