"""Cancelling a workflow: at once, without a trace."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from world import Fit

from ad_desktop.__main__ import main
from ad_desktop.cli import commands
from ad_desktop.data.folders import scan
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Prepared
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task
from ad_desktop.workflows.evaluate import evaluate
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model
from ad_desktop.workflows.update import update


class CancelledAt(Task):
    """Cancels itself at the given step of a phase."""

    def __init__(self, message: str, done: int = 0) -> None:
        super().__init__()
        self._at = (message, done)

    def report(self, message: str, done: int = 0, total: int = 0) -> None:
        if message == self._at[0] and done >= self._at[1]:
            self.cancel()
        super().report(message, done, total)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by every picture that is decoded."""
    seen: list[Path] = []
    whole = GaussianAD.prepare

    def prepare(self: GaussianAD, sample: Sample) -> Prepared:
        seen.append(sample.path)
        return whole(self, sample)

    monkeypatch.setattr(GaussianAD, "prepare", prepare)
    return seen


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")}


def test_a_fit_stops_at_its_next_picture(good: list[Sample], fitted: Fit, prepared: list[Path]) -> None:
    many = [sample for _ in range(20) for sample in good]
    samples = [Sample(sample.path, page) for page, sample in enumerate(many)]
    with pytest.raises(Cancelled):
        fitted(samples, CancelledAt("Learning normal pictures", 2))
    assert len(prepared) <= 24
    assert not threads()


def test_a_fit_that_was_cancelled_before_it_began_reads_nothing(
    good: list[Sample], fitted: Fit, prepared: list[Path]
) -> None:
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        fitted(good, task)
    assert not prepared


def test_predict_stops_between_pictures_and_keeps_what_it_gave(
    model_file: Path, good: list[Sample], prepared: list[Path]
) -> None:
    task = Task()
    results = predict(load_model(model_file), [sample for _ in range(10) for sample in good], task)
    assert next(results).prediction is not None
    task.cancel()
    with pytest.raises(Cancelled):
        list(results)
    assert len(prepared) <= 40
    assert not threads()


def test_leaving_predict_early_leaves_no_thread(model_file: Path, good: list[Sample]) -> None:
    results = predict(load_model(model_file), good, Task())
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not threads()


def test_an_evaluation_can_be_cancelled(model_file: Path, world: Path) -> None:
    with pytest.raises(Cancelled):
        evaluate(load_model(model_file), world / "set", CancelledAt("Checking pictures", 3))


@pytest.mark.parametrize("phase", ["Reading the pictures to add", "Opening the model"])
def test_a_cancelled_update_leaves_the_model_as_it_was(phase: str, model_file: Path, world: Path) -> None:
    model = load_model(model_file)
    before, calibration = model.detector.normal_set, model.calibration
    task = CancelledAt(phase, 1)
    if phase == "Opening the model":
        task.cancel()
    with pytest.raises(Cancelled):
        update(model, scan([world / "check"]).samples, [before.keys[0]], task)
    assert model.detector.normal_set == before
    assert model.calibration is calibration
    assert update(model, [], [before.keys[0]], Task()).model.detector.normal_set.keys == before.keys[1:]


@pytest.mark.parametrize(
    ("command", "phase"),
    [
        (["fit", "{world}/good", "--out", "{out}/new.adm", "--set", "image_size=64"], "Learning normal pictures"),
        (["update", "{out}/own.adm", "--add", "{world}/check"], "Reading the pictures to add"),
        (["evaluate", "{out}/own.adm", "{world}/set"], "Checking pictures"),
    ],
)
def test_a_cancelled_command_leaves_no_file(
    command: list[str], phase: str, model_file: Path, world: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    own = tmp_path / "own.adm"
    own.write_bytes(model_file.read_bytes())
    monkeypatch.setattr(commands, "Task", lambda: CancelledAt(phase, 2))
    assert main([text.format(world=world, out=tmp_path) for text in command]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "stopped; nothing that was not finished is kept" in err
    assert [path.name for path in tmp_path.iterdir()] == ["own.adm"]
    assert own.read_bytes() == model_file.read_bytes()


def test_files_of_a_cancelled_export_are_whole(model_file: Path, world: Path, tmp_path: Path) -> None:
    model, samples = load_model(model_file), scan([world / "check"]).samples
    task = CancelledAt("Checking pictures", 4)
    exporter = Exporter(model, samples, tmp_path, ("map", "csv"))
    with pytest.raises(Cancelled):
        list(map(exporter.add, predict(model, samples, task)))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} == {".tiff"}
    assert len({path.stat().st_size for path in files}) == 1
