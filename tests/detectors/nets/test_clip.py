"""CLIP as AnomalyCLIP runs it, against the values of the published code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clip_oracle import Oracle
from safetensors.torch import save_file
from tiny_clip import TensorTree, tiny_clip

from ad_desktop.detectors.nets.clip import hub, prompts, shapes, training, vision
from ad_desktop.detectors.nets.clip.files import read_clip
from ad_desktop.detectors.nets.clip.network import ClipFile
from ad_desktop.detectors.nets.clip.scores import abnormal_share, unit
from ad_desktop.detectors.upsample import upsample
from ad_desktop.errors import WeightsError
from ad_desktop.task import Task


@pytest.fixture(scope="module")
def oracle(shared: Path) -> Oracle:
    return Oracle(shared / "oracles" / "anomalyclip")


@pytest.fixture(scope="module")
def clip(oracle: Oracle) -> ClipFile:
    return ClipFile(oracle.weights)


@pytest.fixture(scope="module")
def features(oracle: Oracle, clip: ClipFile) -> tuple[torch.Tensor, torch.Tensor]:
    """Patch features of layers 6, 12, 18, 24 and global ones of the oracle's two pictures."""
    stream = clip.stream(84, 0, (6, 12, 18, 24))
    pixels = torch.from_numpy(oracle.arrays("inputs")["images"]) * stream.std + stream.mean
    with torch.no_grad():
        return stream((pixels * 255).permute(0, 2, 3, 1))


def test_tokens(oracle: Oracle, clip: ClipFile) -> None:
    texts = ["X " * 12 + "object.", "X " * 12 + "damaged object."]
    assert np.array_equal(prompts.tokenize(texts, clip.shape), oracle.arrays("expected")["token_ids"])


@pytest.mark.parametrize(("half", "name"), [(True, "expected"), (False, "expected_nohalf")])
def test_text_features_and_what_follows_from_them(
    oracle: Oracle, clip: ClipFile, features: tuple[torch.Tensor, torch.Tensor], half: bool, name: str
) -> None:
    expected = oracle.arrays(name)
    text = clip.vectors(prompts.read_prompts(oracle.folder / "prompt_learner_cuda0.pth"), half)
    np.testing.assert_allclose(text, expected["text_features"], atol=1e-5, rtol=0)
    patches, whole = (tensor.numpy() for tensor in features)
    np.testing.assert_allclose(abnormal_share(whole, text), expected["image_score"], atol=1e-5, rtol=0)
    grids = abnormal_share(patches, text).reshape(2, 4, 6, 6)
    for one, raw, smooth in zip(grids, expected["map_raw"], expected["map_smooth"], strict=True):
        np.testing.assert_allclose(upsample(one[3], (84, 84)), raw, atol=1e-5, rtol=0)
        np.testing.assert_allclose(upsample(one[3], (84, 84), 4 / 14, mirrored=True), smooth, atol=1e-5, rtol=0)
    if half:
        for one, smooth in zip(grids, expected["map_smooth_multiscale"], strict=True):
            found = upsample(one.mean(axis=0), (84, 84), 4 / 14, mirrored=True)
            np.testing.assert_allclose(4 * found, smooth, atol=4e-5, rtol=0)


