from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_COUNT = """
import numpy as np
from threadpoolctl import threadpool_info
from ad_desktop.detectors.blas import single_threaded
threads = lambda: [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
@single_threaded
def inside(a, *, b):
    "Its words."
    return threads(), a + b
np.ones((2, 2)) @ np.ones((2, 2))
found, total = inside(1, b=2)
assert total == 3 and inside.__name__ == "inside" and inside.__doc__ == "Its words."
print(found, threads())
"""


def test_linear_algebra_runs_on_one_thread_from_the_first_call_on() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", _COUNT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[1] [1]"
