"""``ad-desktop update``: what a refit would give, without the other pictures."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from program import SMALL, Run

from ad_desktop.workflows.store import load_model

Pictures = tuple[Path, Path]


@pytest.fixture
def pictures(world: Path, tmp_path: Path) -> Pictures:
    """Two folders of one's own: 16 normal pictures, and 4 more."""
    first, more = tmp_path / "first", tmp_path / "more"
    for folder in (first, more):
        folder.mkdir()
    for number, file in enumerate(sorted((world / "good").iterdir())):
        shutil.copy(file, first if number < 16 else more)
    return first, more


def scores(run: Run, model: Path, world: Path) -> list[tuple[float, float, float]]:
    lines = run("predict", model, world / "check", "--json").lines
    return [(line["anomaly_score"], line["threshold"], line["percentile"]) for line in lines]


def assert_same(run: Run, one: Path, other: Path, world: Path) -> None:
    for mine, theirs in zip(scores(run, one, world), scores(run, other, world), strict=True):
        assert mine[:2] == pytest.approx(theirs[:2], rel=1e-6)
        assert mine[2] == theirs[2]
    first, second = load_model(one), load_model(other)
    assert first.map_threshold == pytest.approx(second.map_threshold, rel=1e-6)
    assert first.calibration.rule == second.calibration.rule


@pytest.mark.parametrize("rule", ["local+global", "global", "standardised-sum"])
def test_adding_and_removing_is_a_refit_without_the_files(
    rule: str, run: Run, world: Path, pictures: Pictures, tmp_path: Path
) -> None:
    first, more = pictures
    settings = ("--set", f"score={rule}", "--fpr", "0.1", *SMALL)
    own, small, large = (tmp_path / f"{name}.adm" for name in ("own", "small", "large"))
    run("fit", first, "--out", small, *settings)
    run("fit", first, more, "--out", large, *settings)
    shutil.copy(small, own)
    first.rename(tmp_path / "gone")
    assert run("update", own, "--add", more).code == 0
    assert_same(run, own, large, world)
    more.rename(tmp_path / "gone too")
    call = run("update", own, "--remove", more, "--json")
    assert (call.code, call.json["n_normal"]) == (0, 16)
    assert_same(run, own, small, world)


def test_files_can_be_added_and_removed_in_one_call(run: Run, world: Path, pictures: Pictures, tmp_path: Path) -> None:
    first, more = pictures
    own, reference = tmp_path / "own.adm", tmp_path / "reference.adm"
    run("fit", first, "--out", own, *SMALL)
    files, extra = sorted(first.iterdir()), sorted(more.iterdir())
    run("fit", *files[2:], extra[0], "--out", reference, *SMALL)
    call = run("update", own, "--add", extra[0], "--remove", *files[:2], files[0], "--json")
    assert (call.code, call.json["n_normal"], call.json["errors"]) == (0, 15, [])
    assert_same(run, own, reference, world)


