"""Results, messages and progress on a terminal, in a pipe and in a narrow encoding."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import time

import pytest

from ad_desktop.cli import commands
from ad_desktop.cli.console import put, put_json, put_table, say_failures, shown
from ad_desktop.cli.main import main
from ad_desktop.data.samples import Failure
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


def work(task: Task) -> None:
    with shown(task):
        task.report("Learning", 3, 10)
        task.note("By the way.")
        time.sleep(0.35)


def test_progress_is_drawn_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work(Task())
    assert capsys.readouterr() == ("", "By the way.\n")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    work(Task())
    assert "Learning" in terminal.text
    assert "3 of 10" in terminal.text
    assert terminal.text.endswith("By the way.\n")
    assert capsys.readouterr().out == ""


def test_json_has_no_numbers_that_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    put_json({"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": (-float("inf"), "é")}})
    assert capsys.readouterr().out == '{"a": null, "b": [1.5, null], "c": {"d": [null, "é"]}}\n'


def test_json_survives_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"path": "dé\udcff/点.png"}
    for encoding in ("ascii", "cp1252", "utf-8"):
        terminal = Terminal(encoding)
        monkeypatch.setattr(sys, "stdout", terminal)
        put_json(facts)
        assert json.loads(terminal.text) == facts


def test_words_survive_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    put("dé")
    put_table(("Path", "Score"), [("dé", "1")])
    assert terminal.text.startswith("d\\xe9\n")
    assert terminal.text.isascii()


def test_tables_are_as_wide_as_they_need_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    path, reason = "a" * 150, "[red]no markup[/red] " * 10
    put_table(("Path", "Score", "Verdict"), [(path, "1.25", "good"), ("b", "-13", reason)], "Results")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Results"
    assert len(lines) == 7
    assert any(path in line for line in lines)
    assert any(reason.strip() in line for line in lines)
    assert any("│  1.25 │" in line for line in lines)


def test_failures_are_said_with_path_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    say_failures([Failure("a.png", "it is empty"), Failure("b.png", "it is gone")])
    assert capsys.readouterr() == ("", "a.png: it is empty\nb.png: it is gone\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt, Cancelled])
def test_an_interrupt_is_told_in_a_line(
    error: type[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object) -> int:
        raise error

    monkeypatch.setattr(commands, "run_info", stopped)
    assert main(["info"]) == 2
    assert capsys.readouterr() == ("", "ad-desktop: stopped; nothing that was not finished is kept.\n")


def test_trouble_of_the_system_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(Terminal):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["info", "--detector", "gaussian-ad", "--json"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ad-desktop: the system refused: ")
    assert "No space left" in err
    assert err.count("\n") == 1


def test_a_fault_of_the_program_is_not_taken_for_finished_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(commands, "run_info", broken)
    assert main(["info"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "ZeroDivisionError: oh" in err
    assert "Please report it" in err
