"""Start of the command line: ``ad-desktop --help`` takes less than 0.5 s of processor time."""

from __future__ import annotations

import sys

from common import ChildCost, Report, child

REPEATS = 7


def _least(*arguments: str) -> ChildCost:
    found = [child(*arguments) for _ in range(REPEATS)]
    return ChildCost(min(c.wall for c in found), min(c.cpu for c in found), min(c.peak for c in found))


def main() -> int:
    """Measure, print, and return the exit code."""
    report = Report(f"Start (least of {REPEATS})")
    report.milliseconds("Python alone", _least("-c", "pass"))
    told = _least("-m", "ad_desktop", "--help")
    report.milliseconds("ad-desktop --help", told)
    report.bar("--help, seconds of CPU", told.cpu, 0.5)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
