"""What is told, kept and reported when something unforeseen happens."""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
from pathlib import Path

import pytest
from driving import drop, item_named, wait_idle
from PySide6.QtCore import QProcess, Qt
from PySide6.QtGui import QGuiApplication

from ad_desktop.data.roi import Purpose, RegionOfInterest, Shape, ShapeKind
from ad_desktop.data.samples import Label, Sample, VolumeSample
from ad_desktop.errors import InputError, UserError
from ad_desktop.ui.crash import library
from ad_desktop.ui.crash.autosave import Autosave
from ad_desktop.ui.crash.dialogs import TroubleDialog
from ad_desktop.ui.crash.journal import Journal
from ad_desktop.ui.crash.report import NO_TRACE, Reporter, told_dump, told_error
from ad_desktop.ui.crash.unexpected import Unexpected
from ad_desktop.ui.crash.watch import CrashWatch
from ad_desktop.ui.items import Item
from ad_desktop.ui.session import Session
from ad_desktop.workflows.info import DeviceInfo

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

PATIENT = "Doe_Jane_1970"

# A window that crashes: it keeps a library and dies of a signal, as a broken driver would make it.
_DYING = """
import faulthandler, os, sys
from pathlib import Path
from ad_desktop.ui.crash.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.library.write_text(sys.argv[2])
faulthandler._sigsegv()
"""


@pytest.fixture(autouse=True)
def faults_as_before():
    yield
    faulthandler.enable(sys.__stderr__)


def fail_on_patient() -> None:
    try:
        Path(f"/scans/{PATIENT}/slice.dcm").read_bytes()
    except OSError as error:
        raise KeyError(f"{PATIENT} is not known") from error


def die(folder: Path, kept: str) -> None:
    process = QProcess()
    process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
    process.start(sys.executable, ["-c", _DYING, str(folder), kept])
    assert process.waitForFinished(30_000)
    assert process.exitStatus() is QProcess.ExitStatus.CrashExit, bytes(process.readAll().data())


def test_a_report_tells_kind_and_place_and_names_nothing_of_the_user(qapp):
    with pytest.raises(KeyError) as caught:
        fail_on_patient()
    text = Reporter().text(told_error(caught.value))
    assert "builtins.KeyError" in text
    assert "after builtins.FileNotFoundError 2" in text
    assert "test_crash:" in text
    assert "fail_on_patient" in text
    assert "AD Desktop 0" in text
    assert "torch " in text
    assert PATIENT not in text
    assert "/" not in text.partition("builtins")[2]
    assert str(Path.home()) not in text


def test_errors_that_led_to_each_other_in_a_circle_are_told_once():
    first, second = ValueError(), TypeError()
    first.__cause__, second.__cause__ = second, first
    assert told_error(first) == "builtins.ValueError\nafter builtins.TypeError"


def test_a_dump_keeps_places_without_paths():
    dump = (
        "Fatal Python error: Segmentation fault\n\n"
        "Current thread 0x00007f1c3d7fe640 [detector-0] (most recent call first):\n"
        f'  File "/home/{PATIENT}/app/_internal/torch/nn/modules/conv.py", line 12 in forward\n'
        f'  File "C:\\Users\\{PATIENT}\\lib\\site-packages\\timm\\models\\a.py", line 3 in <module>\n'
        f'  File "/home/{PATIENT}/ad_desktop/ui/session.py", line 5 in add\n'
        f"{PATIENT} wrote this to the same file\n"
        "Extension modules: numpy._core, torch._C (total: 2)\n"
    )
    told = told_dump(dump)
    assert PATIENT not in told
    assert told.splitlines() == [
        "Fatal Python error: Segmentation fault",
        "Current thread 0x00007f1c3d7fe640 [detector-0] (most recent call first):",
        "  torch.nn.modules.conv:12 forward",
        "  timm.models.a:3 <module>",
        "  ad_desktop.ui.session:5 add",
        "Extension modules: numpy._core, torch._C (total: 2)",
    ]
    assert told_dump("") == NO_TRACE


def test_a_window_that_ends_well_leaves_nothing_behind(tmp_path):
    first, second = Journal(tmp_path), Journal(tmp_path)
    first.library.write_text("{}")
    assert second.left_behind() == []  # the first one lives
    first.close()
    first.close()
    assert second.left_behind() == []
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_crashed_window_left_is_found_until_it_is_forgotten(qapp, tmp_path):
    die(tmp_path, "its library")
    journal = Journal(tmp_path)
    [left] = journal.left_behind()
    assert left.library.read_text() == "its library"
    assert "Segmentation fault" in told_dump(left.dump.read_text())
    assert len(journal.left_behind()) == 1
    left.forget()
    assert journal.left_behind() == []
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_library_comes_back_as_it_was(tmp_path):
    session = Session()
    items = [
        Item.of(Sample(tmp_path / "ä.tif", 2), Label.NORMAL, "good"),
        Item.of(Sample(tmp_path / "b.png"), Label.ANOMALOUS, "bad", "dent", tmp_path / "b_mask.png"),
        Item.of(VolumeSample(tmp_path / "ct", series="1.2.3", part=1, title="Head"), Label.TO_CHECK),
    ]
    session.add(items)
    shape = Shape(ShapeKind.RECTANGLE, ((0.1, 0.2), (0.5, 0.6)), Purpose.IGNORE)
    session.set_roi(RegionOfInterest((shape,), border=3))
    session.set_min_region(7)
    session.set_fpr(0.125)
    library.write(tmp_path / "kept", library.tell(session, tmp_path / "m.adm"))
    found = library.read(tmp_path / "kept")
    assert [vars(item) for item in found.items] == [vars(item) for item in items]
    assert [item.name for item in found.items] == [item.name for item in items]
    assert (found.roi, found.min_region, found.fpr, found.model) == (session.roi, 7, 0.125, tmp_path / "m.adm")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"items": 3}', '{"model": null, "items": [{"path": 1}]}'])
