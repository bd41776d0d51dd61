"""What the benchmarks share: the data, clocks, child processes, and a table that says which bars are met.

Only the standard library is imported here: the peak memory that the system reports for a child is at
least what its parent held when it was started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
sys.path.insert(0, str(ROOT))  # what is measured is this checkout, whatever else is installed

PAUSE = 0.1
"""Seconds between two measurements, so that waiting threads of the one do not count for the other."""


def oracles() -> Path:
    """The folder of oracles: below ``AD_DESKTOP_SHARED``, or below ``shared`` beside the checkout."""
    return _shared("oracles")


def magnetic_tile() -> Path:
    """The data set the bars are set on."""
    return _shared("data/magnetic_tile")


def shared_data() -> Path:
    """The folder of all data."""
    return _shared("data")


def _shared(name: str) -> Path:
    folder = Path(os.environ.get("AD_DESKTOP_SHARED", ROOT.parent / "shared")) / name
    if not folder.is_dir():
        sys.exit("No shared test data: set AD_DESKTOP_SHARED to its folder.")
    return folder


def pictures(*folders: Path) -> list[Path]:
    """All pictures of ``folders`` and the folders below, sorted by path within each."""
    return [path for folder in folders for path in sorted(folder.rglob("*.jpg"))]


def spread(items: Sequence[Path], count: int) -> list[Path]:
    """``count`` of ``items``, evenly spread."""
    return [items[index * len(items) // count] for index in range(count)]


@dataclass(frozen=True)
class Cost:
    """Seconds that something took: on the wall, and on the processor, all threads together."""

    wall: float
    cpu: float


def cost(work: Callable[[], object]) -> Cost:
    """Do ``work`` once, in this process."""
    time.sleep(PAUSE)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def cheapest(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, Cost]:
    """Do all ``works`` in turn, ``rounds`` times; the least wall and the least processor time of each.

    In turn, so that whatever else the machine does meets all of them; the least, because others can only add.
    """
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(cost(work))
    return {name: Cost(min(c.wall for c in costs), min(c.cpu for c in costs)) for name, costs in found.items()}


@dataclass(frozen=True)
class ChildCost:
    """What a child process took, itself and those it waited for: seconds, and bytes at its peak."""

    wall: float
    cpu: float
    peak: int


def child(*arguments: str | Path, env: dict[str, str] | None = None) -> ChildCost:
    """Run this Python with ``arguments`` from the checkout's folder; leaves if it fails."""
    command = [sys.executable, *map(str, arguments)]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    start = time.perf_counter()
    surroundings = {**os.environ, "PYTHONPATH": paths, **(env or {})}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=surroundings)
    assert process.stderr is not None
    noise = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command[:6])} … ended with {process.returncode}:\n{noise.decode(errors='replace')}")
    unit = 1 if sys.platform == "darwin" else 1024
    return ChildCost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


@dataclass
class Report:
    """A table of figures, and of bars with what was reached."""

    title: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    bars: list[tuple[str, float, float]] = field(default_factory=list)
    aims: list[tuple[str, float, float]] = field(default_factory=list)

    def figure(self, name: str, text: str) -> None:
        """Add a figure that has no bar."""
        self.lines.append((name, text))

    def milliseconds(self, name: str, taken: Cost | ChildCost, count: int = 1) -> None:
        """Add processor and wall time, each divided by ``count``."""
        self.figure(name, f"{taken.cpu / count * 1e3:9.2f} ms CPU {taken.wall / count * 1e3:9.2f} ms wall")

    def bar(self, name: str, reached: float, limit: float) -> None:
        """Add something that must not be above ``limit``."""
        self.bars.append((name, reached, limit))

    def aim(self, name: str, reached: float, limit: float) -> None:
        """Add a stricter reading of a bar, which is shown but does not fail the benchmark."""
        self.aims.append((name, reached, limit))

    def finish(self) -> int:
        """Print everything; the exit code is 1 if a bar is missed."""
        width = max(len(name) for name, *_ in [*self.lines, *self.bars, *self.aims])
        print(f"\n{self.title}")
        for name, text in self.lines:
            print(f"  {name:<{width}}  {text}")
        for name, reached, limit in self.bars:
            print(f"  {name:<{width}}  {reached:9.3f} of {limit:g}: {'met' if reached <= limit else 'MISSED'}")
        for name, reached, limit in self.aims:
            print(f"  {name:<{width}}  {reached:9.3f} of {limit:g}: {'met' if reached <= limit else 'not met'} (aim)")
        return int(any(reached > limit for _, reached, limit in self.bars))
