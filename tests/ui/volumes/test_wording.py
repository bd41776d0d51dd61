"""Scans are called scans, and one that the model is not for is not called damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_units_in_jobs import write

from ad_desktop.data.samples import Label, Sample, VolumeSample
from ad_desktop.errors import InputError, UnsuitedError
from ad_desktop.task import Task
from ad_desktop.ui import wording
from ad_desktop.ui.items import Item, Verdict
from ad_desktop.ui.session import Session
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.settings import SliceSettings

SCAN, PICTURE = VolumeSample(Path("a.nii")), Sample(Path("a.png"))

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.mark.parametrize(
    ("samples", "counted", "these"),
    [
        ([SCAN], "1 scan", "a.nii is"),
        ([PICTURE], "1 picture", "a.png is"),
        ([SCAN] * 1200, "1,200 scans", "These 1,200 scans are"),
        ([SCAN, PICTURE], "2 pictures and scans", "These 2 pictures and scans are"),
    ],
)
def test_pictures_and_scans_are_counted_by_their_names(samples, counted, these):
    assert wording.counted(samples) == counted
    assert wording.these(samples) == these


def test_the_panels_say_scans(window, tmp_path):
    items = [Item.of(write(tmp_path / f"{n}.nii.gz", n), Label.TO_CHECK) for n in range(2)]
    window.session.add(items)
    panel, settings = window.model.fit_panel, window.model.settings
    assert "good scans" in panel.reason.text()
    assert "picture" not in settings.groups_help.text()
    window.edits.label(items, Label.NORMAL)
    assert panel.button.text() == "Fit on 2 normal scans"
    assert window.undo_stack.undoText() == "label 2 scans as normal"


def test_a_scan_in_another_unit_is_not_scored_and_no_error(tmp_path, toy):
    normal = [write(tmp_path / f"{n}.nii.gz", n) for n in range(2)]
    model = fit(normal, FitOptions(detector="toy", slices=SliceSettings(unit="HU")), Task()).model
    other = VolumeSample(normal[0].path, unit="SUVbw")
    [result] = predict(model, [other], Task())
    assert result.unsuited
    assert "SUVbw" in result.error
    session = Session()
    item = session.add([Item.of(other, Label.TO_CHECK)])[0]
    session.set_results([result])
    assert session.verdict(item) is Verdict.NONE
    session.set_results([Result(other, error="it is damaged")])
    assert session.verdict(item) is Verdict.ERROR


def test_an_unsuited_input_is_an_input_that_cannot_be_used():
    error = UnsuitedError("a.nii", "the model is for pictures")
    assert isinstance(error, InputError)
    assert str(error) == "a.nii: the model is for pictures"
