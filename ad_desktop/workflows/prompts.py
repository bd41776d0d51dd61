"""Learned prompts of a model, for other programs."""

from __future__ import annotations

from pathlib import Path

from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel


def write_prompts(model: FittedModel, target: Path, task: Task) -> None:
    """Save the prompts in AnomalyCLIP's published format; ``UserError`` for a model without any."""
    write = getattr(model.detector, "write_prompts", None)
    if write is None:
        raise UserError(f"{model.detector.title} has no prompts: only models of AnomalyCLIP that are not tiled do.")
    write(target, task)
