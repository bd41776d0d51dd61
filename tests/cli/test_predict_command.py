"""``ad-desktop predict`` as scripts and engineers use it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import bomb_png, save, textured
from PIL import Image
from program import SMALL, Run

from ad_desktop.data.samples import Sample
from ad_desktop.task import Task
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model

FIELDS = ["path", "anomaly_score", "threshold", "pred_label", "percentile", "error"]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_one_json_object_per_input_in_order(run: Run, model: Path, world: Path) -> None:
    call = run("predict", model, world / "check", "--json")
    assert (call.code, call.err) == (0, "")
    lines = call.lines
    assert [list(line) for line in lines] == [FIELDS] * 8
    names = [f"dé fect {n}.png" for n in range(4)] + [f"ok {n}.png" for n in range(4)]
    assert [line["path"] for line in lines] == [str(world / "check" / name) for name in names]
    threshold = load_model(model).threshold.value
    for line in lines:
        assert line["threshold"] == threshold
        assert line["pred_label"] is (line["anomaly_score"] > threshold) is ("fect" in line["path"])
        assert 0 <= line["percentile"] <= 100
        assert line["error"] is None


def test_bad_inputs_stand_where_they_were_given(run: Run, model: Path, world: Path) -> None:
    bad, check = world / "bad", world / "check"
    given = [
        check / "ok 0.png", bad / "missing.png", bad / "empty.png", check / "ok 1.png", bad / "bomb.png",
        world / "empty", bad / "folder.png", check, bad / "truncated.jpg", model,
    ]  # fmt: skip
    call = run("predict", model, *given, "--json")
    assert call.code == 1
    lines = call.lines
    expected = [str(path) for path in given[:7]]
    expected += [str(check / f"dé fect {n}.png") for n in range(4)] + [str(check / f"ok {n}.png") for n in (2, 3)]
    expected += [str(bad / "truncated.jpg"), str(model)]
    assert [line["path"] for line in lines] == expected
    failed = [line for line in lines if line["error"]]
    assert len(failed) == 7
    assert all(list(line) == FIELDS for line in lines)
    assert all(line[field] is None for line in failed for field in FIELDS[1:5])
    assert "7 of 15 inputs failed" in call.err


@pytest.mark.parametrize("json_flag", [True, False])
def test_nothing_usable_is_exit_code_2(json_flag: bool, run: Run, model: Path, world: Path) -> None:
    call = run("predict", model, world / "bad", world / "nowhere", *(["--json"] if json_flag else []))
    assert call.code == 2
    assert "5 of 5 inputs failed" in call.err
    assert "nowhere" in call.out


def test_what_is_no_model_is_refused(run: Run, world: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.adm").touch()
    for file, said in (
        (world / "good" / "000.png", "not a model file"),
        (tmp_path / "empty.adm", "not a model file"),
        (tmp_path / "none.adm", "cannot be opened"),
        (tmp_path, "cannot be opened"),
    ):
        call = run("predict", file, world / "check", "--json")
        assert (call.code, call.out) == (2, "")
        assert call.err.startswith(f"ad-desktop: {file}: ")
        assert said in call.err


def test_a_path_is_told_as_it_was_given(run: Run, model: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world)
    paths = [line["path"] for line in run("predict", model, "check", "pages.tif", "../nowhere", "--json").lines]
    assert paths[0] == os.path.join("check", "dé fect 0.png")  # noqa: PTH118
    assert paths[-4:] == ["pages.tif"] * 3 + [os.path.join("..", "nowhere")]  # noqa: PTH118


def test_every_page_has_a_line_with_its_number(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    call = run("predict", model, world / "pages.tif", "--out", tmp_path, "--json")
    assert [line["page"] for line in call.lines] == [1, 2, 3]
    assert all(list(line) == [*FIELDS, "page"] for line in call.lines)
    assert (tmp_path / "overlays" / "pages_page3.png").is_file()
    table = run("predict", model, world / "pages.tif").out
    assert "pages.tif page 2" in table


def test_a_second_run_and_single_files_give_the_same_bytes(run: Run, model: Path, world: Path) -> None:
    first = run("predict", model, world / "check", "--json").out
    assert run("predict", model, world / "check", "--json").out == first
    files = sorted((world / "check").iterdir())
    alone = "".join(run("predict", model, file, "--json").out for file in files)
    assert alone == first
    backwards = run("predict", model, *reversed(files), "--json").out
    assert sorted(backwards.splitlines()) == sorted(first.splitlines())


def test_a_file_named_twice_is_one_input(run: Run, model: Path, world: Path) -> None:
    file = world / "check" / "ok 0.png"
    assert len(run("predict", model, file, world / "check", file, "--json").lines) == 8


def test_files_in_the_folder_are_what_was_predicted(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "results"
    call = run("predict", model, world / "check", world / "bad" / "empty.png", "--out", out, "--json")
    assert call.code == 1
    fitted = load_model(model)
    files = sorted((world / "check").iterdir())
    for result in predict(fitted, [Sample(file) for file in files], Task()):
        assert result.prediction is not None
        name = result.sample.path.stem
        anomaly_map = tifffile.imread(out / "anomaly_maps" / f"{name}.tiff")
        assert anomaly_map.dtype == np.float32
        np.testing.assert_array_equal(anomaly_map, result.prediction.anomaly_map)
        mask, overlay = (read(out / kind / f"{name}.png") for kind in ("pred_masks", "overlays"))
        np.testing.assert_array_equal(mask == 255, anomaly_map > fitted.map_threshold)
        assert overlay.shape == (96, 96, 3)
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    table = json.loads((out / "results.json").read_text("utf-8"))
    for line, row, entry in zip(call.lines, rows, table, strict=True):
        for field in FIELDS:
            assert entry[field] == line[field]
        assert row["path"] == line["path"]
        assert row["anomaly_score"] == ("" if line["anomaly_score"] is None else repr(line["anomaly_score"]))
    assert rows[-1]["error"] == call.lines[-1]["error"]


def test_only_what_is_asked_for_is_written(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    file = world / "check" / "ok 0.png"
    run("predict", model, file, "--out", tmp_path, "--export", "mask, jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pred_masks", "results.jsonl"]
    call = run("predict", model, file, "--out", tmp_path / "x", "--export", "mask,poster")
    assert call.code == 2
    assert "Known: " in call.err
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_is_told_before_the_work(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        call = run("predict", model, world / "check", "--out", out, "--json")
        assert (call.code, call.out) == (2, "")
        assert "cannot be written" in call.err
    assert file.read_text() == "mine"


def test_earlier_results_below_the_pictures_are_no_inputs(
    run: Run, model: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(world / "check" / "ok 0.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    for out in ("results", "."):
        first = run("predict", model, ".", "--out", out, "--json")
        again = run("predict", model, ".", "--out", out, "--json")
        assert "earlier results" in again.err
        shutil.rmtree(tmp_path / "results", ignore_errors=True)
        assert len(again.lines) == len(first.lines) == 1


def test_the_table_ranks_and_explains(run: Run, model: Path, world: Path) -> None:
    call = run("predict", model, world / "bad" / "empty.png", world / "check")
    assert call.code == 1
    rows = [line for line in call.out.splitlines() if ".png" in line]
    assert len(rows) == 9
    assert all("anomalous" in row for row in rows[:4])
    assert all("good" in row for row in rows[4:8])
    assert "error: the file is empty (0 bytes)" in rows[8]
    assert call.err == "1 of 9 inputs failed.\n"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are always text there")
def test_a_name_that_is_no_text_does_not_stop_the_run(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/odd\xff.png"))
    shutil.copy(world / "check" / "ok 0.png", odd)
    [line] = run("predict", model, odd, "--json", "--out", tmp_path / "results").lines
    assert line["path"] == str(odd)
    assert run("predict", model, odd).code == 0
    own = tmp_path / "own.adm"
    assert run("update", model, "--add", odd, "--out", own, "--json").code == 0
    assert str(odd) in load_model(own).detector.normal_set.keys


def test_a_header_that_promises_too_much_costs_nothing(run: Run, model: Path, tmp_path: Path) -> None:
    for name, size in (("wide.png", (60_000, 60_000)), ("over.png", (22_361, 22_361))):
        (tmp_path / name).write_bytes(bomb_png(*size))
    call = run("predict", model, tmp_path, "--json")
    assert call.code == 2
    assert all("at most 500 megapixels" in line["error"] for line in call.lines)


def test_pictures_of_other_kinds_and_sizes_are_scored(run: Run, model: Path, tmp_path: Path) -> None:
    grey = textured(7, (80, 120))
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.PNG")
    save(tmp_path / "colour.JPG", textured(8, 90, 3))
    save(tmp_path / "tiny.bmp", textured(9, 3))
    call = run("predict", model, tmp_path, "--out", tmp_path / "out", "--json")
    assert (call.code, len(call.lines)) == (0, 3)
    assert tifffile.imread(tmp_path / "out" / "anomaly_maps" / "palette.tiff").shape == (80, 120)


def test_deep_pictures_need_a_model_that_knows_their_range(run: Run, model: Path, world: Path, tmp_path: Path) -> None:
    grey = textured(100, 96)
    tifffile.imwrite(tmp_path / "deep.tiff", grey.astype(np.uint16) * 257, photometric="minisblack")
    call = run("predict", model, tmp_path / "deep.tiff", "--json")
    assert call.code == 2
    assert "value range" in call.json["error"]
    own = tmp_path / "own.adm"
    run("fit", world / "good", "--out", own, *SMALL, "--set", "value_range=0,65535", "--fpr", "0.01")
    deep = run("predict", own, tmp_path / "deep.tiff", "--json").json["anomaly_score"]
    flat = run("predict", model, world / "check" / "ok 0.png", "--json").json["anomaly_score"]
    # Standard deviations of normal scores; pictures of 8 bits are rounded when they are resized.
    assert deep == pytest.approx(flat, abs=0.15)


def test_a_device_that_is_not_there_is_exit_code_2(run: Run, model: Path, world: Path) -> None:
    call = run("predict", model, world / "check", "--device", "cuda:9", "--json")
    assert (call.code, call.out) == (2, "")
    assert "cuda:9" in call.err
