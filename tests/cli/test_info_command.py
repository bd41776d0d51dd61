"""``ad-desktop info``: the installation, a detector's parameters, and what paths are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from program import Run

import ad_desktop
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.detectors.params import make_params
from ad_desktop.workflows.store import load_model, save_model


def test_the_environment(run: Run) -> None:
    facts = run("info", "--json").json
    assert facts["version"] == ad_desktop.__version__
    assert facts["packages"]["numpy"]
    assert facts["devices"][0]["id"] == "cpu"
    assert facts["devices"][0]["memory_total"] > 0
    assert facts["weights"]["efficientnet-lite0"] == "installed"
    assert "gaussian-ad" in facts["detectors"]
    words = run("info").out
    for word in ("version: ", "packages:", "  torch: ", "id cpu", "efficientnet-lite0: installed"):
        assert word in words


def test_paths_of_every_kind(run: Run, model: Path, world: Path) -> None:
    paths = [model, world / "good" / "000.png", world / "pages.tif", world / "good", world / "set", world / "empty"]
    call = run("info", *paths, "--json")
    assert (call.code, call.err) == (0, "")
    facts = call.lines
    assert [fact["path"] for fact in facts] == [str(path) for path in paths]
    assert [fact["kind"] for fact in facts] == ["model", "picture", "picture", "folder", "data set", "folder"]
    told, picture, pages, folder, dataset, empty = facts
    assert told["normal_set"]["count"] == 20
    assert told["params"]["image_size"] == 64
    assert told["threshold"]["fpr"] == 0.01
    assert told["threshold"]["basis"] == (
        "extrapolated: to measure this rate takes 199 normal pictures, and there are 20"
    )
    assert (picture["width"], picture["height"], picture["format"]) == (96, 96, "PNG")
    assert pages["pages"] == 3
    assert folder["pictures"] == 20
    assert (dataset["normal"], dataset["test"], dataset["masks"]) == (8, {"good": 5, "spot": 3, "stain": 3}, 6)
    assert (empty["pictures"], len(empty["errors"])) == (0, 1)
    assert "kind: data set" in run("info", world / "set").out


def test_it_tells_whether_the_rate_was_measured(run: Run, model: Path, tmp_path: Path) -> None:
    fitted = load_model(model)
    for rate, basis in ((0.1, "measured on 20 normal pictures"), (0.09, "takes 22 normal pictures, and there are 20")):
        target, asked = tmp_path / f"{rate}.adm", replace(fitted, fpr=rate)
        save_model(asked, target)
        assert run("info", target, "--json").json["threshold"]["basis"].endswith(basis)
        assert (asked.threshold.rule == "rank") is basis.startswith("measured")


def test_what_cannot_be_told_is_listed(run: Run, world: Path) -> None:
    call = run("info", world / "nowhere", world / "good" / "000.png", world / "bad" / "text.png", "--json")
    assert call.code == 1
    assert "does not exist" in call.lines[0]["error"]
    assert call.lines[1]["kind"] == "picture"
    assert "holds no picture" in call.lines[2]["error"]
    assert call.err.count("\n") == 2
    assert run("info", world / "nowhere").code == 2


def test_a_damaged_model_is_named_as_such(run: Run, model: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.adm"
    shutil.copy(model, own)
    content = bytearray(own.read_bytes())
    content[content.index(b"image_size") + 14] ^= 1
    own.write_bytes(content)
    call = run("info", own, "--json")
    assert call.code == 2
    assert "damaged or was edited" in call.json["error"]


def test_a_detectors_parameters_can_be_set_as_they_are_told(run: Run) -> None:
    told = run("info", "--detector", "gaussian-ad", "--json").json
    defaults = {parameter["name"]: parameter["default"] for parameter in told["parameters"]}
    assert make_params(GaussianAD.Params, defaults) == GaussianAD.Params()
    choices = {parameter["name"]: parameter["choices"] for parameter in told["parameters"]}
    assert "resnet18" in choices["backbone"]
    words = run("info", "--detector", "gaussian-ad").out
    assert all(name in words for name in defaults)


def test_an_unknown_detector_is_exit_code_2(run: Run) -> None:
    call = run("info", "--detector", "magic")
    assert call.code == 2
    assert "gaussian-ad" in call.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_info_of_nothing_usable_still_speaks(flags: list[str], run: Run, tmp_path: Path) -> None:
    call = run("info", tmp_path / "a", tmp_path / "b", *flags)
    assert call.code == 2
    assert call.err.count("does not exist") == 2
