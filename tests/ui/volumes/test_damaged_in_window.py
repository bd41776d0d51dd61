"""The corpus of damaged scans dropped on the window: it stays, and has a message for each file."""

from __future__ import annotations

from pathlib import Path

import pytest
from damaged import write_corpus
from driving import drop, idle

from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import Level

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def alone(path: Path, folder: Path) -> Path:
    """The file in a folder of its own: images of one series in one folder would count as one scan."""
    folder.mkdir()
    return path.rename(folder / path.name)


def place(item: Item) -> Path:
    """The folder of the file that an item is of."""
    path = item.sample.path
    return path if path.is_dir() else path.parent


def test_the_window_says_what_is_wrong_with_each(qtbot, window, tmp_path):
    files = [alone(path, tmp_path / f"{at:03}") for at, path in enumerate(write_corpus(tmp_path / "damaged"))]
    assert len(files) >= 100
    faults = []
    window.problems.unexpected.connect(faults.append)
    drop(window, *files)
    qtbot.waitUntil(lambda: idle(window), timeout=200_000)
    said = {problem.subject + problem.text for problem in window.problems.problems if problem.level is not Level.NOTE}
    viewer = window.scan_viewer
    told = {path.parent for path in files if any(str(path.parent) in text for text in said)}
    listed = [item for item in window.session.items.values() if place(item) not in told]
    for item in listed:
        # Its header is sound: what is wrong shows when it is opened.
        window.session.set_current(item)
        qtbot.waitUntil(lambda: not viewer.page._running and not viewer.page.isHidden(), timeout=30_000)
        assert "cannot be shown" in viewer.page.text.text(), item.name
        told.add(place(item))
    assert [path.name for path in files if path.parent not in told] == []
    assert not faults
    assert window.isVisible()
