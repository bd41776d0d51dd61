"""``ad-desktop fit`` as scripts and engineers use it."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import save, textured
from program import SMALL, Run
from world import make_dataset

from ad_desktop.data.tiles import Tiling
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.workflows.store import load_model

FIELDS = {
    "model", "n_normal", "groups", "group_rule", "duplicate_ratio", "threshold", "threshold_rule", "fpr",
    "fpr_interval", "smallest_fpr", "notes", "errors",
}  # fmt: skip


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "own.adm"


def names(model: Path) -> list[str]:
    return [Path(key).name for key in load_model(model).detector.normal_set.keys]


def test_a_folder_gives_a_model_and_one_json_object(run: Run, world: Path, target: Path) -> None:
    call = run("fit", world / "good", "--out", target, "--json", *SMALL)
    assert call.code == 0
    assert call.err == ""
    facts = call.json
    assert set(facts) == FIELDS
    assert (facts["model"], facts["n_normal"], facts["errors"]) == (str(target), 20, [])
    low, high = facts["fpr_interval"]
    assert 0 <= low < facts["fpr"] == 0.05 < high <= 1
    assert facts["threshold"] == load_model(target).threshold.value


def test_without_json_the_same_is_told_in_words(run: Run, world: Path, target: Path) -> None:
    call = run("fit", world / "good", "--out", target, *SMALL)
    assert f"{target}: fitted on 20 normal pictures" in call.out
    assert "false-positive rate of 0.05" in call.out
    assert "extrapolated" in call.out
    assert "nan" not in call.out


def test_files_nested_folders_and_duplicates_count_once(run: Run, world: Path, target: Path, tmp_path: Path) -> None:
    nested = tmp_path / "normal" / "line 1" / "früh"
    nested.mkdir(parents=True)
    for number in range(4):
        shutil.copy(world / "good" / f"{number:03}.png", nested)
    lone = world / "good" / "010.png"
    call = run("fit", tmp_path / "normal", lone, nested, lone, "--out", target, "--json", *SMALL)
    assert (call.code, call.json["n_normal"]) == (0, 5)
    assert names(target) == ["000.png", "001.png", "002.png", "003.png", "010.png"]


def test_paths_through_the_parent_folder_are_the_same_picture(
    run: Run, world: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world / "check")
    run("fit", "../good", "--out", target, *SMALL)
    assert all(".." not in key for key in load_model(target).detector.normal_set.keys)
    assert run("update", target, "--add", world / "good" / "000.png", "--json").json["n_normal"] == 20
    monkeypatch.chdir(world / "good")
    assert run("update", target, "--remove", "../good/000.png", "001.png", "--json").json["n_normal"] == 18


def test_pages_of_a_file_are_normal_pictures_of_their_own(run: Run, world: Path, target: Path) -> None:
    assert run("fit", world / "pages.tif", world / "good" / "000.png", "--out", target, *SMALL).code == 0
    assert names(target) == ["pages.tif#1", "pages.tif#2", "pages.tif#3", "000.png"]


def test_two_pictures_are_enough(run: Run, world: Path, target: Path) -> None:
    call = run("fit", world / "good" / "000.png", world / "good" / "001.png", "--out", target, "--json", *SMALL)
    assert call.code == 0
    assert np.isfinite(call.json["threshold"])
    assert run("predict", target, world / "check", "--json").code == 0


def test_of_a_data_set_only_the_training_pictures_are_normal(run: Run, world: Path, target: Path) -> None:
    call = run("fit", world / "set", "--out", target, "--json", *SMALL)
    assert call.code == 0
    assert call.json["n_normal"] == 8
    assert f"only {world / 'set' / 'train' / 'good'} counts as normal" in call.err
    assert all(f"{os.sep}train{os.sep}" in key for key in load_model(target).detector.normal_set.keys)


def test_a_folder_with_known_defects_is_not_learned(run: Run, target: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "parts"
    for number in range(3):
        save(mixed / "ok" / f"{number}.png", textured(number, 64))
        save(mixed / "ng" / f"{number}.png", textured(9 + number, 64))
    call = run("fit", mixed, "--out", target, *SMALL)
    assert call.code == 2
    assert "known defects (ng)" in call.err
    assert not target.exists()
    assert run("fit", mixed / "ok", "--out", target, *SMALL).code == 0


def test_bad_files_are_listed_and_the_rest_is_fitted(run: Run, world: Path, target: Path) -> None:
    bad = world / "bad"
    call = run("fit", world / "good", bad, bad / "missing.png", "--out", target, "--json", *SMALL)
    assert call.code == 1
    told = {Path(error["path"]).name: error["error"] for error in call.json["errors"]}
    assert set(told) == {"bomb.png", "empty.png", "text.png", "truncated.jpg", "missing.png"}
    assert call.json["n_normal"] == 20
    assert "500 megapixels" in told["bomb.png"]
    for name, reason in told.items():
        assert f"{name}: {reason}" in call.err
    assert target.is_file()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["bad"], "empty.png"),
        (["missing"], "does not exist"),
        (["empty"], "holds no pictures"),
        (["good/000.png"], "At least two normal pictures"),
        (["good/000.png", "good/000.png", "bad/empty.png"], "0 bytes"),
    ],
)
def test_too_little_to_learn_from_leaves_no_file(
    inputs: list[str], said: str, run: Run, world: Path, target: Path
) -> None:
    call = run("fit", *(world / text for text in inputs), "--out", target, "--json", *SMALL)
    assert call.code == 2
    assert call.out == ""
    assert said in call.err
    assert "At least two normal pictures are needed" in call.err
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "nonsense=1"], "Unknown parameter 'nonsense'"),
        (["--set", "image_size=huge"], "a whole number is needed"),
        (["--set", "image_size"], "write NAME=VALUE"),
        (["--set", "=3"], "write NAME=VALUE"),
        (["--set", "image_size=8"], "32"),
        (["--set", "levels=12"], "at most 9"),
        (["--set", "levels="], "4,5,6,7"),
        (["--set", "backbone=vgg"], "choose one of"),
        (["--set", "score=nice"], "choose one of"),
        (["--set", "weights=no-such-file"], "no-such-file"),
        (["--set", "value_range=9,3"], "below the second"),
        (["--detector", "magic"], "Known: gaussian-ad"),
        (["--fpr", "0"], "between 0 and 1"),
        (["--fpr", "1"], "between 0 and 1"),
        (["--fpr", "nan"], "between 0 and 1"),
        (["--fpr", "2"], "between 0 and 1"),
        (["--fpr=-0.1"], "between 0 and 1"),
        (["--fpr", "much"], "invalid float value"),
        (["--threshold", "guess"], "invalid choice"),
        (["--threshold", "chi2"], "'global'"),
        (["--groups", "parts"], "choose auto, none, folder"),
        (["--groups", "regex:part("], "not a regular expression"),
        (["--groups", "regex:nowhere"], "matches none of the files"),
        (["--groups", "missing.csv"], "no such file"),
        (["--device", "cuda:7"], "cuda"),
        (["--device", "abacus"], "choose auto, cpu, cuda"),
    ],
)
def test_wrong_use_is_explained_before_any_picture_is_read(
    arguments: list[str], said: str, run: Run, world: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(self: GaussianAD, sample: object) -> None:
        raise AssertionError("a picture was read")

    monkeypatch.setattr(GaussianAD, "prepare", prepare)
    call = run("fit", world / "good", "--out", target, *arguments)
    assert call.code == 2
    assert call.out == ""
    assert said in call.err
    assert "Traceback" not in call.err
    assert not target.exists()


def test_a_target_that_cannot_be_is_told_before_the_work(
    run: Run, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = save(tmp_path / "mine.png", textured(1, 64))
    content = picture.read_bytes()
    for target, said in (
        (tmp_path / "no" / "model.adm", "Make it first"),
        (tmp_path, "is a folder"),
        (picture, "is no model"),
        (Path(os.devnull), "device"),
    ):
        call = run("fit", world / "nowhere", "--out", target)
        assert call.code == 2
        assert said in call.err
        assert "nowhere" not in call.err
    assert picture.read_bytes() == content
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "not allowed" in run("fit", world / "good", "--out", tmp_path / "a.adm").err


def test_a_model_is_replaced_and_a_failed_fit_leaves_it(run: Run, world: Path, target: Path) -> None:
    run("fit", world / "good", "--out", target, *SMALL)
    content = target.read_bytes()
    assert run("fit", world / "bad", "--out", target, *SMALL).code == 2
    assert target.read_bytes() == content
    assert run("fit", world / "set", "--out", target, *SMALL).code == 0
    assert len(names(target)) == 8


def test_settings_and_rates_reach_the_model(run: Run, world: Path, target: Path) -> None:
    call = run(
        "fit", world / "good", "--out", target, "--fpr", "0.2", "--json", *SMALL,
        "--set", "levels=4-7", "--set", "score = global", "--set", "map=raw", "--set", "mixed-precision=no",
    )  # fmt: skip
    assert call.code == 0
    model = load_model(target)
    params = model.detector.params
    assert (params.levels, params.score, params.map) == ((4, 5, 6, 7), "global", "raw")
    assert (model.fpr, call.json["threshold_rule"]) == (0.2, "rank")


def test_the_papers_threshold_is_there_where_it_holds(run: Run, world: Path, target: Path) -> None:
    call = run("fit", world / "good", "--out", target, "--threshold", "chi2", "--set", "score=global", *SMALL, "--json")
    assert (call.code, call.json["threshold_rule"], call.json["fpr_interval"]) == (0, "chi2", [None, None])
    words = run("fit", world / "good", "--out", target, "--threshold", "chi2", "--set", "score=global", *SMALL)
    assert "nan" not in words.out


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four folders of three pictures, numbered through: part0/p0_0.png to part3/p3_2.png."""
    root = tmp_path_factory.mktemp("parts")
    for part in range(4):
        for number in range(3):
            save(root / f"part{part}" / f"p{part}_{number}.png", textured(10 * part + number, 64))
    return root


