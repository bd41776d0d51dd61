"""Parts of the window on their own: the form, outlines, colour tables, error texts, drops, rates."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox
from toy_detector import ToyParams

from ad_desktop.detectors.gaussian.params import GaussianADParams
from ad_desktop.errors import InputError, UserError
from ad_desktop.scoring.thresholds import conformal_threshold
from ad_desktop.ui.drops import paths_of
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.model.fitpanel import duration, progress_text
from ad_desktop.ui.model.form import ParamForm
from ad_desktop.ui.model.rates import rate_for
from ad_desktop.ui.problems import describe_error
from ad_desktop.ui.recent import RecentMenu
from ad_desktop.ui.viewer.contour import segments
from ad_desktop.ui.viewer.paint import Mode, colour_table
from ad_desktop.ui.viewer.pictures import Scale, to_qimage


@pytest.fixture
def form(qtbot, theme):
    made = ParamForm(ToyParams, Icons(theme), theme)
    qtbot.addWidget(made)
    return made


def test_a_form_has_one_field_a_parameter_and_starts_at_the_defaults(form):
    assert list(form.fields) == ["delay", "power", "fail", "kind", "note", "levels"]
    assert form.changed_values() == {}
    assert isinstance(form.fields["kind"], QComboBox)
    assert isinstance(form.fields["delay"], QDoubleSpinBox)
    assert form.fields["delay"].maximum() == 5.0
    assert all(field.toolTip() for field in form.fields.values())
    assert not form.advanced.toggle.isChecked()


def test_a_form_gives_what_was_changed(form, qtbot):
    with qtbot.waitSignal(form.changed):
        form.set_values({"power": 3, "kind": "median", "levels": (2, 4), "fail": True})
    assert form.changed_values() == {"power": 3, "kind": "median", "levels": (2, 4), "fail": True}


def test_a_form_refuses_what_is_not_allowed(form):
    form.set_values({"levels": "1,99"})
    with pytest.raises(UserError, match="at most 9"):
        form.changed_values()


def test_a_form_says_what_zero_means(qtbot, theme):
    made = ParamForm(GaussianADParams, Icons(theme), theme)
    qtbot.addWidget(made)
    size = made.fields["image_size"]
    assert isinstance(size, QSpinBox)
    assert size.text() == "Default"
    size.setValue(256)
    assert size.text() == "256"


def test_a_contour_runs_where_the_level_is_crossed():
    y, x = np.mgrid[0:40, 0:50].astype(np.float32)
    values = np.hypot(x - 22, y - 18).astype(np.float32)
    points = segments(values, 10.0)
    radius = np.hypot(points[:, 0] - 22, points[:, 1] - 18)
    assert abs(radius - 10).max() < 0.05
    lengths = np.hypot(*(points[0::2] - points[1::2]).T)
    assert lengths.sum() == pytest.approx(2 * np.pi * 10, rel=0.01)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (4, 4)])
def test_a_contour_of_nothing_is_empty(shape):
    assert segments(np.zeros(shape, np.float32), 0.5).shape == (0, 2)


def test_saddles_give_two_lines_each():
    for values in ([[1, 0], [0, 1]], [[0, 1], [1, 0]]):
        assert len(segments(np.array(values, np.float32), 0.5)) == 4


def test_a_colour_table_fades_in_up_to_the_threshold():
    heat = [colour >> 24 for colour in colour_table("inferno", Mode.HEAT, 0.5, 128)]
    assert heat[0] == 0
    assert heat == sorted(heat)
    assert heat[128] == pytest.approx(128, abs=1)
    assert heat[255] == heat[128]
    above = [colour >> 24 for colour in colour_table("viridis", Mode.ABOVE, 1.0, 200)]
    assert above == [0] * 200 + [255] * 56
    assert {colour >> 24 for colour in colour_table("viridis", Mode.OFF, 1.0, 10)} == {0}


def test_codes_and_values_agree():
    scale = Scale(-2.0, 6.0)
    values = np.linspace(-3, 7, 501).astype(np.float32)
    codes = scale.codes(values)
    assert codes.min() == 0
    assert codes.max() == 255
    code = scale.code(2.5)
    assert (values[codes >= code] >= 2.5 - 8 / 255).all()
    assert (values[codes < code] <= 2.5 + 1e-5).all()


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_an_image_owns_its_memory(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    expected = pixels.copy()
    image = to_qimage(pixels)
    pixels[:] = 0
    got = image.pixelColor(4, 2)
    assert [got.red(), got.green(), got.blue()] == np.broadcast_to(expected[2, 4], 3).tolist()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("a.png", "it is empty"), "it is empty"),
        (UserError("Do this."), "Do this."),
        (RuntimeError("CUDA out of memory. Tried"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (PermissionError(13, "Permission denied", "/x/y"), "/x/y"),
        (OSError(28, "No space left on device", "/x"), "No space left"),
        (KeyError("oops"), "unexpected"),
    ],
)
def test_errors_are_said_in_words(error, words):
    assert words in describe_error(error)
    assert "Traceback" not in describe_error(error)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.000"), (1.2345, "1.23"), (12.345, "12.3"), (1234.5, "1234"), (-0.5, "-0.500"),
                        (1e-7, "1.0e-7"), (3e7, "3.0e7")]
)  # fmt: skip
def test_scores_are_short(value, text):
    assert format_score(value) == text


def test_time_left_and_progress_read_well():
    from ad_desktop.task import Progress

    assert [duration(s) for s in (0.2, 42, 200, 9000)] == ["1 s", "42 s", "3 min", "2 h 30 min"]
    assert progress_text(Progress("Reading", 1200, 5000, 30.0)) == "Reading · 1,200 of 5,000 · 30 s left"
    assert progress_text(Progress()) == ""


def test_the_rate_of_a_dragged_threshold():
    scores = np.random.default_rng(5).normal(size=200)
    groups = list(range(200))
    for asked in (0.02, 0.05, 0.2):
        value = conformal_threshold(scores, groups, asked).value
        found = conformal_threshold(scores, groups, rate_for(value + 1e-9, scores)).value
        assert abs(found - value) <= np.diff(np.sort(scores)).max()
    assert rate_for(1e9, scores) == 0.001
    assert rate_for(-1e9, scores) == 0.5


def test_only_local_files_are_dropped(tmp_path):
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a.png"), QUrl.fromLocalFile(str(tmp_path / "ä b.png"))])
    assert paths_of(data) == [tmp_path / "ä b.png"]


def test_recent_paths_are_remembered_latest_first(qtbot, settings, tmp_path):
    menu = RecentMenu("Recent", "folders", settings)
    qtbot.addWidget(menu)
    assert not menu.isEnabled()
    for n in range(12):
        menu.remember(tmp_path / str(n))
    menu.remember(tmp_path / "11")
    again = RecentMenu("Recent", "folders", settings)
    qtbot.addWidget(again)
    assert [path.name for path in again.paths()] == ["11", "10", "9", "8", "7", "6", "5", "4"]
    with qtbot.waitSignal(again.chosen) as caught:
        again.actions()[1].trigger()
    assert caught.args == [tmp_path / "10"]


@pytest.mark.qt_log_ignore("propagateSizeHints")
def test_help_is_made_from_the_actions(qtbot, window):
    window.actions_.shortcuts.trigger()
    from PySide6.QtWidgets import QLabel

    from ad_desktop.ui.about import AboutDialog, ShortcutsDialog

    sheet = window.findChild(ShortcutsDialog)
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert {"Label as normal", "N", "Fit", "See the bare picture", "Next picture"} <= texts
    sheet.close()
    window.actions_.about.trigger()
    about = window.findChild(AboutDialog)
    assert any("Apache License 2.0" in label.text() for label in about.findChildren(QLabel))
    qtbot.keyClick(about, Qt.Key.Key_Escape)
