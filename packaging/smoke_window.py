"""The window of a frozen bundle on a display of its own: started, looked at, ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageGrab


class Display:
    """A fresh X display with a window manager, if there is one."""

    def __enter__(self) -> str:
        read, write = os.pipe()
        self._processes = [subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1440x900x24", "-nolisten", "tcp", "-ac"],
            pass_fds=[write], stderr=subprocess.DEVNULL,
        )]  # fmt: skip
        os.close(write)
        with os.fdopen(read) as answer:
            name = f":{answer.readline().strip()}"
        if shutil.which("openbox"):
            environment = {**os.environ, "DISPLAY": name}
            self._processes.append(subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL))
        return name

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)


def run_window(program: Path, like: Any, display: str, pictures: Path) -> str:
    """Open the window on the sample, wait for verdicts, keep a picture of it, and close it; what was seen.

    ``like`` gives home, working directory, environment and user.
    """
    process, started = _start(program, like, "sample", DISPLAY=display), time.monotonic()
    try:
        _wait(lambda: _painted(display), 60, "a window", process)
        shown, worked = time.monotonic() - started, _cpu_seconds(process.pid)
        ImageGrab.grab(xdisplay=display).save(pictures / "smoke-window-open.png")
        _wait(lambda: _red(display) > 200, 300, "verdicts in the list", process)
        time.sleep(2)
        ImageGrab.grab(xdisplay=display).save(pictures / "smoke-window.png")
    finally:
        said = _end(process)
    if said:
        raise AssertionError(f"standard error: {said}")
    return f"on screen after {shown:.1f} s ({worked:.1f} s of processor time); see {pictures / 'smoke-window.png'}"


def run_offscreen(program: Path, like: Any) -> str:
    """The window without a display, for a while."""
    process = _start(program, like, "sample", QT_QPA_PLATFORM="offscreen")
    try:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"it ended: {process.communicate()}")
            time.sleep(0.5)
    finally:
        said = _end(process)
    # Qt's offscreen platform says this of itself, frozen or not.
    lines = [line for line in said.splitlines() if "does not support propagateSizeHints" not in line]
    if lines:
        raise AssertionError(f"standard error: {said}")
    return "ran for 15 s and closed when asked to"


def _start(program: Path, like: Any, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    # Every desktop session has a language; Qt complains of its lack.
    return subprocess.Popen(
        [str(program), *arguments], env={"LANG": "C.UTF-8", **like.environment, **more}, cwd=like.cwd,
        user=like.user, group=like.user, extra_groups=None if like.user is None else [],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> str:
    """Close politely; everything that was said. Anything but exit code 0 is an error."""
    process.terminate()
    output, errors = process.communicate(timeout=60)
    if process.returncode:
        raise AssertionError(f"exit code {process.returncode}: {errors.decode()}")
    return (output + errors).decode()


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process so far: on a busy machine it tells more than the clock."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _painted(display: str) -> bool:
    pixels = np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"))[::4, ::4].reshape(-1, 3)
    return len(np.unique(pixels, axis=0)) > 50


def _red(display: str) -> int:
    pixels = np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"))[:, :500].astype(int)
    return int(((pixels[..., 0] - pixels[..., 2]) > 60).sum())


def _wait(true: Callable[[], bool], seconds: float, what: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if process.poll() is not None:
            raise AssertionError(f"it ended: {process.communicate()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.2)