def test_image_and_patch_features(oracle: Oracle, features: tuple[torch.Tensor, torch.Tensor]) -> None:
    expected, (patches, whole) = oracle.arrays("expected"), features
    np.testing.assert_allclose(whole, expected["image_features_raw"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(unit(whole.numpy()), expected["image_features"], atol=1e-5, rtol=0)
    for index, layer in enumerate((6, 12, 18, 24)):
        wanted = expected[f"patch_features_{layer}"][:, 1:]
        np.testing.assert_allclose(patches[:, index], wanted, atol=5e-5, rtol=0)


def test_positions_and_plain_texts(oracle: Oracle, clip: ClipFile) -> None:
    expected = oracle.arrays("expected")
    np.testing.assert_allclose(clip.stream(84, 0, ()).positions, expected["pos_embed_interpolated"], atol=1e-6, rtol=0)
    model: Any = clip.text_model()
    texts = ["a photo of a damaged object.", "a photo of a flawless object."]
    found = prompts.plain_vectors(model, texts, clip.shape)
    np.testing.assert_allclose(found, expected["plain_text_features_raw"], atol=5e-5, rtol=0)
    # Neither order nor company of the texts matters.
    backwards = prompts.plain_vectors(model, [*texts[::-1], "a much longer text that none of them is"], clip.shape)
    np.testing.assert_allclose(backwards[:2].flip(0), found, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("half", "kind", "loss", "gradient", "last"),
    [(True, "half", 5e-4, 2e-3, 1e-4), (False, "nohalf", 5e-5, 1e-4, 1e-5)],
)
def test_five_training_steps(
    oracle: Oracle, clip: ClipFile, features: tuple[torch.Tensor, torch.Tensor],
    half: bool, kind: str, loss: float, gradient: float, last: float,
) -> None:  # fmt: skip
    expected = oracle.arrays("train")
    patches, whole = features
    masks = torch.from_numpy(oracle.arrays("inputs")["gt"]).float()
    batch = training.Batch(patches[:, 3], whole, torch.tensor([0, 1]), masks)
    trainer = training.Trainer(
        clip.text_model(), prompts.read_prompts(oracle.prompts), clip.shape, rate=1e-3, half=half
    )
    rows = [trainer.step(batch)]
    for name in trainer.names:
        found, wanted = trainer.prompts.tensors[name].grad, expected[f"{kind}/grad0/{name}"]
        assert found is not None
        assert np.linalg.norm(found.numpy() - wanted) <= gradient * np.linalg.norm(wanted)
    _assert_near(trainer, expected, f"{kind}/param1", 1e-5)
    rows += [trainer.step(batch) for _ in range(4)]
    rows.append(training.losses(trainer.text(), batch).tolist())
    np.testing.assert_allclose(rows, expected[f"{kind}/losses"], atol=loss, rtol=0)
    _assert_near(trainer, expected, f"{kind}/param5", last)


def _assert_near(trainer: training.Trainer, expected: dict[str, Any], prefix: str, tolerance: float) -> None:
    off = [
        np.abs(trainer.prompts.tensors[name].detach().numpy() - expected[f"{prefix}/{name}"]).ravel()
        for name in trainer.names
    ]
    assert (np.concatenate(off) <= tolerance).mean() >= 0.999


def test_a_second_path_for_clips_of_any_depth() -> None:
    assert [vision.second_path_blocks(layers) for layers in (24, 32, 12, 1)] == [19, 19, 9, 1]


@pytest.mark.filterwarnings("ignore")
def test_files_of_every_kind_give_the_same_tensors(tmp_path: Path) -> None:
    expected = tiny_clip(layers=2)
    save_file(expected, tmp_path / "a.safetensors")
    torch.save(expected, tmp_path / "b.bin")
    torch.save({"state_dict": {f"module.{n}": t for n, t in expected.items()}}, tmp_path / "c.pt")
    torch.jit.script(TensorTree(expected)).save(str(tmp_path / "d.pt"))
    for name in ("a.safetensors", "b.bin", "c.pt", "d.pt"):
        found = read_clip(tmp_path / name)
        assert found.keys() == expected.keys(), name
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        shape = shapes.shape_of(found, tmp_path / name)
        assert (shape.layers, shape.patch, shape.side, shape.text_layers, shape.quick_gelu) == (2, 4, 32, 3, True)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("run",)


@pytest.mark.filterwarnings("ignore")
def test_files_that_are_no_clip_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tiny_clip(layers=2)
    save_file(good, tmp_path / "whole.safetensors")
    data = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: len(data) // 2])
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
    with zipfile.ZipFile(tmp_path / "evil_script.pt", "w") as archive:
        archive.writestr("x/constants.pkl", b"")
        archive.writestr("x/data.pkl", pickle.dumps(Evil()))
    save_file({**good, "visual.ln_post.weight": torch.zeros(3)}, tmp_path / "shape.safetensors")
    save_file({k: v for k, v in good.items() if k != "visual.proj"}, tmp_path / "part.safetensors")
    save_file({**good, "visual.ln_post.weight": torch.full((64,), torch.nan)}, tmp_path / "nan.safetensors")
    for name, words in (
        ("cut.safetensors", "damaged or incomplete"), ("list.pt", "not a state dict"), ("evil.pt", "damaged"),
        ("evil_script.pt", "cannot be read without running it"), ("shape.safetensors", "3 instead of 64"),
        ("part.safetensors", "vision transformer"), ("nan.safetensors", "not finite"),
    ):  # fmt: skip
        with pytest.raises(WeightsError, match=words):
            ClipFile(tmp_path / name).stream(32, 0, ())
    assert "run" not in capsys.readouterr().out


def test_missing_weights_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"HF_HUB_OFFLINE.*open_clip_model.safetensors.*weights=FILE"):
        hub.find_clip("ViT-B-32", "", True, Task())
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("AD_DESKTOP_OFFLINE", raising=False)
    with pytest.raises(WeightsError, match="download=true"):
        hub.find_clip("ViT-B-32", "", False, Task())
    with pytest.raises(WeightsError, match="cannot be read"):
        hub.find_clip("ViT-B-32", str(tmp_path / "none.pt"), False, Task())
