from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ad_desktop.data.samples import Label
from ad_desktop.errors import UserError
from ad_desktop.export.record import ExportRecord, ResultRow, row_of
from ad_desktop.export.write import write_tables

MakeRecord = Callable[..., ExportRecord]

COLUMNS = [
    "path", "page", "label", "anomaly_score", "threshold", "pred_label", "verdict", "percentile", "error",
    "area_fraction", "n_regions", "peak", "name",
]  # fmt: skip


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def rows(make_record: MakeRecord) -> list[ResultRow]:
    return [
        row_of(make_record(label=Label.ANOMALOUS, anomaly_score=np.float32(0.1))),
        ResultRow("in/Größe, 2 \"x\".png", error="The file is empty; take it out."),
    ]  # fmt: skip


def test_all_kinds_in_one_call(tmp_path: Path, rows: list[ResultRow]) -> None:
    written = write_tables(rows, tmp_path / "new" / "folder", ["csv", "json", "jsonl"])
    assert [p.name for p in written] == ["results.csv", "results.json", "results.jsonl"]
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(written)


def test_csv_as_spreadsheets_expect_it(tmp_path: Path, rows: list[ResultRow]) -> None:
    [path] = write_tables(rows, tmp_path, ["csv", "overlay"])
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfpath,page,")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 3
    scored, failed = read_csv(path)
    assert list(scored) == COLUMNS
    assert float(scored["anomaly_score"]) == float(np.float32(0.1))
    assert (scored["label"], scored["pred_label"], scored["page"], scored["n_regions"]) == (
        "anomalous",
        "true",
        "",
        "2",
    )
    assert failed["path"] == 'in/Größe, 2 "x".png'
    assert (failed["error"], failed["anomaly_score"], failed["pred_label"]) == (
        "The file is empty; take it out.",
        "",
        "",
    )


def test_json_tables_hold_the_same(tmp_path: Path, rows: list[ResultRow]) -> None:
    array, lines = write_tables(rows, tmp_path, ["json", "jsonl"])
    found = json.loads(array.read_text(encoding="utf-8"))
    assert [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] == found
    assert list(found[0]) == COLUMNS
    assert found[0]["pred_label"] is True
    assert found[0]["area_fraction"] == 21 / 1200
    assert found[1]["path"] == 'in/Größe, 2 "x".png'
    assert found[1]["anomaly_score"] is None
    assert "Größe" in lines.read_text(encoding="utf-8")


def test_no_rows_still_make_tables(tmp_path: Path) -> None:
    table, array, lines = write_tables([], tmp_path, ["csv", "json", "jsonl"])
    assert table.read_text(encoding="utf-8-sig").strip().split(",") == COLUMNS
    assert json.loads(array.read_text()) == []
    assert lines.read_text() == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_texts_that_a_spreadsheet_would_run(tmp_path: Path, start: str) -> None:
    path = f"{start}cmd|' /C calc'!A0.png"
    table, array = write_tables([ResultRow(path, anomaly_score=-1.5)], tmp_path, ["csv", "json"])
    [found] = read_csv(table)
    assert found["path"] == f"'{path}"
    assert found["anomaly_score"] == "-1.5"
    assert json.loads(array.read_text(encoding="utf-8"))[0]["path"] == path


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_json_does_not_know(tmp_path: Path, number: float) -> None:
    table, array = write_tables([ResultRow("a.png", threshold=number)], tmp_path, ["csv", "json"])
    assert read_csv(table)[0]["threshold"] == ""
    assert json.loads(array.read_text())[0]["threshold"] is None


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    row = ResultRow("in/\udcff.png")
    table, array, lines = write_tables([row], tmp_path, ["csv", "json", "jsonl"])
    assert json.loads(array.read_text(encoding="utf-8"))[0]["path"] == "in/\udcff.png"
    assert json.loads(lines.read_text(encoding="utf-8"))["path"] == "in/\udcff.png"
    assert read_csv(table)[0]["path"] == "in/\\udcff.png"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.floats(allow_nan=False, allow_infinity=False)), max_size=5))
def test_texts_and_numbers_survive(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, float]]) -> None:
    rows = [ResultRow(f"p/{text}", anomaly_score=score, error=text) for text, score in cells]
    table, array, lines = write_tables(rows, tmp_path_factory.mktemp("out"), ["csv", "json", "jsonl"])
    for found in (
        json.loads(array.read_text(encoding="utf-8")),
        [json.loads(line) for line in lines.read_text(encoding="utf-8").split("\n")[:-1]],
    ):
        assert [(r["error"], r["anomaly_score"]) for r in found] == cells
    for (text, score), found_row in zip(cells, read_csv(table), strict=True):
        assert found_row["path"].removeprefix("p/") == text
        assert float(found_row["anomaly_score"]) == score


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'xlsx'"):
        write_tables([], tmp_path, ["xlsx"])


def test_a_table_open_elsewhere_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.csv").write_text("old")

    def locked(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Access is denied", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", locked)
    with pytest.raises(UserError, match=r"results\.csv cannot be written: no permission; .*another program"):
        write_tables([], tmp_path, ["csv"])
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]
    assert (tmp_path / "results.csv").read_text() == "old"


def test_no_heavy_import_and_no_qt() -> None:
    import subprocess

    code = (
        "import sys, ad_desktop.export.write as w; w.sample_exporters(); w.table_exporters();"
        "heavy = ('torch', 'scipy', 'sklearn', 'PySide6', 'tifffile', 'imagecodecs', 'PIL');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
