"""Turns a torch network into an ONNX graph, in a process of its own.

Torch, timm and the exporter take seconds to import, write to standard error, and hold hundreds of
megabytes; none of that reaches the process that only wants to run the graph.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ad_desktop.detectors.base import FloatArray
from ad_desktop.detectors.nets.apart import ExportError, answer, run_apart
from ad_desktop.detectors.nets.backbones import Backbone, find_backbone
from ad_desktop.detectors.nets.graphs import GraphKey, write_graph
from ad_desktop.program import MAKE_GRAPH
from ad_desktop.task import Task

TOLERANCE = 1e-4
"""Largest accepted difference from torch, relative to the largest value of a level's map."""


def export_apart(spec: Backbone, weights: Path, key: GraphKey, path: Path, task: Task) -> None:
    """Make the graph of ``key`` and write it to ``path``, in a new process.

    Raises ``WeightsError`` if the weights do not fit, ``ExportError`` if there is no graph or it does
    not equal torch within ``TOLERANCE``, and ``Cancelled``.
    """
    arguments = [spec.name, str(weights), key.sha256, key.levels, key.side, str(path)]
    run_apart(MAKE_GRAPH, arguments, "Preparing the network (once on this machine)", task)


def make_graph(spec: Backbone, weights: Path, levels: Sequence[int], side: int) -> bytes:
    """Export ``spec`` through torch: one float32 1×S×S×3 input in 0..255, one output per level.

    ``WeightsError`` if the weights do not fit, ``ExportError`` if the graph's outputs are not torch's.
    """
    import torch

    from ad_desktop.detectors.nets.modules import build
    from ad_desktop.detectors.nets.onnx_engine import open_session, run_one

    module = build(spec, weights, levels)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    with torch.inference_mode():
        expected = [maps.numpy() for maps in module(torch.from_numpy(pixels))]
    names = [f"level_{level}" for level in levels]
    program = torch.onnx.export(
        module, (torch.from_numpy(pixels[:1]),), dynamo=True, input_names=["pixels"], output_names=names, verbose=False
    )
    if program is None:
        raise ExportError("the exporter returned nothing")
    graph = program.model_proto.SerializeToString()
    session = open_session(graph, threads=1)
    for index, image in enumerate(pixels):
        check_equal(levels, run_one(session, image), [maps[index] for maps in expected])
    return bytes(graph)


def check_equal(levels: Sequence[int], found: Sequence[FloatArray], expected: Sequence[FloatArray]) -> None:
    """Raise ``ExportError`` unless all levels' maps are equal within ``TOLERANCE``."""
    for level, maps, wanted in zip(levels, found, expected, strict=True):
        difference = float(np.abs(maps - wanted).max() / np.abs(wanted).max())
        if not difference <= TOLERANCE:  # not "greater": it may be NaN
            raise ExportError(f"level {level} differs from torch by {difference:.1e}, more than {TOLERANCE:.0e}")


def main(arguments: str) -> int:
    """Make one graph; what is wrong with the weights goes to standard output, anything else to standard error."""
    import torch

    # One thread: torch's thread pool collapses on a busy machine, and there is little to compute.
    torch.set_num_threads(1)
    name, weights, sha256, levels, side, path = json.loads(arguments)

    def work() -> str:
        graph = make_graph(find_backbone(name), Path(weights), levels, side)
        write_graph(Path(path), GraphKey(name, sha256, tuple(levels), side), graph)
        return ""

    return answer(work)
