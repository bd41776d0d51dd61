"""How soon AutoPaint ends once it is cancelled: while it fits, and while it scores real scans; see README.md.

Usage: bench_cancel.py MODEL SCAN [MODEL SCAN ...] [--fit FOLDER] [--at SECONDS]

A job ends at the next look at its task. Each run is gone through once with all looks noted, which gives the longest
stretch without one, and again with a request in the middle of that stretch: the seconds from there to the job's end.
The very first run in the process imports the libraries, too; with ``--at`` it is the only one, and cancelled after so
many seconds. FOLDER holds normal scans; 15 of them are fitted on, with few steps. SCAN is a NIfTI file or a folder with
one series. Set OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.opening import find_volumes
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model

Job = Callable[[Task], None]


class Noted(Task):
    """Notes when the thread that works looks whether it is to stop, and with what it was busy."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[tuple[float, str]] = []
        self._thread = threading.get_ident()

    def check(self) -> None:
        super().check()
        if threading.get_ident() == self._thread:
            self.looks.append((time.monotonic(), self.progress.message))


def longest(job: Job) -> tuple[float, float, str, float]:
    """Seconds of the longest stretch without a look, when it began, with what, and how long all took."""
    task = Noted()
    start = time.monotonic()
    job(task)
    end = time.monotonic()
    looks = [(start, "start"), *task.looks, (end, "")]
    gap, begin, what = max((b[0] - a[0], a[0] - start, a[1]) for a, b in pairwise(looks))
    return gap, begin, what, end - start


def ended_after(job: Job, wait: float) -> float:
    """Seconds from a request ``wait`` seconds after the start until the job has ended; 0 where it was faster."""
    task, ended = Task(), []

    def run() -> None:
        try:
            job(task)
        except Cancelled:
            ended.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(wait)
    asked = time.monotonic()
    task.cancel()
    thread.join()
    return ended[0] - asked if ended else 0.0


def show(name: str, job: Job, at: float | None) -> None:
    """Print a run, or what comes of cancelling the first one ``at`` so many seconds."""
    if at is not None:
        print(f"{name}: ended {ended_after(job, at):.2f} s after a request at {at:.1f} s")
        return
    gap, begin, what, whole = longest(job)
    times = [ended_after(job, begin + share * gap) for share in (0.1, 0.5)]
    print(
        f"{name}: {whole:.1f} s in all, longest stretch without a look {gap:.2f} s ({what!r} at {begin:.1f} s), ended "
        f"{' and '.join(f'{t:.2f}' for t in times)} s after requests in it",
        flush=True,
    )


def scoring(model: Path, scan: Path) -> Job:
    """Opens a model and scores a scan with it."""
    sample = find_volumes([scan]).series[0].sample if scan.is_dir() else VolumeSample(scan)
    return lambda task: [None for _ in predict(load_model(model, "cpu", task), [sample], task)].clear()


def fitting(folder: Path) -> Job:
    """Fits on a few scans for a few steps."""
    samples = [VolumeSample(path) for path in sorted(folder.glob("*.nii.gz"))[:15]]

    def job(task: Task) -> None:
        with tempfile.TemporaryDirectory() as name:
            params = {"steps": 4, "checkpoint": f"{name}/kept.safetensors"}
            fit(samples, FitOptions(detector="autopaint", params=params), task)

    return job


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--fit", type=Path)
    parser.add_argument("--at", type=float)
    options = parser.parse_args(argv)
    if options.fit:
        show(f"fit on {options.fit}", fitting(options.fit), options.at)
    for model, scan in zip(options.files[::2], options.files[1::2], strict=True):
        show(f"{model.name} on {scan.name}", scoring(model, scan), options.at)


if __name__ == "__main__":
    main()
