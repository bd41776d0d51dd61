"""What a fit shows of itself while it runs: how the losses fall, and healthy slices as they are painted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ad_desktop.detectors.nets.inpainting.checkpoint import Losses
from ad_desktop.detectors.painting.batches import Batch, Recipe, Scan, make_batch
from ad_desktop.task import Learning, Task

TRAINING, HELD_OUT = "training", "held out"
ORIGINAL, HIDDEN, PAINTED = "original", "hidden", "painted"
SLICES = 2
POINTS = 200
"""About so many points the training curve has in the end."""
EVERY_SECONDS = 3.0
_TRIED = 16
_HIDDEN = 0.1, 0.5
"""Shares of the body between which what is hidden can be judged by eye."""
_WHOLE_MM = 1e4
_PLAIN = 0.5
"""What stands for what is hidden: mid-grey."""

Paint = Callable[[Batch], np.ndarray]
"""Healthy appearance (N×C×H×W) of a batch, as the network is now."""


class Showing:
    """Hands ``losses`` and a preview to a task; the losses go on from what they hold already."""

    def __init__(
        self, losses: Losses, scans: Sequence[Scan], recipe: Recipe, spacing: float, steps: int, task: Task,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self._losses, self._task = losses, task
        self._every = max(1, -(-steps // POINTS))
        self._sum, self._count = 0.0, 0
        self._pictures: dict[str, np.ndarray] = {}
        self._due = time.monotonic()
        whole = replace(recipe, holes=1.0, corruption=0.0, crop_mm=_WHOLE_MM)
        drawn = make_batch(scans, whole, spacing, _TRIED, np.random.default_rng([seed, _TRIED]))
        body, hidden = (part.sum(axis=(1, 2, 3)) for part in (drawn.body, drawn.hidden))
        clear = (hidden > _HIDDEN[0] * body) & (hidden < _HIDDEN[1] * body)
        fullest = np.argsort(-body * (1 + clear), kind="stable")[:SLICES]
        self._batch = Batch(*(part[fullest] for part in drawn))

    def step(self, step: int, loss: float, paint: Paint) -> None:
        """Take in a step's loss; now and then the preview is painted anew."""
        self._sum, self._count = self._sum + loss, self._count + 1
        if step % self._every == 0:
            self._losses.training.append((step, self._sum / self._count))
            self._sum, self._count = 0.0, 0
        elif time.monotonic() < self._due:
            return
        if time.monotonic() >= self._due:
            self._pictures = self._painted(paint)
            self._due = time.monotonic() + EVERY_SECONDS
        self.tell()

    def tell(self) -> None:
        """Hand over what there is."""
        curves = {TRAINING: tuple(self._losses.training), HELD_OUT: tuple(self._losses.validation)}
        self._task.show(Learning(curves, self._pictures))

    def _painted(self, paint: Paint) -> dict[str, np.ndarray]:
        """The slices as they are, with holes, and with what the network paints there."""
        truth, hole = self._batch.truth[:, 0], self._batch.hidden[:, 0] > 0
        painted = paint(self._batch)[:, 0]
        shown = {
            ORIGINAL: truth,
            HIDDEN: np.where(hole, np.float32(_PLAIN), truth),
            PAINTED: np.where(hole, painted, truth),
        }
        return {name: np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8) for name, values in shown.items()}
