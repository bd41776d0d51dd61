"""Models that have held-out scores of some of their normal scans only."""

from __future__ import annotations

from ad_desktop.resources import resource
from ad_desktop.task import Task
from ad_desktop.ui.model.summary import model_facts
from ad_desktop.ui.session import Session
from ad_desktop.workflows.store import load_model


def test_the_model_of_healthy_brains_opens_in_the_window() -> None:
    model = load_model(resource("models") / "brain-t1.adm", "cpu", Task())
    session = Session()
    session.set_model(model, fitted_here=False)
    assert session.model is not None
    assert len(session.normal_keys) == 60
    assert len(model.held_out_keys) == len(model.calibration.scores) == 12
    assert set(model.held_out_keys) < set(session.normal_keys)
    assert dict(model_facts(model))["Normal scans"] == "60, of them 12 kept apart for the threshold"
