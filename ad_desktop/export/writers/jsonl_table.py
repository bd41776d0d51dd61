"""Results as JSON lines: one object per line, UTF-8; numbers that JSON cannot hold are null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ad_desktop.export.record import ResultRow
from ad_desktop.export.registry import TableExporter


def _write(rows: Sequence[ResultRow], path: Path) -> None:
    # A file name may hold bytes that are no text; \udcXX is their JSON escape.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row.json_object(), ensure_ascii=False, allow_nan=False) + "\n")


EXPORTER = TableExporter("jsonl", "Table (JSON lines)", "results.jsonl", _write)
