"""Updating a model in memory, as the window does."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import save, textured
from world import Fit

from ad_desktop.data.folders import scan
from ad_desktop.data.samples import Sample
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.store import load_model
from ad_desktop.workflows.update import update


def test_an_update_equals_a_fit_of_the_same_set(good: list[Sample], fitted: Fit) -> None:
    model = fitted(good[:12]).model
    model = update(model, good[12:], [], Task()).model
    model = update(model, [], [good[3].key, good[7].key], Task()).model
    again = fitted([*good[:3], *good[4:7], *good[8:]]).model
    assert model.detector.normal_set == again.detector.normal_set
    np.testing.assert_allclose(model.calibration.scores, again.calibration.scores, rtol=1e-6)
    np.testing.assert_allclose(model.calibration.map_peaks, again.calibration.map_peaks, rtol=1e-6)
    assert model.threshold.value == pytest.approx(again.threshold.value, rel=1e-6)


def test_what_was_chosen_stays(good: list[Sample], fitted: Fit) -> None:
    model = fitted(good, groups="folder").model
    model.fpr, model.borderline_fpr, model.provenance = 0.1, 0.2, {"line": "3"}
    new = update(model, [], [good[0].key], Task()).model
    for field in ("fpr", "borderline_fpr", "provenance", "group_spec", "created", "threshold_rule", "detector"):
        assert getattr(new, field) == getattr(model, field)


def test_what_the_user_should_know_is_in_the_notes(good: list[Sample], fitted: Fit, tmp_path: Path) -> None:
    model = fitted(good, groups="folder").model
    assert "All normal pictures are in one group" in update(model, [], [good[0].key], Task()).notes[0]
    copies = [Sample(Path(shutil.copy(sample.path, tmp_path / f"copy {sample.path.name}"))) for sample in good]
    alone = fitted(good).model
    assert any("near-duplicates" in note for note in update(alone, copies, [], Task()).notes)


def whole(model: FittedModel) -> tuple[object, ...]:
    state = model.detector.state()
    return (
        model.detector.normal_set,
        *(np.asarray(v).tobytes() for v in state.tensors.values() if isinstance(v, np.ndarray)),
    )


@pytest.mark.parametrize("case", ["unknown", "too few", "nothing", "no group"])
def test_an_update_that_cannot_be_changes_nothing(
    case: str, good: list[Sample], fitted: Fit, world: Path, tmp_path: Path
) -> None:
    table = tmp_path / "groups.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "group"), *((s.path, n % 4) for n, s in enumerate(good))])
    model = fitted(good, groups=str(table)).model
    before = whole(model)
    add, remove, said = {
        "unknown": ([], [good[0].key, "/nowhere.png"], "not among the normal pictures"),
        "too few": ([], [sample.key for sample in good[1:]], "At least two"),
        "nothing": (scan([world / "bad"]).samples, [], "no picture can be added"),
        "no group": (scan([world / "check"]).samples, [good[0].key], "8 pictures have no group"),
    }[case]
    with pytest.raises(UserError, match=said):
        update(model, add, remove, Task())
    assert whole(model) == before


def test_all_pictures_can_be_replaced_at_once(good: list[Sample], fitted: Fit, tmp_path: Path) -> None:
    new = [Sample(save(tmp_path / f"{number}.png", textured(700 + number, 96))) for number in range(6)]
    model = update(fitted(good).model, new, [sample.key for sample in good], Task()).model
    reference = fitted(new).model
    assert model.detector.normal_set == reference.detector.normal_set
    np.testing.assert_allclose(model.calibration.scores, reference.calibration.scores, rtol=1e-6)


def test_a_loaded_model_needs_no_other_pictures(
    model_file: Path, good: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(model_file)
    read: list[Path] = []
    prepare = type(model.detector).prepare

    def watched(self: object, sample: Sample) -> object:
        read.append(sample.path)
        return prepare(self, sample)  # type: ignore[arg-type]

    monkeypatch.setattr(type(model.detector), "prepare", watched)
    update(model, [good[3]], [good[0].key], Task())
    assert read == [good[3].path]


def test_a_calibration_that_fails_leaves_the_model_as_it_was(
    good: list[Sample], fitted: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(good[:12]).model
    before = whole(model)

    def fail(*_: object) -> None:
        raise UserError("no components")

    with monkeypatch.context() as patch:
        patch.setattr("ad_desktop.workflows.update.calibrate", fail)
        with pytest.raises(UserError, match="no components"):
            update(model, good[12:], [], Task())
    assert whole(model) == before
    again = update(model, good[12:], [], Task()).model
    np.testing.assert_allclose(again.calibration.scores, fitted(good).model.calibration.scores, rtol=1e-6)
