"""Chooses what runs a network: onnxruntime on the CPU, torch on CUDA and wherever export fails."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ad_desktop.detectors.base import Array, FloatArray
from ad_desktop.detectors.nets.apart import ExportError
from ad_desktop.detectors.nets.backbones import Backbone
from ad_desktop.detectors.nets.devices import resolve_device
from ad_desktop.detectors.nets.export import export_apart
from ad_desktop.detectors.nets.graphs import GraphKey, make_key, read_graph
from ad_desktop.detectors.nets.onnx_engine import OnnxEngine
from ad_desktop.detectors.nets.weights import Weights
from ad_desktop.errors import Cancelled, UserError
from ad_desktop.imports import imported
from ad_desktop.task import Task

ENGINES = ("auto", "onnxruntime", "torch")


class Engine(Protocol):
    """A network ready to run.

    ``name`` is onnxruntime or torch, ``device`` cpu or cuda:N, ``batch_size`` how many inputs ``run``
    likes at a time (it may shrink when memory runs out).
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def batch_size(self) -> int: ...

    def run(self, pixels: Array) -> list[FloatArray]:
        """Compute one float32 N×C×H×W array per level of N×S×S×3 pixels (uint8 or float32) in 0..255."""
        ...


def make_engine(
    spec: Backbone,
    weights: Weights,
    levels: Sequence[int],
    side: int,
    device: str = "auto",
    engine: str = "auto",
    *,
    threads: int | None = None,
    mixed: bool = False,
    task: Task | None = None,
) -> Engine:
    """Make the engine that gives the 1-based ``levels`` of ``spec`` for inputs of ``side`` pixels.

    ``engine`` auto is onnxruntime on the CPU, or torch with a note on ``task`` if no graph can be made;
    torch on CUDA. ``threads`` limits the CPU cores used; ``mixed`` asks for half precision in torch.
    ``UserError`` for levels, side, device or engine that cannot be; ``WeightsError`` for weights that do not fit.
    """
    task = task or Task()
    spec.check(levels, side)
    if engine not in ENGINES:
        raise UserError(f"Unknown engine {engine!r}: choose one of {', '.join(ENGINES)}.")
    place = resolve_device(device)
    if engine == "onnxruntime" and place != "cpu":
        raise UserError(f"onnxruntime runs on the CPU here, not on {place}: choose device=cpu, or engine=torch.")
    if engine == "torch" or place != "cpu":
        return _torch_engine(spec, weights, levels, side, place, mixed, task)
    try:
        return _onnx_engine(spec, weights, make_key(spec.name, weights.sha256, levels, side), threads, task)
    except ExportError as error:
        if engine == "onnxruntime":
            raise UserError(f"{spec.name} could not be prepared for onnxruntime: {error}. Use engine=torch.") from error
        task.note(f"{spec.name} could not be prepared for onnxruntime ({error}); torch runs it, more slowly.")
        return _torch_engine(spec, weights, levels, side, place, mixed, task)


def _onnx_engine(spec: Backbone, weights: Weights, key: GraphKey, threads: int | None, task: Task) -> OnnxEngine:
    graph = read_graph(key.path, key)
    if graph is None:
        graph = _exported(spec, weights, key, task)
    try:
        imported(("onnxruntime",), task)
        return OnnxEngine(graph, spec, key.side, threads)
    except Cancelled:
        raise
    except Exception as error:  # onnxruntime's errors have no common base
        raise ExportError(str(error)) from error


def _exported(spec: Backbone, weights: Weights, key: GraphKey, task: Task) -> bytes:
    """A new graph, from the cache folder, or from a temporary one where the cache cannot be written."""
    try:
        key.path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=key.path.parent).close()
    except OSError as error:
        task.note(f"{key.path.parent} cannot be written ({error.strerror}): preparing the network is not remembered.")
        with tempfile.TemporaryDirectory(prefix="ad-desktop-", ignore_cleanup_errors=True) as folder:
            return _export_to(Path(folder) / key.path.name, spec, weights, key, task)
    return _export_to(key.path, spec, weights, key, task)


def _export_to(path: Path, spec: Backbone, weights: Weights, key: GraphKey, task: Task) -> bytes:
    export_apart(spec, weights.path, key, path, task)
    graph = read_graph(path, key)
    if graph is None:
        raise ExportError(f"{path} could not be read back")
    return graph


def _torch_engine(
    spec: Backbone, weights: Weights, levels: Sequence[int], side: int, device: str, mixed: bool, task: Task
) -> Engine:
    task.report("Loading torch")
    imported(("ad_desktop.detectors.nets.torch_engine",), task)
    from ad_desktop.detectors.nets.modules import build
    from ad_desktop.detectors.nets.torch_engine import TorchEngine

    return TorchEngine(build(spec, weights.path, levels), side, device, mixed=mixed, task=task)
