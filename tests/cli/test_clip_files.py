"""Weights and prompts of AnomalyCLIP from files of every kind, whole and spoilt, from the command line."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from program import Run
from safetensors.torch import save_file
from tiny_clip import TensorTree, tiny_clip

from ad_desktop.detectors.nets.clip.network import ClipFile
from ad_desktop.detectors.nets.clip.prompts import fresh_prompts

SIDE = ("--set", "image_size=32")


class Evil:
    def __reduce__(self) -> Any:
        return print, ("it was run",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole files, and beside them spoilt ones."""
    root = tmp_path_factory.mktemp("files")
    clip = tiny_clip(layers=2)
    save_file(clip, root / "w.safetensors")
    torch.save(clip, root / "w.bin")
    torch.jit.script(TensorTree(clip)).save(str(root / "w.pt"))
    with torch.no_grad():
        file = ClipFile(root / "w.safetensors")
        prompts = fresh_prompts(file.text_model(), file.shape).tensors
    prompts = {name: tensor.detach().clone().contiguous() for name, tensor in prompts.items()}
    save_file(prompts, root / "p.safetensors")
    torch.save({"prompt_learner": prompts}, root / "p.pth")
    for name in ("w.safetensors", "w.bin", "w.pt", "p.safetensors", "p.pth"):
        data = (root / name).read_bytes()
        (root / f"cut_{name}").write_bytes(data[: len(data) // 2])
    for name in ("list.bin", "list.pth"):
        torch.save([1, 2], root / name)
    for name in ("evil.pt", "evil.pth"):
        (root / name).write_bytes(pickle.dumps(Evil()))
    with zipfile.ZipFile(root / "evil_script.pt", "w") as archive:
        archive.writestr("x/constants.pkl", b"")
        archive.writestr("x/data.pkl", pickle.dumps(Evil()))
    save_file({**clip, "visual.ln_post.weight": torch.zeros(3)}, root / "shape.safetensors")
    torch.save({"prompt_learner": {**prompts, "compound_prompts_text.1": torch.zeros(4, 9)}}, root / "wide.pth")
    torch.save({"prompt_learner": {**prompts, "ctx_neg": torch.full_like(prompts["ctx_neg"], torch.nan)}},
               root / "nan.pth")  # fmt: skip
    torch.save({"prompt_learner": {n: t for n, t in prompts.items() if n != "ctx_neg"}}, root / "part.pth")
    torch.save({"prompt_learner": {**prompts, "compound_prompts_text.0": torch.zeros(40, 64)}}, root / "long.pth")
    return root


@pytest.mark.filterwarnings("ignore")
def test_files_of_every_kind_give_the_same_scores(run: Run, folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    from pictures import save, textured

    save(picture, textured(1, (40, 50)))
    scores = []
    for weights, prompts in (
        ("w.safetensors", "p.pth"), ("w.bin", "p.safetensors"), ("w.pt", "p.pth"),
    ):  # fmt: skip
        call = run(
            "fit", "--detector", "anomalyclip", "--set", f"weights={folder / weights}", "--set",
            f"prompts={folder / prompts}", *SIDE, "--out", tmp_path / "z.adm",
        )  # fmt: skip
        assert call.code == 0, call.err
        call = run("predict", tmp_path / "z.adm", picture, "--json")
        scores.append(json.loads(call.out)["anomaly_score"])
    assert scores == [scores[0]] * 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("what", "name", "words"),
    [
        ("weights", "cut_w.safetensors", "damaged or incomplete"), ("weights", "cut_w.bin", "damaged or incomplete"),
        ("weights", "cut_w.pt", "damaged or incomplete"), ("weights", "list.bin", "not a state dict"),
        ("weights", "evil.pt", "damaged or incomplete"), ("weights", "evil_script.pt", "without running it"),
        ("weights", "shape.safetensors", "3 instead of 64"), ("weights", "none.pt", "cannot be read"),
        ("prompts", "cut_p.safetensors", "or is damaged"), ("prompts", "cut_p.pth", "or is damaged"),
        ("prompts", "list.pth", "does not hold AnomalyCLIP prompts"), ("prompts", "evil.pth", "or is damaged"),
        ("prompts", "part.pth", "ctx_neg"), ("prompts", "wide.pth", "9 wide"), ("prompts", "nan.pth", "not finite"),
        ("prompts", "long.pth", "more vectors"), ("prompts", "w.safetensors", "does not hold AnomalyCLIP prompts"),
        ("prompts", "none.pth", "No such file"),
    ],
)  # fmt: skip
def test_spoilt_files_are_refused_in_words(
    run: Run, folder: Path, tmp_path: Path, what: str, name: str, words: str
) -> None:
    given = {"weights": folder / "w.safetensors", what: folder / name}
    settings = [part for key, path in given.items() for part in ("--set", f"{key}={path}")]
    call = run("fit", "--detector", "anomalyclip", *settings, *SIDE, "--out", tmp_path / "z.adm")
    assert call.code == 2
    assert words in call.err
    assert name in call.err or what == "prompts"
    assert "Traceback" not in call.err
    assert "it was run" not in call.out + call.err
    assert not (tmp_path / "z.adm").exists()
