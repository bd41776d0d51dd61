from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scans import SHAPE, aligned

from ad_desktop.detectors.nets.inpainting import showing
from ad_desktop.detectors.nets.inpainting.checkpoint import read_checkpoint
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Recipe, apart, filled_from_around, make_batch
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.errors import Cancelled, ModelFileError, UserError
from ad_desktop.task import Learning, Task

RECIPE = Recipe()
SCANS = aligned(6)


def net(recipe: Recipe = RECIPE) -> Inpainter:
    torch.manual_seed(3)
    return Inpainter(recipe.inputs, widths=(8, 8, 8))


class CancelledAt(Task):
    """Cancelled after some reports."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def report(self, message: str, done: int = 0, total: int = 0) -> None:
        self.left -= 1
        if self.left < 0:
            self.cancel()
        super().report(message, done, total)


def trainer(steps: int, checkpoint: Path | None = None, batch: int = 4) -> Trainer:
    return Trainer(net(), RECIPE, Schedule(steps, batch=batch, validate=5), 2.0, checkpoint=checkpoint)


def test_a_resumed_fit_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    expected = trainer(8).fit(SCANS[:4], SCANS[4:], Task())
    path = tmp_path / "fit.safetensors"
    for stop in (2, 3):
        with pytest.raises(Cancelled):
            trainer(8, path).fit(SCANS[:4], SCANS[4:], CancelledAt(stop))
    found = trainer(8, path).fit(SCANS[:4], SCANS[4:], Task())
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    # It learned something in between: the best weights are not the first ones.
    assert not torch.equal(expected["enter.both.weight"], net().state_dict()["enter.both.weight"])


def test_a_fit_cancelled_while_it_is_validated_is_validated_when_it_goes_on(tmp_path: Path) -> None:
    expected, told = trainer(8), []
    weights = expected.fit(SCANS[:4], SCANS[4:], Task(), lambda *pair: told.append(pair))
    path, task = tmp_path / "fit.safetensors", Task()
    stopped = trainer(8, path)
    plain = stopped._loss

    def loss(batch: object) -> torch.Tensor:
        if not torch.is_grad_enabled():
            task.cancel()
        return plain(batch)  # type: ignore[arg-type]

    stopped._loss = loss  # type: ignore[method-assign, assignment]
    with pytest.raises(Cancelled):
        stopped.fit(SCANS[:4], SCANS[4:], task)
    assert stopped.state.step == 5
    assert task.notes == (
        "Stopped after 5 of 8 steps. A fit on the same scans with the same settings goes on from there.",
    )
    again, seen = Task(), []
    found = trainer(8, path).fit(SCANS[:4], SCANS[4:], again, lambda *pair: seen.append(pair))
    assert seen == told
    assert [step for step, _ in seen] == [5, 8]
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert again.notes == ("The fit went on from step 5 of 8, where an earlier one was stopped.",)


def test_the_weights_that_do_best_on_scans_kept_apart_are_kept() -> None:
    """Not the last ones: from the second validation on, it goes worse."""
    fitted, averages, told = trainer(15), [], []
    plain, rises = fitted._validate, iter([0.5, 0.2, 0.9])

    def validate(fixed: object, task: Task) -> float:
        worse = next(rises)
        fitted._loss = lambda _: torch.tensor(worse)  # type: ignore[assignment, method-assign, return-value]
        try:
            return plain(fixed, task)  # type: ignore[arg-type]
        finally:
            del fitted._loss
            averages.append({name: value.clone() for name, value in fitted.state.average.items()})

    fitted._validate = validate  # type: ignore[assignment, method-assign]
    found = fitted.fit(SCANS[:4], SCANS[4:], Task(), lambda _, loss: told.append(loss))
    assert told == pytest.approx([0.5, 0.2, 0.9])
    first, second, last = averages
    assert all(torch.equal(found[name], second[name]) for name in found)
    assert not any(torch.equal(other["enter.both.weight"], second["enter.both.weight"]) for other in (first, last))


class Watched(Task):
    """Keeps what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Learning] = []

    def show(self, learning: Learning) -> None:
        super().show(learning)
        self.seen.append(learning)


def test_losses_and_painted_slices_are_shown_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trainer(12).fit(SCANS[:4], SCANS[4:], Task())
    monkeypatch.setattr(showing, "EVERY_SECONDS", 0.0)
    task = Watched()
    found = trainer(12).fit(SCANS[:4], SCANS[4:], task)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    last = task.seen[-1]
    assert [step for step, _ in last.curves[showing.TRAINING]] == list(range(1, 13))
    assert [step for step, _ in last.curves[showing.HELD_OUT]] == [5, 10, 12]
    assert np.isfinite([loss for curve in last.curves.values() for _, loss in curve]).all()
    original, hidden, painted = last.pictures.values()
    assert list(last.pictures) == ["original", "hidden", "painted"]
    assert original.shape == hidden.shape == painted.shape == (showing.SLICES, *SHAPE[1:])
    assert original.dtype == np.uint8
    # Only what is hidden is painted, and anew as the network learns.
    hole = original != hidden
    assert hole.any()
    np.testing.assert_array_equal(painted[~hole & (hidden != 128)], original[~hole & (hidden != 128)])
    assert any((seen.pictures["painted"] != painted).any() for seen in task.seen)
    assert all((seen.pictures["original"] == original).all() for seen in task.seen)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fit.safetensors"
    first = trainer(2, path)
    first.fit(SCANS[:4], SCANS[4:], Task())
    other = Inpainter(RECIPE.inputs, widths=(8, 8))
    with pytest.raises(ModelFileError, match="Delete the file"):
        read_checkpoint(path, other, torch.optim.AdamW(other.parameters()), "cpu")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelFileError, match=r"fit\.safetensors"):
        trainer(2, path).fit(SCANS[:4], SCANS[4:], Task())


