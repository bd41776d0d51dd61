"""Keeps the linear algebra library to one thread, for many small products."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@functools.cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401 - brings its own library, which must be loaded to be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def single_threaded(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run ``function`` with one thread per linear algebra call.

    Matrices here are small: a second thread saves little on an idle machine, and on a busy one the
    threads wait for each other (thirty times slower was seen). It also keeps the last digits the same.
    """

    @functools.wraps(function)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
