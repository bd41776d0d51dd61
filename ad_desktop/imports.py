"""Libraries that take seconds to import, imported so that a cancel is heard meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from importlib import import_module

from ad_desktop.task import Task

LOOK_SECONDS = 0.05
"""How often the task is looked at."""
OPTIMISER = "torch._dynamo"
"""What torch imports when the first optimiser is made, although nothing here is compiled."""


def imported(names: Sequence[str], task: Task) -> None:
    """Import modules by name in a thread of their own, looking at ``task`` until they are there.

    After ``Cancelled`` that thread goes on to its end, and whoever needs the modules next waits for it. Errors are
    those of the imports.
    """
    task.check()
    missing = [name for name in names if not _is_there(name)]
    if not missing:
        return
    done: Future[None] = Future()
    threading.Thread(target=_import_all, args=(missing, done), name="imports", daemon=True).start()
    while not done.done():
        task.check()
        wait([done], LOOK_SECONDS)
    task.check()
    done.result()


def _import_all(names: Sequence[str], done: Future[None]) -> None:
    try:
        for name in names:
            import_module(name)
    except BaseException as error:  # for whoever waits
        done.set_exception(error)
    else:
        done.set_result(None)


def _is_there(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and not getattr(module.__spec__, "_initializing", False)
