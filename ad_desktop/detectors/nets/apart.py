"""Has a helper make something in a process of its own, whose memory, warnings and imports end with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from ad_desktop.errors import WeightsError
from ad_desktop.program import helper_command, helper_environment
from ad_desktop.task import Task

WEIGHTS_ERROR = 3
"""Exit code of a helper that prints what is wrong with the weights."""

_POLL_SECONDS = 0.1


class ExportError(Exception):
    """No graph could be made; torch has to run the network itself."""


def run_apart(helper: str, arguments: Any, message: str, task: Task) -> str:
    """Start ``helper`` with the JSON of ``arguments`` and return the last line it printed.

    ``message`` is what ``task`` reports meanwhile. Raises ``WeightsError`` with that line if the exit code is
    ``WEIGHTS_ERROR``, ``ExportError`` for any other failure, and ``Cancelled``.
    """
    if not sys.executable:
        raise ExportError("no Python interpreter to run the exporter")
    task.check()
    command = helper_command(helper, json.dumps(arguments), python_options=["-W", "ignore"])
    try:
        child = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=helper_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ExportError(str(error)) from error
    output, noise = _wait(child, message, task)
    if child.returncode == WEIGHTS_ERROR:
        raise WeightsError(_last_line(output))
    if child.returncode:
        raise ExportError(_last_line(noise) or f"the exporter ended with code {child.returncode}")
    return _last_line(output)


def answer(work: Callable[[], str]) -> int:
    """What the helper itself runs: print what ``work`` returns, or what went wrong, as ``run_apart`` expects it."""
    try:
        said = work()
    except WeightsError as error:
        sys.stdout.write(f"{error}\n")
        return WEIGHTS_ERROR
    except Exception as error:  # told here: a frozen program has last words of its own
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


def _wait(child: subprocess.Popen[bytes], message: str, task: Task) -> tuple[bytes, bytes]:
    try:
        while True:
            task.report(message)
            try:
                return child.communicate(timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
