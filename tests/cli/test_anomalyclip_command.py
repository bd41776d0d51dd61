"""AnomalyCLIP from the command line: the published scores, a threshold that says it is not calibrated, learning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from clip_oracle import Oracle
from pictures import save, textured, with_defect
from PIL import Image
from program import Run
from safetensors.torch import save_file
from tiny_clip import tiny_clip

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.nets.clip import vision
from ad_desktop.detectors.registry import get_detector
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.handover import write_prompts
from ad_desktop.workflows.model import Calibration, FittedModel
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model


@pytest.fixture(scope="module")
def oracle(shared: Path) -> Oracle:
    return Oracle(shared / "oracles" / "anomalyclip")


def _fit(run: Run, oracle: Oracle, target: Path, *more: str) -> None:
    call = run(
        "fit", "--detector", "anomalyclip", "--set", f"weights={oracle.weights}", "--set", f"prompts={oracle.prompts}",
        "--set", "image_size=84", *more, "--out", target, "--json",
    )  # fmt: skip
    assert call.code == 0, call.err
    assert call.json["threshold"] == 0.5
    assert call.json["threshold_rule"] == "uncalibrated"
    assert call.json["fpr_interval"] is None
    assert call.json["n_normal"] == 0


@pytest.mark.parametrize("score", ["image", "map-max", "mean"])
def test_the_published_scores(run: Run, oracle: Oracle, tmp_path: Path, score: str) -> None:
    _fit(run, oracle, tmp_path / "z.adm", "--set", f"score={score}")
    call = run("predict", tmp_path / "z.adm", *oracle.pictures, "--json")
    assert call.code == 0
    expected = oracle.arrays("expected")
    whole, peak = expected["image_score"], expected["map_smooth"].max(axis=(1, 2))
    wanted = {"image": whole, "map-max": peak, "mean": (whole + peak) / 2}[score]
    np.testing.assert_allclose([line["anomaly_score"] for line in call.lines], wanted, atol=1e-5, rtol=0)
    assert all(line["percentile"] is None for line in call.lines)
    assert [line["pred_label"] for line in call.lines] == (wanted > 0.5).tolist()


def test_without_rounded_prompts(run: Run, oracle: Oracle, tmp_path: Path) -> None:
    _fit(run, oracle, tmp_path / "z.adm", "--set", "half_prompts=false")
    call = run("predict", tmp_path / "z.adm", *oracle.pictures, "--json")
    expected = oracle.arrays("expected_nohalf")["image_score"]
    np.testing.assert_allclose([line["anomaly_score"] for line in call.lines], expected, atol=1e-5, rtol=0)


def test_the_published_map_where_the_picture_has_the_size_of_the_input(
    run: Run, oracle: Oracle, tmp_path: Path
) -> None:
    _fit(run, oracle, tmp_path / "z.adm")
    samples = [Sample(tmp_path / f"{index}.png") for index in range(2)]
    for path, sample in zip(oracle.pictures, samples, strict=True):
        Image.open(path).convert("RGB").resize((84, 84), Image.Resampling.BICUBIC).save(sample.path)
    results = list(predict(load_model(tmp_path / "z.adm"), [*samples, Sample(oracle.pictures[0])], Task()))
    maps = [result.prediction.anomaly_map for result in results if result.prediction is not None]
    np.testing.assert_allclose(maps[:2], oracle.arrays("expected")["map_smooth"], atol=1e-5, rtol=0)
    assert maps[2].shape == (112, 157)


def test_other_weights_are_refused(run: Run, oracle: Oracle, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors.xz"
    weights.write_bytes(oracle.weights.read_bytes())
    call = run(
        "fit", "--detector", "anomalyclip", "--set", f"weights={weights}", "--set", "image_size=84", "--out",
        tmp_path / "z.adm",
    )  # fmt: skip
    assert call.code == 0
    assert "no learned prompts were given" in call.err
    with weights.open("ab") as file:
        file.write(b"x")
    call = run("predict", tmp_path / "z.adm", oracle.pictures[0])
    assert call.code == 2
    assert "fitted with other weights" in call.err


def test_prompts_in_the_published_format(run: Run, oracle: Oracle, tmp_path: Path) -> None:
    _fit(run, oracle, tmp_path / "z.adm")
    call = run("export", tmp_path / "z.adm", "--prompts", tmp_path / "mine.pth", "--json")
    assert call.code == 0, call.err
    found, expected = (
        torch.load(path, map_location="cpu", weights_only=True)["prompt_learner"]
        for path in (tmp_path / "mine.pth", oracle.prompts)
    )
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape, name
        assert found[name].dtype == tensor.dtype, name
        if not name.startswith("compound_prompt_projections."):
            assert torch.equal(found[name], tensor), name


def test_prompts_are_learned_handed_over_and_taken_back(run: Run, tmp_path: Path) -> None:
    save_file(tiny_clip(layers=2), tmp_path / "tiny.safetensors")
    for seed in range(2):
        save(tmp_path / "objects" / "test" / "good" / f"{seed}.png", textured(seed, 48))
        save(tmp_path / "objects" / "test" / "spot" / f"{seed}.png", with_defect(textured(9 + seed, 48), seed)[0])
    with_tiny = ("fit", "--detector", "anomalyclip", "--set", f"weights={tmp_path / 'tiny.safetensors'}",
                 "--set", "image_size=32")  # fmt: skip
    learned, again = tmp_path / "learned.adm", tmp_path / "again.adm"
    call = run(*with_tiny, "--set", f"train_on={tmp_path / 'objects'}", "--set", "epochs=3", "--out", learned)
    assert call.code == 0, call.err
    assert "Prompts were learned: loss" in call.err
    assert run("export", learned, "--prompts", tmp_path / "mine.pth").code == 0
    assert run(*with_tiny, "--set", f"prompts={tmp_path / 'mine.pth'}", "--out", again).code == 0
    picture = tmp_path / "objects" / "test" / "spot" / "0.png"
    scores = [run("predict", model, picture, "--json").json["anomaly_score"] for model in (learned, again)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_a_model_without_prompts_exports_none(run: Run, oracle: Oracle, tmp_path: Path) -> None:
    call = run(
        "fit", "--detector", "anomalyclip", "--set", f"weights={oracle.weights}", "--set", "image_size=84", "--out",
        tmp_path / "z.adm",
    )  # fmt: skip
    assert call.code == 0
    call = run("export", tmp_path / "z.adm", "--prompts", tmp_path / "mine.pth")
    assert call.code == 2
    assert "has no learned prompts" in call.err
    assert not (tmp_path / "mine.pth").exists()
    other = FittedModel(get_detector("gaussian-ad")(), Calibration(np.empty(0), (), ""))
    with pytest.raises(UserError, match="Gaussian-AD has no prompts"):
        write_prompts(other, tmp_path / "mine.pth", Task())


def test_an_onnx_graph_says_the_same_and_how_pictures_go_in(run: Run, tmp_path: Path) -> None:
    # Small, as the exporter takes its time with each block.
    save_file(tiny_clip(layers=2), tmp_path / "tiny.safetensors")
    call = run(
        "fit", "--detector", "anomalyclip", "--set", f"weights={tmp_path / 'tiny.safetensors'}", "--set",
        "image_size=48", "--set", "score=mean", "--out", tmp_path / "z.adm",
    )  # fmt: skip
    assert call.code == 0, call.err
    call = run("export", tmp_path / "z.adm", "--onnx", tmp_path / "z.onnx", "--json")
    assert call.code == 0, call.err
    assert max(call.json["difference"].values()) <= 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "z.onnx", providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert "48×48" in told["ad_desktop.preprocessing"]
    assert "bicubic" in told["ad_desktop.preprocessing"]
    assert told["ad_desktop.threshold"] == "0.5"
    assert json.loads(told["ad_desktop.std"]) == pytest.approx(vision.STD)
    # As its metadata say, without anything of this program.
    paths = [save(tmp_path / f"{seed}.png", textured(seed, (60, 48), 3)) for seed in range(3)]
    pixels = [np.asarray(Image.open(p).resize((48, 48), Image.Resampling.BICUBIC), np.float32) for p in paths]
    maps, scores = session.run(["map", "score"], {"pixels": np.stack(pixels)})
    call = run("predict", tmp_path / "z.adm", *paths, "--json")
    np.testing.assert_allclose(scores, [line["anomaly_score"] for line in call.lines], atol=1e-5, rtol=0)
    results = list(predict(load_model(tmp_path / "z.adm"), [Sample(path) for path in paths], Task()))
    wanted = [result.prediction.map_at((48, 48)) for result in results if result.prediction is not None]
    np.testing.assert_allclose(maps, wanted, atol=1e-5, rtol=0)


def test_what_cannot_be_an_onnx_graph(run: Run, oracle: Oracle, tmp_path: Path) -> None:
    _fit(run, oracle, tmp_path / "tiled.adm", "--tile", "64")
    _fit(run, oracle, tmp_path / "bordered.adm", "--border", "3")
    for model, words in (("tiled", "not those of AnomalyCLIP on tiles"), ("bordered", "a region of interest")):
        call = run("export", tmp_path / f"{model}.adm", "--onnx", tmp_path / "z.onnx")
        assert call.code == 2
        assert words in call.err
    assert run("export", tmp_path / "tiled.adm").code == 2
    assert not (tmp_path / "z.onnx").exists()


def test_other_detectors_still_need_normal_pictures(run: Run, tmp_path: Path) -> None:
    call = run("fit", "--out", tmp_path / "z.adm")
    assert call.code == 2
    assert "Gaussian-AD learns from them" in call.err