def test_the_original_stays_where_another_file_is_named(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    call = run("update", model, "--add", world / "check" / "ok 0.png", "--out", tmp_path / "new.adm", "--json")
    assert (call.code, call.json["model"], call.json["n_normal"]) == (0, str(tmp_path / "new.adm"), 21)
    assert model.read_bytes() == content


def test_a_picture_that_is_there_already_is_read_anew(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.adm"
    call = run("update", model, "--add", world / "good" / "003.png", world / "good", "--out", own, "--json")
    assert (call.code, call.json["n_normal"]) == (0, 20)
    assert_same(run, own, model, world)


def test_a_picture_that_changed_replaces_its_older_self(
    run: Run, world: Path, pictures: Pictures, tmp_path: Path
) -> None:
    first, more = pictures
    own, reference = tmp_path / "own.adm", tmp_path / "reference.adm"
    run("fit", first, "--out", own, *SMALL)
    shutil.copy(more / "016.png", first / "000.png")
    run("update", own, "--add", first / "000.png")
    run("fit", first, "--out", reference, *SMALL)
    assert_same(run, own, reference, world)


def test_unknown_pictures_are_listed_and_the_rest_is_done(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.adm"
    unknown = world / "check"
    call = run("update", model, "--remove", unknown, unknown, world / "good" / "000.png", "--out", own, "--json")
    assert (call.code, call.json["n_normal"]) == (1, 19)
    assert call.json["errors"] == [{"path": str(unknown), "error": "it is not among what this model learned from"}]
    assert call.err.count(str(unknown)) == 1


def test_bad_files_are_listed_and_the_rest_is_added(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.adm"
    call = run(
        "update", model, "--add", world / "bad", world / "bad" / "missing.png", world / "check" / "ok 0.png",
        "--out", own, "--json",
    )  # fmt: skip
    assert (call.code, call.json["n_normal"]) == (1, 21)
    assert {Path(error["path"]).name for error in call.json["errors"]} == {
        "missing.png", "bomb.png", "empty.png", "text.png", "truncated.jpg",
    }  # fmt: skip


def test_a_data_set_adds_its_training_pictures(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    call = run("update", model, "--add", world / "set", "--out", tmp_path / "own.adm", "--json")
    assert (call.code, call.json["n_normal"]) == (0, 28)
    assert "counts as normal" in call.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Nothing to do"),
        (["--remove", "nowhere"], "nowhere: it is not among what this model learned"),
        (["--add", "nowhere"], "nowhere: the file does not exist"),
        (["--add", "{world}/bad"], "Nothing was changed"),
        (["--add", "{world}/bad/text.png", "--remove", "nowhere"], "Nothing was changed"),
        (["--remove", "{world}/good"], "At least two normal pictures have to remain"),
        (["--add", "{world}/check/ok 0.png", "--out", "nowhere/new.adm"], "Make it first"),
        (["--add", "{world}/check", "--device", "cuda:9"], "cuda:9"),
    ],
)
def test_what_cannot_be_leaves_the_model_untouched(
    arguments: list[str], said: str, run: Run, model: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own.adm"
    shutil.copy(model, own)
    stamp = own.stat()
    call = run("update", own, *(text.format(world=world) for text in arguments), "--json")
    assert call.code == 2
    assert call.out == ""
    assert said in call.err
    assert own.read_bytes() == model.read_bytes()
    assert (own.stat().st_ino, own.stat().st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)
    assert [path.name for path in tmp_path.iterdir()] == ["own.adm"]


def test_removing_down_to_one_picture_is_refused(run: Run, world: Path, tmp_path: Path) -> None:
    files = sorted((world / "good").iterdir())[:3]
    own = tmp_path / "own.adm"
    run("fit", *files, "--out", own, *SMALL)
    content = own.read_bytes()
    assert run("update", own, "--remove", *files[:2]).code == 2
    assert own.read_bytes() == content
    assert run("update", own, "--remove", files[0]).code == 0
    assert len(load_model(own).detector.normal_set.keys) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_a_replaced_model_is_a_new_file_with_the_old_rights(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.adm"
    shutil.copy(model, own)
    own.chmod(0o640)
    before = own.stat().st_ino
    with own.open("rb") as reader:
        assert run("update", own, "--remove", world / "good" / "000.png").code == 0
        assert reader.read() == model.read_bytes()
    assert own.stat().st_ino != before
    assert own.stat().st_mode & 0o777 == 0o640


def test_a_table_without_the_new_picture_changes_nothing(
    run: Run, world: Path, pictures: Pictures, tmp_path: Path
) -> None:
    first, more = pictures
    table = tmp_path / "groups.csv"
    lines = [f"{file.name},{number % 5}" for number, file in enumerate(sorted(first.iterdir()))]
    table.write_text("\n".join(["path,group", *lines]))
    own = tmp_path / "own.adm"
    assert run("fit", first, "--out", own, "--groups", table, *SMALL).code == 0
    content = own.read_bytes()
    call = run("update", own, "--add", more)
    assert call.code == 2
    assert "4 pictures have no group there" in call.err
    assert own.read_bytes() == content
    table.write_text("\n".join(["path,group", *lines, *(f"{file.name},9" for file in more.iterdir())]))
    assert run("update", own, "--add", more, "--json").json["groups"] == 6