def write_table(path: Path, rows: list[tuple[str, str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([("path", "group"), *rows])
    return path


def test_groups_by_folder_pattern_and_table_are_the_same(run: Run, parts: Path, target: Path, tmp_path: Path) -> None:
    rows = [(str(p.relative_to(parts)), p.parent.name) for p in sorted(parts.rglob("*.png"))]
    tables = {
        "relative": write_table(tmp_path / "relative.csv", rows),
        "excel": write_table(tmp_path / "excel.CSV", rows, ";", "utf-8-sig"),
        "windows": write_table(tmp_path / "windows.csv", [(p.replace("/", "\\"), g) for p, g in rows]),
        "whole": write_table(tmp_path / "whole.csv", [(str(parts / path), group) for path, group in rows]),
    }
    thresholds = set()
    for rule in ("folder", r"regex:p(\d)_", *tables.values()):
        call = run("fit", parts, "--out", target, "--groups", rule, "--json", *SMALL)
        assert (call.code, call.json["groups"]) == (0, 4), rule
        thresholds.add(call.json["threshold"])
    assert len(thresholds) == 1
    alone = run("fit", parts, "--out", target, "--groups", "none", "--json", *SMALL).json
    assert alone["groups"] == 12
    assert alone["threshold"] not in thresholds


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "path and group"),
        (b"file,group\np0_0.png,a\n", "path and group"),
        (b"path,group\n", "path and group"),
        (b"path,group\npart0/p0_0.png,a\n", "11 pictures have no group"),
        (b"path,group\n" + b"part0/p0_0.png,a\npart0/p0_0.png,b\n", "two groups"),
        (b"\xff\xfe\x00p", "UTF-8"),
    ],
)
def test_a_table_that_does_not_do_is_explained(
    content: bytes, said: str, run: Run, parts: Path, target: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    call = run("fit", parts, "--out", target, "--groups", table, *SMALL)
    assert call.code == 2
    assert said in call.err
    assert not target.exists()


def test_one_group_of_all_is_said_to_be_none(run: Run, parts: Path, target: Path) -> None:
    call = run("fit", parts / "part0", parts / "part1", "--out", target, "--groups", "regex:png", "--json", *SMALL)
    assert (call.code, call.json["groups"]) == (0, 6)
    assert "All normal pictures are in one group" in call.err
    assert call.json["notes"]


def test_the_table_is_found_again_from_another_folder(
    run: Run, parts: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(str(p.relative_to(parts)), p.parent.name) for p in sorted(parts.rglob("*.png"))]
    write_table(tmp_path / "groups.csv", rows)
    monkeypatch.chdir(tmp_path)
    run("fit", parts, "--out", target, "--groups", "groups.csv", *SMALL)
    monkeypatch.chdir(parts)
    call = run("update", target, "--remove", parts / "part0" / "p0_0.png", "--json")
    assert (call.code, call.json["groups"]) == (0, 4)


def test_data_sets_given_twice_or_beside_folders_count_once(run: Run, target: Path, tmp_path: Path) -> None:
    make_dataset(tmp_path / "set", masks=False)
    save(tmp_path / "more" / "a.png", textured(77, 64))
    call = run(
        "fit", tmp_path / "set", tmp_path / "set" / "train", tmp_path / "more", "--out", target, "--json", *SMALL
    )
    assert call.json["n_normal"] == 9


def test_tiles_are_part_of_the_model(run: Run, world: Path, target: Path) -> None:
    call = run("fit", world / "good", "--out", target, "--tile", 48, "--overlap", 8, "--json", *SMALL)
    assert call.code == 0
    assert call.json["n_normal"] == 20
    assert load_model(target).tiling == Tiling(48, 8)
    assert run("fit", world / "good", "--out", target, "--tile", 48, "--overlap", 30, *SMALL).code == 2
