"""Fitting the inpainter: deterministic, resumable, with the best weights on held-out scans kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ad_desktop.detectors.nets.inpainting.checkpoint import Progressed, read_checkpoint, write_checkpoint
from ad_desktop.detectors.nets.inpainting.losses import painting_loss
from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Batch, Recipe, Scan, make_batch
from ad_desktop.errors import Cancelled, UserError
from ad_desktop.task import Task

MESSAGE = "Learning healthy anatomy"
VALIDATION, TRAINING = 1, 0
VALIDATION_BATCHES = 6


@dataclass(frozen=True)
class Schedule:
    """``steps`` of ``batch`` slices with AdamW at ``rate``, falling as a cosine; validated every ``validate`` steps."""

    steps: int
    batch: int = 8
    rate: float = 1e-3
    average: float = 0.99
    validate: int = 100
    seed: int = 0
    checkpoint_seconds: float = 120.0


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
        if self.checkpoint is not None and self.checkpoint.is_file():
            self.state = read_checkpoint(self.checkpoint, self.net, self.optimiser, self.device)
        fixed = [self._batch(held_out, VALIDATION, n) for n in range(VALIDATION_BATCHES)]
        saved = time.monotonic()
        try:
            while self.state.step < self.schedule.steps:
                task.report(MESSAGE, self.state.step, self.schedule.steps)
                self._step(self._batch(scans, TRAINING, self.state.step))
                if self.state.step % self.schedule.validate == 0 or self.state.step == self.schedule.steps:
                    loss = self._validate(fixed)
                    if watch is not None:
                        watch(self.state.step, loss)
                if time.monotonic() - saved > self.schedule.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
        except Cancelled:
            self._save()
            raise
        self._save()
        return {name: value.contiguous() for name, value in self.state.best.items()}

    def _batch(self, scans: Sequence[Scan], purpose: int, number: int) -> Batch:
        rng = np.random.default_rng([self.schedule.seed, purpose, number])
        return make_batch(scans, self.recipe, self.spacing, self.schedule.batch, rng)

    def _step(self, batch: Batch) -> None:
        self.net.train()
        schedule, state = self.schedule, self.state
        warm = min(1.0, (state.step + 1) / 50)
        rate = schedule.rate * warm * 0.5 * (1 + np.cos(np.pi * state.step / schedule.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = float(rate)
        while not self._tried(batch):
            self._shrink()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        state.step += 1
        # Early weights are forgotten fast.
        keep = min(schedule.average, state.step / (state.step + 10))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                state.average[name].lerp_(value, 1 - keep)

    def _tried(self, batch: Batch) -> bool:
        # The error must be gone before memory is given back: its traceback holds the tensors.
        try:
            self.optimiser.zero_grad(set_to_none=True)
            for start in range(0, len(batch.inputs), self.piece):
                part = Batch(*(array[start : start + self.piece] for array in batch))
                share = len(part.inputs) / len(batch.inputs)
                (self._loss(part) * share).backward()  # type: ignore[no-untyped-call]
        except torch.OutOfMemoryError:
            return False
        return True

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
        inputs, base, *rest = tensors
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda"):
            painted = self.net(inputs.contiguous(memory_format=torch.channels_last), base)
        return painting_loss(type(painted)(*(part.float() for part in painted)), *rest)

    def _validate(self, fixed: Sequence[Batch]) -> float:
        """Loss of the averaged weights, which become the best ones if it is the smallest so far."""
        state = self.state
        now = {name: value.clone() for name, value in self.net.state_dict().items()}
        self.net.load_state_dict(state.average)
        self.net.eval()
        with torch.no_grad():
            loss = float(np.mean([self._loss(batch).item() for batch in fixed]))
        self.net.load_state_dict(now)
        if loss < state.best_loss:
            state.best_loss = loss
            state.best = {name: value.clone() for name, value in state.average.items()}
        return loss

    def _save(self) -> None:
        if self.checkpoint is not None:
            write_checkpoint(self.checkpoint, self.net, self.optimiser, self.state)
