"""Nothing goes through the network any more once somebody asked to stop, wherever that was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scans import aligned

from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Recipe, leave_one_out
from ad_desktop.detectors.painting.names import COMBINED, DISCS, INPAINT
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.detectors.painting.refine import Refinement
from ad_desktop.detectors.painting.stages import Stage, deviations, examine
from ad_desktop.detectors.painting.template import Template
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task

RECIPE = Recipe()
SCANS = aligned(6)


def net() -> Inpainter:
    torch.manual_seed(3)
    return Inpainter(RECIPE.inputs, widths=(8, 8, 8))


def passes(network: Inpainter, job: Callable[[Task], Any], stop: int | None = None) -> tuple[int, bool]:
    """How often a job goes through a network, and whether it was stopped; asked to within pass ``stop``."""
    task, count = Task(), 0

    def through(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == stop:
            task.cancel()

    hook = network.register_forward_hook(through)
    try:
        job(task)
    except Cancelled:
        return count, True
    finally:
        hook.remove()
    return count, False


def test_a_fit_stops_with_the_pass_it_is_in(tmp_path: Path) -> None:
    def run(stop: int | None = None) -> tuple[int, bool]:
        network, checkpoint = net(), tmp_path / f"{stop}.safetensors"
        trainer = Trainer(network, RECIPE, Schedule(3, batch=2, validate=2), 4.0, checkpoint=checkpoint)
        found = passes(network, lambda task: trainer.fit(SCANS[:4], SCANS[4:], task), stop)
        assert checkpoint.is_file()
        return found

    total, _ = run()
    assert total > 3
    # Whoever asks within the last one gets what was learned.
    stops = range(1, total, 3)
    assert [run(stop) for stop in stops] == [(stop, True) for stop in stops]


@pytest.mark.parametrize("name", [INPAINT, COMBINED, DISCS])
def test_scoring_stops_with_the_pass_it_is_in(name: str) -> None:
    network = net()
    painter = Painter(network, RECIPE, 4.0)
    painter.batch = 3
    stage = Stage(name, (32.0,), None if name == DISCS else Refinement(share=0.05, smallest_ml=0.01))
    sigma = {part: np.ones(SCANS[0].image.shape, np.float32) for part in stage.needed}
    jobs: list[Callable[[Task], Any]] = [
        lambda task: examine(painter, SCANS[0], sigma, stage, task),
        lambda task: deviations(painter, SCANS[:2], stage, task),
    ]
    for job in jobs:
        total, _ = passes(network, job)
        assert total > 3
        stops = sorted({1, total // 2, total - 1})
        assert [passes(network, job, stop) for stop in stops] == [(stop, True) for stop in stops]


def test_comparing_scans_with_the_others_stops_with_the_scan_it_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    task, seen, less = Task(), [], Template.less

    def watched(self: Template, members: Any) -> Template:
        seen.append(members)
        if len(seen) == 2:
            task.cancel()
        return less(self, members)

    monkeypatch.setattr(Template, "less", watched)
    images, masks = [scan.image for scan in SCANS], [scan.mask for scan in SCANS]
    with pytest.raises(Cancelled):
        leave_one_out(images, masks, task)
    assert len(seen) == 2
