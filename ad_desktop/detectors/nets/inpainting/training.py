"""Fitting the inpainter: deterministic, resumable, with the best weights on held-out scans kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ad_desktop.detectors.nets.inpainting.checkpoint import Progressed, read_checkpoint, write_checkpoint
from ad_desktop.detectors.nets.inpainting.losses import painting_loss
from ad_desktop.detectors.nets.inpainting.perceptual import Perceptual
from ad_desktop.detectors.nets.inpainting.showing import Showing
from ad_desktop.detectors.nets.inpainting.unet import Inpainter, Painted
from ad_desktop.detectors.painting.batches import Batch, Recipe, Scan, make_batch
from ad_desktop.errors import Cancelled, UserError
from ad_desktop.task import Task

MESSAGE = "Learning healthy anatomy"
CONTINUED = "Learning, continued from step {step:,}"
STOPPED = (
    "Stopped after {step:,} of {steps:,} steps. A fit on the same scans with the same settings goes on from there."
)
RESUMED = "The fit went on from step {step:,} of {steps:,}, where an earlier one was stopped."
VALIDATION, TRAINING = 1, 0
VALIDATION_BATCHES = 6


@dataclass(frozen=True)
class Schedule:
    """``steps`` of ``batch`` slices with AdamW at ``rate``, falling as a cosine; validated every ``validate`` steps.

    ``perceptual`` is the weight of what a picture network sees beside what the values differ by; 0 does without one.
    """

    steps: int
    batch: int = 8
    rate: float = 1e-3
    average: float = 0.99
    validate: int = 100
    seed: int = 0
    checkpoint_seconds: float = 120.0
    perceptual: float = 0.0


class Trainer:
    """Trains one network on some scans and keeps the weights that do best on others.

    Every batch depends on seed and step alone, so that a fit resumed from ``checkpoint`` ends with the very weights
    of one that was not interrupted. When memory runs out a batch is split, and stays so.
    """

    def __init__(
        self, net: Inpainter, recipe: Recipe, schedule: Schedule, spacing: float, device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> None:  # fmt: skip
        self.net = net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.schedule, self.spacing = recipe, schedule, spacing
        self.device, self.checkpoint = device, checkpoint
        self.perceptual = Perceptual.default().to(device) if schedule.perceptual else None
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=schedule.rate)
        self.state = Progressed.of(net)
        self.piece = schedule.batch

    def fit(
        self, scans: Sequence[Scan], held_out: Sequence[Scan], task: Task,
        watch: Callable[[int, float], None] | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The best averaged weights by loss on ``held_out``; ``watch`` is told step and that loss.

        ``Cancelled`` leaves a checkpoint to go on from.
        """
        message = self._resume(task)
        steps, state = self.schedule.steps, self.state
        fixed = []
        for number in range(VALIDATION_BATCHES):
            task.check()
            fixed.append(self._batch(held_out, VALIDATION, number))
        showing = Showing(state.losses, held_out, self.recipe, self.spacing, steps, task, self.schedule.seed)
        tell = watch or _nobody
        for known in state.losses.validation:
            tell(*known)
        saved = time.monotonic()
        try:
            while True:
                if self._due:
                    loss = self._validate(fixed, task)
                    state.losses.validation.append((state.step, loss))
                    showing.tell()
                    tell(state.step, loss)
                if state.step >= steps:
                    break
                task.report(message, state.step, steps)
                loss = self._step(self._batch(scans, TRAINING, state.step), task)
                showing.step(state.step, loss, self._painted)
                if time.monotonic() - saved > self.schedule.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
        except Cancelled:
            self._save()
            if self.checkpoint is not None and state.step:
                task.note(STOPPED.format(step=state.step, steps=steps))
            raise
        self._save()
        return {name: value.contiguous() for name, value in state.best.items()}

    def _resume(self, task: Task) -> str:
        """Go back to where an earlier fit was; what this one calls itself."""
        if self.checkpoint is None or not self.checkpoint.is_file():
            return MESSAGE
        self.state = read_checkpoint(self.checkpoint, self.net, self.optimiser, self.device)
        if not 0 < self.state.step < self.schedule.steps:
            return MESSAGE
        task.note(RESUMED.format(step=self.state.step, steps=self.schedule.steps))
        return CONTINUED.format(step=self.state.step)

    @property
    def _due(self) -> bool:
        """Whether the weights as they are have to be validated, and were not: a fit may be cancelled meanwhile."""
        step, done = self.state.step, self.state.losses.validation
        last = done[-1][0] if done else 0
        return step > last and (step % self.schedule.validate == 0 or step == self.schedule.steps)

    def _batch(self, scans: Sequence[Scan], purpose: int, number: int) -> Batch:
        rng = np.random.default_rng([self.schedule.seed, purpose, number])
        return make_batch(scans, self.recipe, self.spacing, self.schedule.batch, rng)

    def _step(self, batch: Batch, task: Task) -> float:
        """Learn from a batch; its loss before. ``Cancelled`` leaves the weights as they were."""
        self.net.train()
        schedule, state = self.schedule, self.state
        warm = min(1.0, (state.step + 1) / 50)
        rate = schedule.rate * warm * 0.5 * (1 + np.cos(np.pi * state.step / schedule.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = float(rate)
        while (loss := self._tried(batch, task)) is None:
            self._shrink()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        state.step += 1
        # Early weights are forgotten fast.
        keep = min(schedule.average, state.step / (state.step + 10))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                state.average[name].lerp_(value, 1 - keep)
        return loss

    def _tried(self, batch: Batch, task: Task) -> float | None:
        """The loss, its gradients being there; None where memory does not do."""
        # The error must be gone before memory is given back: its traceback holds the tensors.
        try:
            self.optimiser.zero_grad(set_to_none=True)
            total = 0.0
            for start in range(0, len(batch.inputs), self.piece):
                part = Batch(*(array[start : start + self.piece] for array in batch))
                share = len(part.inputs) / len(batch.inputs)
                task.check()
                loss = self._loss(part) * share
                task.check()
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
        except torch.OutOfMemoryError:
            return None
        return total

    def _shrink(self) -> None:
        if self.piece <= 1:
            raise UserError(
                f"The memory of {self.device} does not do for a single slice. Choose a narrower network, "
                "or the device cpu."
            )
        self.piece //= 2
        if self.device != "cpu":
            torch.cuda.empty_cache()

    def _loss(self, batch: Batch) -> Tensor:
        tensors = [torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for array in batch]
        inputs, base, truth, changed, hidden, body, judged = tensors
        painted = self._forward(inputs, base)
        loss = painting_loss(painted, truth, changed, hidden, body, judged)
        if self.perceptual is not None:
            loss = loss + self.schedule.perceptual * self.perceptual(painted.image * body, truth * body)
        return loss

    def _forward(self, inputs: Tensor, base: Tensor) -> Painted:
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda"):
            painted = self.net(inputs.contiguous(memory_format=torch.channels_last), base)
        return Painted(*(part.float() for part in painted))

    def _painted(self, batch: Batch) -> NDArray[np.float32]:
        """What is painted now, for the eye: with the weights of this step."""
        inputs, base = (torch.from_numpy(np.ascontiguousarray(part)).to(self.device) for part in batch[:2])
        with torch.no_grad():
            return self._forward(inputs, base).image.cpu().numpy()

    def _validate(self, fixed: Sequence[Batch], task: Task) -> float:
        """Loss of the averaged weights, which become the best ones if it is the smallest so far."""
        state = self.state
        now = {name: value.clone() for name, value in self.net.state_dict().items()}
        self.net.load_state_dict(state.average)
        self.net.eval()
        losses = []
        try:
            with torch.no_grad():
                for batch in fixed:
                    task.check()
                    losses.append(self._loss(batch).item())
        finally:
            self.net.load_state_dict(now)
        loss = float(np.mean(losses))
        if loss < state.best_loss:
            state.best_loss = loss
            state.best = {name: value.clone() for name, value in state.average.items()}
        return loss

    def _save(self) -> None:
        if self.checkpoint is not None:
            write_checkpoint(self.checkpoint, self.net, self.optimiser, self.state)


def _nobody(step: int, loss: float) -> None:
    """Told where nobody asked."""
