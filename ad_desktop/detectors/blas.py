"""Keeps the linear algebra library to one thread, for many small products."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@functools.cache
def limit_threads() -> None:
    """One thread per linear algebra call, in the whole process and for good.

    Matrices here are small: a second thread saves little on an idle machine, and on a busy one the
    threads wait for each other (thirty times slower was seen). While they wait they keep a core busy, which
    made predicting with maps take half as much processor time again. It also keeps the last digits the
    same. For good, because two threads that limit and restore the process's one setting undo each other.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")


def single_threaded(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Limit the threads of linear algebra before ``function`` runs; see ``limit_threads``."""

    @functools.wraps(function)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        limit_threads()
        return function(*args, **kwargs)

    return limited
