"""AnomalyCLIP as one ONNX graph, image in, map and score out; made in a process of its own. Imports torch.

The text vectors, and the memory of normal patches if there is one, are constants of the graph.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ad_desktop.detectors.base import FloatArray
from ad_desktop.detectors.nets.apart import answer
from ad_desktop.detectors.nets.clip.network import ClipFile
from ad_desktop.detectors.nets.clip.scores import TEMPERATURE
from ad_desktop.detectors.nets.clip.vision import MEAN, STD
from ad_desktop.detectors.upsample import axis_matrix
from ad_desktop.errors import WeightsError

TOLERANCE = 1e-4
"""Largest accepted difference of score and map, both in [0, 1], from torch."""
LARGEST = 2_000_000_000
"""An ONNX file holds no more bytes than 2^31."""


class PictureGraph(nn.Module):
    """Takes N×S×S×3 pixels in 0..255; gives the map N×S×S and the score N.

    ``text`` holds the two unit vectors 2×D; ``stretch`` the S×g matrix that interpolates and blurs one axis of the
    map; ``known`` the unit patch features of normal samples K×D (None: no memory); ``top`` how many pixels of the
    map count for the score map-top.
    """

    text: torch.Tensor
    stretch: torch.Tensor
    known: torch.Tensor | None

    def __init__(
        self, stream: nn.Module, text: torch.Tensor, stretch: torch.Tensor, known: torch.Tensor | None, rule: str,
        top: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stream, self.rule, self.top = stream, rule, top
        self.register_buffer("text", text)
        self.register_buffer("stretch", stretch)
        self.register_buffer("known", known)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        patches, features = self.stream(pixels)
        whole, cells = self._abnormal(features), self._abnormal(patches).mean(dim=1)
        if self.known is not None:
            mine = functional.normalize(patches[:, -1], dim=-1).half().float()
            far = ((1 - (mine @ self.known.T).amax(dim=-1)) / 2).clamp(0, 1)
            whole, cells = (whole + far.amax(dim=-1)) / 2, (cells + far) / 2
        side = self.stretch.shape[1]
        maps = self.stretch @ cells.reshape(-1, side, side) @ self.stretch.T
        return maps, self._score(whole, maps.flatten(1))

    def _abnormal(self, features: torch.Tensor) -> torch.Tensor:
        logits = functional.normalize(features, dim=-1) @ self.text.T / TEMPERATURE
        return (logits[..., 1] - logits[..., 0]).sigmoid()

    def _score(self, whole: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        if self.rule == "image":
            return whole
        if self.rule == "map-top":
            return values.topk(self.top, dim=-1).values.mean(dim=-1)
        peak = values.amax(dim=-1)
        return peak if self.rule == "map-max" else (whole + peak) / 2


def make(told: Mapping[str, Any]) -> PictureGraph:
    """The network that ``AnomalyCLIP.write_onnx`` describes; ``WeightsError`` if the weights do not fit."""
    from safetensors.torch import load_file

    arrays = load_file(told["arrays"])
    file = ClipFile(Path(told["weights"]), told["activation"])
    side = int(told["side"])
    stream = file.stream(side, told["second_path"], told["layers"])
    size = sum(t.numel() * t.element_size() for t in [*stream.state_dict().values(), *arrays.values()])
    if size > LARGEST:
        raise WeightsError(
            f"The graph would have {size / 1e9:.1f} GB, and an ONNX file holds 2: choose a smaller CLIP, or a memory "
            "of fewer normal pictures."
        )
    cells = side // file.shape.patch
    stretch = torch.from_numpy(axis_matrix(cells, side, told["smoothing"], mirrored=True).copy())
    known = arrays["known"].float().reshape(-1, file.shape.embed) if "known" in arrays else None
    top = max(1, round(told["top_share"] * side**2))
    return PictureGraph(stream, arrays["text"], stretch, known, told["score"], top).eval()


def write(told: Mapping[str, Any], path: Path) -> dict[str, float]:
    """Write the graph to ``path`` with what users need to know; the largest differences of score and map from torch.

    ``RuntimeError`` if one is above ``TOLERANCE``.
    """
    network, side = make(told), int(told["side"])
    pixels = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    # A flat picture, too: nothing of it is noise.
    pixels[1] = np.float32(90)
    with torch.inference_mode():
        expected = [found.numpy() for found in network(torch.from_numpy(pixels))]
    program = torch.onnx.export(
        network, (torch.from_numpy(pixels),), dynamo=True, input_names=["pixels"], output_names=["map", "score"],
        dynamic_shapes={"pixels": {0: torch.export.Dim("batch", min=1, max=1 << 12)}}, verbose=False,
        # onnxruntime does so itself when it opens the graph, in less time.
        optimize=False,
    )  # fmt: skip
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    program.model.metadata_props.update(described(told))
    program.save(path, external_data=False)
    # The check needs as much memory again.
    del program, network
    gc.collect()
    return compare(path, pixels, expected)


def compare(path: Path, pixels: FloatArray, expected: list[FloatArray]) -> dict[str, float]:
    """Largest differences of onnxruntime from ``expected`` map and score, one picture at a time and all at once."""
    import onnxruntime

    from ad_desktop.detectors.nets.onnx_engine import session_options

    session = onnxruntime.InferenceSession(str(path), session_options(1), providers=["CPUExecutionProvider"])
    off = {"map": 0.0, "score": 0.0}
    for start, stop in ((0, 1), (1, 2), (0, 2)):
        found = session.run(["map", "score"], {"pixels": pixels[start:stop]})
        for name, mine, wanted in zip(off, found, expected, strict=True):
            off[name] = max(off[name], float(np.abs(mine - wanted[start:stop]).max()))
    if not max(off.values()) <= TOLERANCE:  # not "greater": it may be NaN
        raise RuntimeError(f"the graph differs from torch by {max(off.values()):.1e}, more than {TOLERANCE:.0e}")
    return off


def described(told: Mapping[str, Any]) -> dict[str, str]:
    """The graph's metadata: what goes in, what comes out, and where it comes from."""
    side = told["side"]
    facts = {
        "input": f"pixels: float32 batch×{side}×{side}×3, RGB in 0..255",
        "preprocessing": f"resize the whole picture to {side}×{side}, aspect ratio not kept, bicubic with antialias "
        "(Pillow's BICUBIC on 8-bit pixels); normalisation is part of the graph",
        "mean": MEAN, "std": STD,
        "output": f"map: float32 batch×{side}×{side}, score: float32 batch; both in 0..1, higher is more abnormal",
        **told["facts"],
    }  # fmt: skip
    return {f"ad_desktop.{name}": v if isinstance(v, str) else json.dumps(v) for name, v in facts.items()}


def main(arguments: str) -> int:
    """Write one graph; differences, or what is wrong with the weights, go to standard output."""
    torch.set_num_threads(1)
    told = json.loads(arguments)
    return answer(lambda: json.dumps(write(told, Path(told["target"]))))
