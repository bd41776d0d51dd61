"""Imports point one way, and nothing below the jobs knows Qt."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import ad_desktop

ROOT = Path(__file__).parents[1]
ABOVE = ("ad_desktop.app", "ad_desktop.ui", "ad_desktop.jobs")
QT = ("PySide6", "shiboken6", "pyqtgraph", "qtawesome")

LOOK = """
import importlib, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(",".join(sorted({module.partition(".")[0] for module in sys.modules})))
"""


def modules() -> list[str]:
    found = pkgutil.walk_packages(ad_desktop.__path__, "ad_desktop.")
    return [module.name for module in found if not module.name.startswith(ABOVE)]


def test_the_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_everything_below_the_jobs_imports_without_qt() -> None:
    names = modules()
    assert len(names) > 60
    assert {"ad_desktop.__main__", "ad_desktop.cli.commands", "ad_desktop.workflows.sample"} <= set(names)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOK, ",".join(names)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not set(QT) & set(done.stdout.strip().split(","))


def test_no_module_outgrows_a_screenful_of_screens() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "ad_desktop").rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert not long
