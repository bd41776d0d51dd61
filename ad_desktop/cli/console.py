"""What the command line prints: results on standard output, progress and messages on standard error."""

from __future__ import annotations

import json
import math
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ad_desktop.data.samples import Failure
from ad_desktop.task import Task

POLL_SECONDS = 0.1
UNLIMITED = 10_000
_NUMBER = re.compile(r"–|-?[\d.e+-]+( ?%)?(  \(.*\))?")


def say(text: str) -> None:
    """A message on standard error."""
    print(text, file=sys.stderr)  # noqa: T201 - the command line speaks here


def put(text: str) -> None:
    """A line of results on standard output; characters that it cannot show are written as escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201


def put_json(value: Any) -> None:
    """One JSON value on a line of standard output; numbers that JSON does not know become null."""
    finite = _finite(value)
    text = json.dumps(finite, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # A file name that is no text, or a terminal without the letters: JSON has escapes of its own.
        text = json.dumps(finite, allow_nan=False)
    put(text)


def put_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table for people on standard output: numbers to the right, and as wide as it needs in a file or pipe."""
    from rich.console import Console
    from rich.table import Table

    lines = list(rows)
    table = Table(title=title or None, title_justify="left")
    for index, column in enumerate(columns):
        numbers = all(_NUMBER.fullmatch(line[index]) for line in lines)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for line in lines:
        table.add_row(*map(_plain, line))
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else UNLIMITED)
    # Printed by ``put``, as every result: rich has its own way with broken pipes and unknown letters.
    with console.capture() as capture:
        console.print(table)
    put("\n".join(line.rstrip() for line in capture.get().splitlines()))


def say_failures(failures: Sequence[Failure]) -> None:
    """List inputs that could not be used."""
    for failure in failures:
        say(f"{failure.path}: {failure.reason}")


@contextmanager
def shown(task: Task) -> Iterator[Task]:
    """Show a task's progress on standard error while the block runs, if that is a terminal; notes at the end."""
    if sys.stderr.isatty():
        stop = threading.Event()
        thread = threading.Thread(target=_draw, args=(task, stop), daemon=True)
        thread.start()
        try:
            yield task
        finally:
            stop.set()
            thread.join()
    else:
        yield task
    for note in task.notes:
        say(note)


def _draw(task: Task, stop: threading.Event) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None, count="")
        while not stop.wait(POLL_SECONDS):
            now = task.progress
            left = "" if now.seconds_left is None else f", {_duration(now.seconds_left)} left"
            count = f"{now.done} of {now.total}{left}" if now.total else ""
            bars.update(bar, description=now.message, completed=now.done, total=now.total or None, count=count)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
