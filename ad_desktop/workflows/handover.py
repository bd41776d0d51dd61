"""Models for other programs: learned prompts, and an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel


def write_prompts(model: FittedModel, target: Path, task: Task) -> None:
    """Save the prompts in AnomalyCLIP's published format; ``UserError`` for a model without any."""
    write = getattr(model.detector, "write_prompts", None)
    if write is None:
        raise UserError(f"{model.detector.title} has no prompts: only models of AnomalyCLIP that are not tiled do.")
    write(target, task)


def write_onnx(model: FittedModel, target: Path, task: Task) -> dict[str, Any]:
    """Save image in, map and score out, as an ONNX graph; its largest differences from torch. ``UserError``."""
    write = getattr(model.detector, "write_onnx", None)
    if write is None or model.scans is not None:
        raise UserError(
            "Only models of AnomalyCLIP on whole pictures can be written as an ONNX graph, not those of "
            f"{model.detector.title} on {'scans' if model.scans else 'tiles' if model.tiling.size else 'pictures'}."
        )
    facts = {
        "threshold": model.threshold.value, "map_threshold": model.map_threshold, "calibrated": model.calibrated,
    }  # fmt: skip
    return dict(write(target, facts, task))
