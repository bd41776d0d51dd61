"""Two rates make a band between good and anomalous, in every place that shows a verdict."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from driving import open_and_fit
from PySide6.QtCore import Qt

from ad_desktop.scoring.thresholds import percentile
from ad_desktop.ui.items import Verdict
from ad_desktop.ui.library.rows import Column, format_score


def open_band(qtbot, window, percent: float) -> None:
    panel = window.model.threshold
    qtbot.mouseClick(panel.banded, Qt.MouseButton.LeftButton, pos=panel.banded.rect().center() * 0.2)
    panel.banded.setChecked(True)
    panel.band_rate.setValue(percent)


def test_the_band_is_closed_at_first(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    panel = window.model.threshold
    assert not panel.banded.isChecked()
    assert not panel.band_rate.isEnabled()
    assert panel.band_rate.value() == pytest.approx(3 * panel.rate.value())
    assert not panel.histogram.accept_line.isVisible()
    assert window.session.accept_threshold == window.session.threshold.value


def test_scores_between_the_rates_are_borderline(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session, panel = window.session, window.model.threshold
    open_band(qtbot, window, 50.0)
    low, high = session.accept_threshold, session.threshold.value
    assert low < high
    between = [item for item in session.items.values() if low < item.score <= high]
    assert between
    assert all(session.verdict(item) is Verdict.BORDERLINE for item in between)
    assert all(session.model.judge(item.score).verdict == session.verdict(item) for item in session.items.values())
    assert panel.histogram.band.getRegion() == pytest.approx((low, high))
    assert panel.band_row.isVisible()
    assert panel.band_value.text() == format_score(low)
    assert panel.between.text().endswith("between")
    library = window.library
    library.show_only.setCurrentText("Verdict: borderline")
    assert set(library.rows.rows) == set(between)
    session.set_current(between[0])
    assert window.viewer.header.pill.accessibleName() == "Borderline"
    library.show_only.setCurrentIndex(0)
    library.view.sortByColumn(Column.VERDICT, Qt.SortOrder.AscendingOrder)
    order = [session.verdict(item) for item in library.rows.rows]
    assert order == sorted(order, key=[Verdict.GOOD, Verdict.BORDERLINE, Verdict.ANOMALOUS].index)
    panel.banded.setChecked(False)
    assert session.borderline_fpr is None
    assert Verdict.BORDERLINE not in {session.verdict(item) for item in session.items.values()}


def test_dragging_the_second_line(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session, histogram = window.session, window.model.threshold.histogram
    open_band(qtbot, window, 20.0)
    scores = np.sort(session.model.calibration.scores)
    histogram.accept_moved.emit(float((scores[4] + scores[5]) / 2))
    assert scores[4] <= session.accept_threshold <= scores[6]
    assert window.model.threshold.band_rate.value() == pytest.approx(100 * session.borderline_fpr, abs=0.06)
    histogram.accept_moved.emit(float(scores[-1] + 1))
    assert session.borderline_fpr == session.fpr
    assert not histogram.band.isVisible()


def test_the_band_is_kept_by_a_fit_and_by_the_file(qtbot, make_window, pictures, tmp_path):
    window = make_window()
    open_and_fit(qtbot, window, pictures)
    open_band(qtbot, window, 40.0)
    low = window.session.accept_threshold
    window.fit()
    qtbot.waitUntil(lambda: window.fitting.job is None, timeout=10_000)
    assert window.session.borderline_fpr == pytest.approx(0.4)
    path = tmp_path / "band.safetensors"
    with qtbot.waitSignal(window.fitting.saved, timeout=10_000):
        window.fitting.save(path)
    other = make_window()
    other.open_paths([path])
    qtbot.waitUntil(lambda: other.session.model is not None, timeout=10_000)
    assert other.session.accept_threshold == pytest.approx(low)
    assert other.model.threshold.banded.isChecked()


def test_exported_tables_say_borderline(qtbot, window, pictures, tmp_path):
    from ad_desktop.ui.flows.exporting import ExportRequest

    open_and_fit(qtbot, window, pictures)
    open_band(qtbot, window, 50.0)
    session = window.session
    items = [item for item in session.items.values() if item.prediction is not None]
    session.set_fpr(0.1)
    request = ExportRequest(items, tmp_path / "out", frozenset({"csv"}), 0.5, "inferno", False)
    with qtbot.waitSignal(window.exporting.exported, timeout=10_000):
        window.exporting.export(request)
    with next((tmp_path / "out").glob("*.csv")).open(encoding="utf-8-sig", newline="") as file:
        rows = {row["path"]: row["verdict"] for row in csv.DictReader(file)}
    judged = {str(i.sample.path): session.model.judge(i.prediction.anomaly_score).verdict for i in items}
    assert rows == judged


def test_percentiles_are_those_of_the_command_line(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session = window.session
    scores = session.model.calibration.scores
    assert any(item.score in scores for item in session.items.values())
    for item in session.items.values():
        assert session.percentile(item) == pytest.approx(percentile(item.score, scores))


@pytest.mark.parametrize(("n", "measured"), [(12, "15\N{NO-BREAK SPACE}%"), (39, "5.0\N{NO-BREAK SPACE}%")])
def test_an_extrapolated_rate_is_below_what_the_normal_ones_measure(n, measured):
    from ad_desktop.scoring.thresholds import conformal_threshold
    from ad_desktop.ui.model.threshold import _warning

    scores = np.arange(n, dtype=float)
    below = conformal_threshold(scores, range(n), 2 / (n + 1) - 0.001)
    assert f"rates down to {measured}." in _warning(below, "scans")
    assert _warning(conformal_threshold(scores, range(n), 2 / (n + 1)), "scans") == ""