def test_memory_that_runs_out_splits_the_batch_and_changes_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trainer(3).fit(SCANS[:4], SCANS[4:], Task())
    tight = trainer(3)
    plain = tight._loss

    def loss(batch: object) -> torch.Tensor:
        if torch.is_grad_enabled() and len(batch.inputs) > 2:  # type: ignore[attr-defined]
            raise torch.OutOfMemoryError
        return plain(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(tight, "_loss", loss)
    found = tight.fit(SCANS[:4], SCANS[4:], Task())
    assert tight.piece == 2
    # Means over holes are taken per piece, so that the gradient is near but not the same.
    assert max(float((found[n] - expected[n]).abs().max()) for n in expected) < 0.05


def test_painting_goes_on_with_fewer_slices_where_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Painter(net(), RECIPE, 2.0).repaired(SCANS[0])
    tight = Painter(net(), RECIPE, 2.0)
    plain, most = tight._forward, [3]

    def forward(scan: object, holes: np.ndarray, chunk: np.ndarray) -> tuple[np.ndarray, ...]:
        if len(chunk) > most[0]:
            raise torch.OutOfMemoryError
        return plain(scan, holes, chunk)  # type: ignore[arg-type]

    monkeypatch.setattr(tight, "_forward", forward)
    np.testing.assert_allclose(tight.repaired(SCANS[0]).image, expected.image, atol=1e-5)
    assert tight.batch <= 3
    most[0] = 0
    with pytest.raises(UserError, match="does not do for a single slice"):
        tight.repaired(SCANS[0])


def test_it_learns_a_tiny_set_by_heart() -> None:
    fitted = trainer(100)
    losses: list[float] = []
    fitted.net.load_state_dict(fitted.fit(SCANS[:1], SCANS[:1], Task(), lambda _, loss: losses.append(loss)))
    assert min(losses[-3:]) < 0.7 * losses[0]


@pytest.mark.parametrize("recipe", [RECIPE, Recipe(prior=False, aligned=False)])
def test_nothing_inside_a_hole_depends_on_what_it_hides(recipe: Recipe) -> None:
    painter = Painter(net(recipe), recipe, 2.0)
    holes = np.zeros(SHAPE, bool)
    holes[:, 8:20, 10:22] = True
    scan = SCANS[0] if recipe.aligned else apart(SCANS[0].image, SCANS[0].mask)
    changed = np.where(holes, scan.image + 5, scan.image).astype(np.float32)
    other = type(scan)(changed, scan.mask, scan.mean, scan.spread)
    before, after = painter.paint(scan, holes), painter.paint(other, holes)
    assert np.array_equal(before.image, after.image)
    assert (before.doubt[holes] == 0).all()
    # The same change where it can be seen is seen.
    seen = painter.repaired(scan).image - painter.repaired(other).image
    assert np.abs(seen).max() > 0


def test_a_hole_is_filled_from_what_is_around_it() -> None:
    mask = np.ones((40, 40), bool)
    hole = np.zeros_like(mask)
    hole[15:25, 15:25] = True
    window = np.stack([np.full(mask.shape, level, np.float32) for level in (0.2, 0.5, 0.9)])
    window[:, hole] = 7
    filled = filled_from_around(window, hole, mask)
    for found, level in zip(filled, (0.2, 0.5, 0.9), strict=True):
        np.testing.assert_allclose(found, level, rtol=1e-4)
    assert (filled_from_around(window, hole, ~hole)[:, hole] == 0).all()


def test_every_voxel_is_painted_while_it_is_hidden() -> None:
    scan = SCANS[0]
    painter = Painter(net(), RECIPE, 2.0)
    found = painter.hidden_everywhere(scan, (8.0, 12.0))
    one_by_one = painter.hidden_everywhere(scan, (8.0,)) + painter.hidden_everywhere(scan, (12.0,))
    np.testing.assert_allclose(found[scan.mask], one_by_one[scan.mask] / 2, atol=1e-6)
    assert (found[~scan.mask] == 0).all()


def test_a_batch_depends_on_its_seed_alone() -> None:
    first, again, other = (make_batch(SCANS, RECIPE, 2.0, 6, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.inputs, other.inputs)
    assert (first.hidden * (1 - first.body) == 0).all()
    assert (first.changed * first.hidden == 0).all()


def test_a_running_fit_is_cancelled_within_a_second(tmp_path: Path) -> None:
    task = Task()
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            trainer(100_000, tmp_path / "c.safetensors").fit(SCANS[:4], SCANS[4:], task)
        except Cancelled as cancelled:
            outcome.append(cancelled)

    thread = threading.Thread(target=run)
    thread.start()
    while task.progress.done < 2:
        time.sleep(0.01)
    task.cancel()
    thread.join(timeout=60)
    assert len(outcome) == 1
    assert (tmp_path / "c.safetensors").is_file()
    # Steps are short, so that the next check is near: one step past the cancel at most.
    assert task.progress.done < 100_000
