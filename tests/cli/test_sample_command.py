"""``ad-desktop sample``: the bundled sample without a window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import Run

from ad_desktop.workflows.store import load_model


def test_the_sample_is_fitted_checked_and_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = run("sample", "--no-window", "--out", "results", "--json")
    assert (call.code, call.err) == (0, "")
    figures = call.json
    assert figures["out"] == "results"
    assert figures["image_auroc"] > 0.9
    assert figures["pixel_auroc"] > 0.9
    out = tmp_path / "results"
    assert {path.name for path in out.iterdir()} == {
        "overlays", "pred_masks", "results.csv", "results.json", "sample.adm",
    }  # fmt: skip
    rows = json.loads((out / "results.json").read_text("utf-8"))
    assert len(rows) == figures["n_normal"] + figures["n_anomalous"]
    assert {row["label"] for row in rows} == {"normal", *figures["per_defect"]}
    assert all((out / "overlays" / f"{row['name']}.png").is_file() for row in rows)
    assert load_model(out / "sample.adm").threshold.value == figures["threshold"]


def test_a_place_that_cannot_be_written_is_exit_code_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    call = run("sample", "--no-window", "--out", tmp_path / "file" / "results")
    assert call.code == 2
    assert "cannot be written" in call.err
