"""The network that is written as an ONNX graph: every score rule and the memory, against the detector itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fitting import SIDE, fit, normal_pictures, predict, small, spoilt_pictures
from safetensors.numpy import save_file

from ad_desktop.detectors.anomalyclip import AnomalyCLIP
from ad_desktop.detectors.nets.clip import graph, graph_file, params
from ad_desktop.errors import WeightsError
from ad_desktop.task import Task


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("score", params.SCORES)
def test_the_graph_says_what_the_detector_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, score: str, remembers: bool
) -> None:
    detector = small(AnomalyCLIP, score=score, memory=remembers, top_share=0.1)
    fit(detector, normal_pictures(tmp_path, 3))
    expected = predict(detector, pictures := spoilt_pictures(tmp_path, 2))
    pixels = torch.from_numpy(np.stack([detector.prepare(sample).pixels for sample in pictures]))
    found: list[torch.Tensor] = []

    def here(module: str, told: dict[str, object], message: str, task: Task) -> str:
        with torch.inference_mode():
            found.extend(graph.make(told)(pixels))
        return "{}"

    monkeypatch.setattr(graph_file, "run_apart", here)
    assert detector.write_onnx(tmp_path / "z.onnx", {}, Task()) == {}
    maps, scores = (tensor.numpy() for tensor in found)
    np.testing.assert_allclose(scores, [one.anomaly_score for one in expected], atol=1e-5, rtol=0)
    np.testing.assert_allclose(maps, [one.map_at((SIDE, SIDE)) for one in expected], atol=1e-5, rtol=0)


def test_a_graph_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def __init__(self, *_: object, **__: object) -> None: ...

        def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
            count = len(given["pixels"])
            return [np.zeros((count, 2, 2), np.float32), np.full(count, 1 - 2 * graph.TOLERANCE, np.float32)]

    monkeypatch.setattr("onnxruntime.InferenceSession", Session)
    expected = [np.zeros((2, 2, 2), np.float32), np.ones(2, np.float32)]
    with pytest.raises(RuntimeError, match="differs from torch by 2"):
        graph.compare(tmp_path / "z.onnx", np.zeros((2, 2, 2, 3), np.float32), expected)


def test_more_than_a_file_can_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = small(AnomalyCLIP, memory=False)
    detector.load(Task())
    monkeypatch.setattr(graph, "LARGEST", 1000)
    save_file({"text": np.zeros((2, 32), np.float32)}, tmp_path / "arrays.safetensors")
    with pytest.raises(WeightsError, match="an ONNX file holds 2"):
        graph.make({
            "weights": detector.params.weights, "activation": "auto", "side": SIDE, "second_path": 0, "layers": [0],
            "arrays": str(tmp_path / "arrays.safetensors"),
        })  # fmt: skip
