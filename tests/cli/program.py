"""The program as a script calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SMALL = ("--set", "image_size=64")


@dataclass
class Call:
    """What one call of the program gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines, read strictly."""
        return [json.loads(line, parse_constant=_refuse) for line in self.out.splitlines()]

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as the one JSON object that it has to be."""
        [line] = self.lines
        return line


Run = Callable[..., Call]


def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments`` in a process of its own, where any warning is an error."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
