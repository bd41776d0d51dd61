"""What the detector asks of a CLIP: text vectors once, then an engine for pictures. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ad_desktop.detectors.base import Array, FloatArray
from ad_desktop.detectors.nets.clip.files import Tensors, read_clip
from ad_desktop.detectors.nets.clip.prompts import Prompts, handwritten_vectors, text_vectors
from ad_desktop.detectors.nets.clip.scores import abnormal_share
from ad_desktop.detectors.nets.clip.shapes import ClipShape, build, shape_of
from ad_desktop.detectors.nets.clip.vision import DualStream, second_path_blocks
from ad_desktop.detectors.nets.torch_engine import TorchEngine
from ad_desktop.errors import UserError
from ad_desktop.task import Task


class ClipFile:
    """An opened weights file; both towers are made from it on demand."""

    def __init__(self, path: Path, activation: str = "auto") -> None:
        self.path = path
        self.tensors: Tensors = read_clip(path)
        self.shape: ClipShape = shape_of(self.tensors, path, activation)

    def text_model(self) -> object:
        """open_clip's model with its text tower alone."""
        return build(self.shape, self.tensors, self.path, vision=False)

    def vectors(self, prompts: Prompts | None, half: bool) -> FloatArray:
        """Unit vectors 2×D of normal and abnormal, from ``prompts`` or from plain texts."""
        model = self.text_model()
        with torch.inference_mode():
            if prompts is None:
                found = handwritten_vectors(model, self.shape)
            else:
                found = text_vectors(model, prompts, self.shape, half=half)
            return np.asarray(torch.nn.functional.normalize(found, dim=-1).numpy())

    def stream(self, side: int, second_path: int, layers: Sequence[int]) -> DualStream:
        """The vision tower for inputs of ``side`` pixels; ``UserError`` for layers without a second path."""
        blocks = second_path_blocks(self.shape.layers, second_path)
        layers = [layer or self.shape.layers for layer in layers]
        first = self.shape.layers - blocks
        if any(not first < layer <= self.shape.layers for layer in layers):
            raise UserError(
                f"layers={','.join(map(str, layers))}: this CLIP has v-v attention in blocks {first + 1} to "
                f"{self.shape.layers} only."
            )
        model = build(self.shape, self.tensors, self.path, vision=True)
        return DualStream(model.visual, self.shape, side, blocks, layers)

    def engine(
        self, side: int, second_path: int, layers: Sequence[int], device: str, mixed: bool, text: Array | None,
        task: Task,
    ) -> TorchEngine:  # fmt: skip
        """What runs the vision tower; mixed precision may change probabilities by ``text``, where there is one."""

        def off(found: Sequence[FloatArray], exact: Sequence[FloatArray]) -> float:
            assert text is not None  # noqa: S101 - else it is not called
            pairs = zip(found, exact, strict=True)
            return max(float(np.abs(abnormal_share(a, text) - abnormal_share(b, text)).max()) for a, b in pairs)

        stream = self.stream(side, second_path, layers)
        return TorchEngine(stream, side, device, mixed=mixed, task=task, off=None if text is None else off)
