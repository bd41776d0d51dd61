"""AnomalyCLIP as an ONNX graph: the oracle's network and one of ViT-L-14-336's shapes, compared with torch.

What is compared are score and map of noise and of a flat picture, one by one and in a batch; the numbers are those
that ``ad-desktop export --onnx`` refuses a graph by. Each graph is made in a process of its own, whose processor time
and peak memory are shown.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench_anomalyclip import SIDE
from common import MIB, Report, child, oracles

TOLERANCES = {"oracle": 1e-5, "ViT-L-14-336": 1e-4}

MAKE = """
import json, pathlib, sys
from ad_desktop.detectors.nets.clip import graph
told = json.loads(sys.argv[1])
pathlib.Path(sys.argv[2]).write_text(json.dumps(graph.write(told, pathlib.Path(told["target"]))))
"""


def told(weights: Path, side: int, width: int, folder: Path) -> dict[str, Any]:
    """What the maker of graphs is told; two random unit vectors stand for the texts."""
    from safetensors.numpy import save_file

    text = np.random.default_rng(0).normal(size=(2, width)).astype(np.float32)
    save_file({"text": text / np.linalg.norm(text, axis=1, keepdims=True)}, folder / "arrays.safetensors")
    return {
        "weights": str(weights), "activation": "auto", "side": side, "second_path": 0, "layers": [0],
        "smoothing": 4 / 14, "score": "mean", "top_share": 0.01, "facts": {},
        "arrays": str(folder / "arrays.safetensors"), "target": str(folder / "graph.onnx"),
    }  # fmt: skip


def main() -> int:
    """Make both graphs, print, and return the exit code."""
    report = Report("AnomalyCLIP as an ONNX graph, in a process of its own")
    here = str(Path(__file__).parent)
    with tempfile.TemporaryDirectory(prefix="bench-graph-") as name:
        folder = Path(name)
        big = folder / "random.safetensors"
        child("-c", f"import sys, pathlib; sys.path.insert(0, {here!r}); import bench_anomalyclip as b; "
              f"b.write_weights(pathlib.Path({str(big)!r}))")  # fmt: skip
        small = oracles() / "anomalyclip" / "clip_tiny_openai.safetensors.xz"
        for kind, weights, side, width in (("oracle", small, 84, 64), ("ViT-L-14-336", big, SIDE, 768)):
            arguments, found = json.dumps(told(weights, side, width, folder)), folder / "found.json"
            taken = child("-W", "ignore", "-c", MAKE, arguments, found)
            off = json.loads(found.read_text(encoding="utf-8"))
            report.figure(f"{kind}, size", f"{(folder / 'graph.onnx').stat().st_size / MIB:9.0f} MiB")
            report.figure(f"{kind}, to make and compare", f"{taken.cpu:9.0f} s CPU, {taken.peak / MIB:.0f} MiB at most")
            report.figure(f"{kind}, differences", ", ".join(f"{what} {value:.1e}" for what, value in off.items()))
            report.bar(f"{kind}, largest of what is allowed", max(off.values()) / TOLERANCES[kind], 1)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