def test_a_damaged_library_is_refused(tmp_path, text):
    (tmp_path / "kept").write_text(text)
    with pytest.raises(InputError, match="no library"):
        library.read(tmp_path / "kept")


def test_labels_are_kept_while_the_window_runs_and_offered_after_a_crash(qtbot, make_window, pictures, tmp_path):
    window = make_window()
    kept = tmp_path / "kept.library"
    autosave = Autosave(window.session, window._runner, kept, lambda: None, window)
    autosave._timer.setInterval(1)
    drop(window, pictures)
    wait_idle(qtbot, window)
    window.edits.label([item_named(window, "s0.png")], Label.ANOMALOUS)
    qtbot.waitUntil(lambda: kept.exists() and len(library.read(kept).items) == 19)
    qtbot.waitUntil(lambda: [i.label for i in library.read(kept).items].count(Label.ANOMALOUS) == 1)
    qtbot.waitUntil(lambda: autosave._job is None and not autosave._timer.isActive())
    autosave.deleteLater()

    states = tmp_path / "states"
    states.mkdir()
    die(states, kept.read_text())
    again, journal = make_window(), Journal(states)
    watch = CrashWatch(again, again._runner, journal, tmp_path / "a.log")
    dialog = watch.tell_last()
    assert not dialog.isModal()
    assert "19 pictures and scans were open" in dialog.text.text()
    assert "Segmentation fault" in dialog.report.toPlainText()
    assert str(tmp_path) not in dialog.report.toPlainText()
    again.reporter.set_devices([DeviceInfo("cuda:0", "Some card", 8 << 30, 1)])  # known only after a while
    assert "cuda:0: Some card, 8 GiB" in dialog.report.toPlainText()
    qtbot.mouseClick(dialog.reopen, Qt.MouseButton.LeftButton)
    assert item_named(again, "s0.png").label is Label.ANOMALOUS
    assert len(again.session.items) == 19
    assert again.session.current is not None
    assert journal.left_behind() == []
    assert watch.tell_last() is None
    qtbot.waitUntil(lambda: watch.autosave._job is None and not watch.autosave._timer.isActive(), timeout=10_000)
    journal.close()


def test_a_window_that_is_closed_before_its_user_answered_tells_again(qtbot, make_window, tmp_path):
    die(tmp_path, "its library")
    window, journal = make_window(), Journal(tmp_path)
    dialog = CrashWatch(window, window._runner, journal, tmp_path / "a.log").tell_last()
    with qtbot.waitSignal(dialog.finished):
        window.close_now()
        dialog.close()  # as the application does when it quits
    assert len(journal.left_behind()) == 1
    journal.close()


def test_a_fault_in_a_job_offers_a_report_and_the_window_goes_on(qtbot, window, tmp_path):
    journal = Journal(tmp_path / "states")
    watch = CrashWatch(window, window._runner, journal, tmp_path / "a.log")
    for error in (UserError("expected"), OSError(28, "full"), MemoryError(), RuntimeError("CUDA out of memory")):
        window.problems.error("Fitting", error)
    assert watch._told is None
    window.problems.error("Fitting", ZeroDivisionError(PATIENT))
    dialog = watch._told
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert str(tmp_path / "a.log") in dialog.place.text()
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "builtins.ZeroDivisionError" in copied
    assert PATIENT not in copied
    window.problems.error("Fitting", TypeError())  # one at a time
    assert len([d for d in window.findChildren(TroubleDialog) if d.isVisible()]) == 1
    dialog.close()
    assert watch._told is None
    assert window.problems.errors == 6
    journal.close()


def test_nobodys_exceptions_are_logged_and_told_on_the_main_thread(qtbot, qapp, caplog, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)  # as in a program with a window only
    stopped: list[bool] = []
    unexpected = Unexpected(lambda: stopped.append(True), qapp)
    raised: list[tuple[str, bool]] = []
    main = threading.current_thread()
    unexpected.raised.connect(lambda e: raised.append((str(e), threading.current_thread() is main)))
    try:
        with caplog.at_level(logging.ERROR):
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
            sys.excepthook(ValueError, ValueError("in a slot"), None)
            sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
            qtbot.waitUntil(lambda: len(raised) == 2)
    finally:
        unexpected.release()
        unexpected.deleteLater()
    assert raised == [("division by zero", True), ("in a slot", True)]
    assert stopped == [True]
    assert sum(record.levelno == logging.CRITICAL for record in caplog.records) == 2
    assert sys.excepthook is sys.__excepthook__


def test_help_shows_where_the_log_is(window, tmp_path):
    window.actions_.log.trigger()
    dialog = window.findChild(TroubleDialog)
    assert str(tmp_path / "log" / "a.log") in dialog.place.text()
    assert "AD Desktop 0" in dialog.report.toPlainText()
    assert not dialog.isModal()
    dialog.close()
