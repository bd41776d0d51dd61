"""Runs an exported network on the CPU through onnxruntime. No torch here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ad_desktop.detectors.base import Array, FloatArray
from ad_desktop.detectors.nets.backbones import Backbone
from ad_desktop.detectors.nets.devices import worker_count

# Inputs in flight at once are limited so that their maps stay below this.
_MEMORY_FOR_MAPS = 512 << 20
_INPUTS_PER_CALL = 4


class OnnxEngine:
    """A network on the CPU.

    Every input runs alone on one thread, several inputs at a time: the maps of one input stay in
    the processor's cache, where a batch of them does not, and threads never wait for one another.
    """

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, graph: bytes, spec: Backbone, side: int, threads: int | None = None) -> None:
        cores = max(1, threads or worker_count())
        self._workers = max(1, min(cores, _MEMORY_FOR_MAPS // spec.bytes_per_input(side)))
        self._session = open_session(graph, threads=cores // self._workers)
        self._pool: ThreadPoolExecutor | None = None

    @property
    def batch_size(self) -> int:
        """How many inputs ``run`` likes at a time."""
        return self._workers * -(-_INPUTS_PER_CALL // self._workers)

    def run(self, pixels: Array) -> list[FloatArray]:
        """Compute the levels' maps, one N×C×H×W array each, of N×S×S×3 pixels in 0..255."""
        if self._workers == 1 or len(pixels) == 1:
            found = [run_one(self._session, image) for image in pixels]
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, "onnx")
            found = list(self._pool.map(lambda image: run_one(self._session, image), pixels))
        return [np.stack(maps) for maps in zip(*found, strict=True)]


def open_session(graph: bytes, threads: int) -> Any:
    """An onnxruntime session of an ONNX graph, on the CPU, with ``threads`` threads per input."""
    import onnxruntime

    return onnxruntime.InferenceSession(graph, session_options(threads), providers=["CPUExecutionProvider"])


def session_options(threads: int) -> Any:
    """Quiet, optimised, and with threads that sleep while they wait."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads double the CPU time for hardly any wall time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def run_one(session: Any, image: Array) -> list[FloatArray]:
    """The levels' maps, C×H×W each, of one S×S×3 image in 0..255."""
    pixels = np.ascontiguousarray(image[np.newaxis], dtype=np.float32)
    return [maps[0] for maps in session.run(None, {"pixels": pixels})]
