"""How the program starts, and what it needs for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from program import ROOT, Run, start

import ad_desktop
from ad_desktop import __main__ as entry
from ad_desktop.__main__ import main
from ad_desktop.cli.main import COMMANDS

HEAVY = ("numpy", "PIL", "scipy", "sklearn", "torch", "torchvision", "timm", "onnxruntime", "rich", "PySide6")

LOOK = f"""
import sys, time
from ad_desktop.__main__ import main
codes = [main(line.split("|")) for line in sys.argv[1:]]
loaded = [name for name in {HEAVY!r} if name in sys.modules]
print(codes, loaded, time.process_time(), sep="\\n", file=sys.stderr)
"""


def look(*lines: str) -> tuple[list[int], set[str], float]:
    """Exit codes of calls in one fresh process, the heavy packages it loaded, and its processor time in seconds."""
    done = start("-c", LOOK, *lines)
    assert done.returncode == 0, done.stderr
    codes, loaded, seconds = done.stderr.splitlines()
    return eval(codes), set(eval(loaded)), float(seconds)  # noqa: S307 - printed above


def test_all_help_needs_no_heavy_package_and_half_a_second() -> None:
    codes, loaded, seconds = look("--help", "--version", *(f"{command}|--help" for command in COMMANDS))
    assert codes == [0] * (2 + len(COMMANDS))
    assert not loaded
    assert seconds < 0.5


def test_wrong_use_is_told_without_heavy_packages() -> None:
    done = start("-c", LOOK, "fit", "fit|pictures", "--nonsense", "predict|model")
    assert "[2, 2, 2, 2]\n[]\n" in done.stderr


def test_predict_with_a_known_network_needs_neither_torch_nor_sklearn_nor_qt(model: Path, world: Path) -> None:
    codes, loaded, _ = look(f"predict|{model}|{world / 'check'}|--json")
    assert codes == [0]
    assert not loaded & {"torch", "torchvision", "timm", "sklearn", "PySide6", "rich"}


def test_fit_update_and_export_never_load_qt_and_say_nothing_on_the_side(
    model: Path, world: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.adm"
    codes, loaded, _ = look(
        f"fit|{world / 'good'}|--out|{own}|--set|image_size=64",
        f"update|{own}|--add|{world / 'check' / 'ok 0.png'}",
        f"predict|{own}|{world / 'check'}|--out|{tmp_path / 'results'}",
        f"evaluate|{own}|{world / 'set'}",
    )
    assert codes == [0, 0, 0, 0]
    assert "PySide6" not in loaded
    assert "torch" not in loaded


def test_the_module_runs_and_knows_its_version() -> None:
    done = start("-m", "ad_desktop", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ad-desktop {ad_desktop.__version__}\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_of_a_command_begins_with_its_own_name(command: str, run: Run) -> None:
    call = run(command, "--help")
    assert call.code == 0
    assert call.out.startswith(f"usage: ad-desktop {command} [-h]")


def test_help_tells_commands_exit_codes_and_streams(run: Run) -> None:
    out = run("--help").out
    for word in (*COMMANDS, "0 all done", "1 finished", "2 wrong use", "standard error"):
        assert word in out


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
@pytest.mark.parametrize("arguments", [[], ["some folder"], ["fitt"]])
def test_without_a_display_the_window_is_refused_with_advice(
    arguments: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    call = run(*arguments)
    assert call.code == 2
    assert call.out == ""
    assert "no display" in call.err
    assert "ad-desktop --help" in call.err


def test_with_a_display_paths_and_the_sample_open_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[list[str], bool]] = []

    def open_window(paths: list[str], sample: bool = False) -> int:
        opened.append((paths, sample))
        return 0

    monkeypatch.setattr(entry, "has_display", lambda: True)
    monkeypatch.setattr(entry, "_open_window", open_window)
    for arguments in ([], ["a", "b c.png"], ["sample"]):
        assert main(arguments) == 0
    assert opened == [([], False), (["a", "b c.png"], False), ([], True)]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end differently there")
@pytest.mark.parametrize("json", [True, False])
def test_a_reader_that_leaves_early_is_no_error(json: bool, model: Path, world: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ad_desktop", "predict", model, world / "check", *(["--json"] if json else [])],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
