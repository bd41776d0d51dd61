"""The guide, the sheet of keys, and what the program is built on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage, QKeySequence, QTextDocument
from PySide6.QtWidgets import QDialog, QLabel

from ad_desktop.resources import resource
from ad_desktop.ui.about import AboutDialog, ShortcutsDialog
from ad_desktop.ui.help.guide import GuideDialog, chapters
from ad_desktop.ui.help.licences import PARTS, installed_parts

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def test_every_page_is_complete():
    folder = resource("guide")
    pages = chapters(folder)
    assert len(pages) >= 6
    assert all(title for title, _ in pages)
    for _, path in pages:
        for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert not QImage(str(folder / picture)).isNull(), picture
            assert (folder / picture).stat().st_size < 400_000
        for link in re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (folder / link).is_file(), link


def test_keys_that_the_guide_names_exist(window):
    text = "".join(path.read_text(encoding="utf-8") for _, path in chapters(resource("guide")))
    named = set(re.findall(r"\*{1,2}((?:Ctrl\+)?(?:Shift\+)?(?:[A-Z]|Return))\*{1,2}", text))
    assert {"G", "D", "W", "T", "K", "Ctrl+Return"} <= named
    actions = [a for _, group in window.actions_.groups() for a in group]
    actions += [*window.viewer.controls.actions_of_view(), *window.viewer.roi_bar.actions_of_mode(), window.why.toggle]
    actions += window.scan_viewer.controls.actions_of_view()
    known = {key.toString() for action in actions for key in action.shortcuts()}
    assert {QKeySequence(key).toString() for key in named} <= known


def test_the_guide_opens_and_follows_its_links(qtbot, window):
    window.actions_.guide.trigger()
    guide = window.findChild(GuideDialog)
    qtbot.waitUntil(guide.isVisible)
    assert not guide.isModal()
    assert "learns what is normal" in guide.page.toPlainText()
    qtbot.keyClick(guide.list, Qt.Key.Key_Down)
    assert "ranked" in guide.page.toPlainText()
    guide.page.setSource(QUrl.fromLocalFile(str(resource("guide") / "3-teaching.md")))
    assert guide.list.currentRow() == 2
    guide.resize(600, 500)
    qtbot.waitUntil(lambda: not guide.page._settle.isActive())
    image = guide.page.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl("results.png"))
    assert 0 < image.width() / image.devicePixelRatio() <= guide.page.viewport().width()
    guide.close()


def test_no_two_actions_share_a_key(window):
    actions = [a for _, group in window.actions_.groups() for a in group]
    actions += [*window.viewer.controls.actions_of_view(), *window.viewer.roi_bar.actions_of_mode(), window.why.toggle]
    keys = [key.toString() for action in actions for key in action.shortcuts()]
    assert sorted(keys) == sorted(set(keys))


def test_the_sheet_of_keys_knows_what_is_new(window):
    window.actions_.shortcuts.trigger()
    sheet = window.findChild(ShortcutsDialog)
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert {"Good after all", "This is a defect", "Why this score", "Guide", "G", "D", "W", "F1"} <= texts
    sheet.close()


def test_about_lists_versions_and_licences(window):
    parts = {part.name: part for part in installed_parts()}
    assert {"PySide6-Essentials", "numpy", "torch"} <= set(parts)
    assert "LGPL-3.0" in parts["PySide6-Essentials"].licence
    assert parts["numpy"].licence.startswith("BSD-3-Clause")
    assert parts["scipy"].licence == "BSD License"
    assert all(part.version and part.licence and len(part.licence) < 80 for part in parts.values())
    assert installed_parts(["no-such-package"]) == []
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[<>=]", text)[0] for text in needed} == set(PARTS)
    window.actions_.about.trigger()
    about = window.findChild(AboutDialog)
    assert about.parts.topLevelItemCount() == len(parts)
    about.close()


def test_dialogs_stay_on_a_small_screen(window):
    for action in (window.actions_.guide, window.actions_.about, window.actions_.shortcuts):
        action.trigger()
    room = window.screen().availableSize()
    dialogs = [dialog for dialog in window.findChildren(QDialog) if dialog.isVisible()]
    assert len(dialogs) >= 3
    for dialog in dialogs:
        assert dialog.size() == dialog.size().boundedTo(room), type(dialog).__name__
        dialog.close()
