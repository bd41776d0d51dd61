"""How the program starts itself again, frozen and not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ad_desktop import program


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ad-desktop-window"))
    return tmp_path


def test_unfrozen_it_is_this_python_and_this_package(tmp_path: Path) -> None:
    command = program.helper_command("--version", python_options=["-W", "error"])
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the user was taken for a library')")
    done = subprocess.run(
        command, cwd=tmp_path, env=program.helper_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ad-desktop ")


def test_frozen_a_helper_is_the_console_program_wherever_it_is_started_from(frozen: Path) -> None:
    assert program.helper_command("--flag") == [str(frozen / "ad-desktop-window"), "--flag"]
    (frozen / "ad-desktop").touch()
    assert program.helper_command("--flag", python_options=["-W", "error"]) == [str(frozen / "ad-desktop"), "--flag"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="libraries are found otherwise there")
@pytest.mark.parametrize("before", ["/opt/theirs", None])
def test_frozen_the_library_path_of_the_start_does_not_reach_other_programs(
    frozen: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(frozen / "_internal"))
    if before is None:
        monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    else:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    program.restore_library_path()
    assert os.environ.get("LD_LIBRARY_PATH") == before
    # A helper's start must then set it anew, and not believe that it is set.
    assert program.helper_environment()["PYINSTALLER_RESET_ENVIRONMENT"] == "1"


def test_unfrozen_the_library_path_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/mine")
    program.restore_library_path()
    assert os.environ["LD_LIBRARY_PATH"] == "/opt/mine"
