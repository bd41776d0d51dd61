"""Peak memory of ``ad-desktop fit`` and ``predict``: below 1.2 GiB, and no more for 700 pictures than for 200.

Each runs in a fresh process. The network has been prepared for onnxruntime before; what that takes, once
on a machine and in a process of its own, is shown beside.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import MIB, ChildCost, Report, child, magnetic_tile, pictures, spread

FEW, MANY = 200, 700
FLAT = 1.1
LIMIT_GIB = 1.2


def _fit(paths: list[Path], model: Path, env: dict[str, str] | None = None) -> ChildCost:
    return child("-m", "ad_desktop", "fit", *paths, "--out", model, env=env)


def _predict(model: Path, paths: list[Path], out: Path) -> ChildCost:
    return child("-m", "ad_desktop", "predict", model, *paths, "--out", out, "--json")


def _show(report: Report, name: str, taken: ChildCost) -> None:
    report.figure(name, f"{taken.peak / MIB:7.0f} MiB  {taken.cpu:6.2f} s CPU {taken.wall:6.2f} s wall")


def main() -> int:
    """Measure, print, and return the exit code."""
    good = pictures(magnetic_tile() / "train" / "good")
    report = Report("Peak memory")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.adm"
        cold = _fit(spread(good, FEW), model, {"AD_DESKTOP_CACHE": str(folder / "cache")})
        _show(report, f"fit, {FEW} pictures, network not prepared yet (process and exporter, the larger)", cold)
        _fit(good[:2], model)  # prepares the network where no fit has run on this machine
        fits = {count: _fit(spread(good, count), model) for count in (FEW, MANY)}
        predicts = {count: _predict(model, spread(good, count), folder / "out") for count in (FEW, MANY)}
    for what, found in (("fit", fits), ("predict with files", predicts)):
        for count, taken in found.items():
            _show(report, f"{what}, {count} pictures", taken)
        report.bar(f"{what}, GiB at its peak", found[MANY].peak / MIB / 1024, LIMIT_GIB)
        report.bar(f"{what}, peak with {MANY} pictures over that with {FEW}", found[MANY].peak / found[FEW].peak, FLAT)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
