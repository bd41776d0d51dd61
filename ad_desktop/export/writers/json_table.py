"""Results as one JSON array of objects, UTF-8; numbers that JSON cannot hold are null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ad_desktop.export.record import ResultRow
from ad_desktop.export.registry import TableExporter


def _write(rows: Sequence[ResultRow], path: Path) -> None:
    text = json.dumps([row.json_object() for row in rows], ensure_ascii=False, allow_nan=False, indent=1)
    # A file name may hold bytes that are no text; \udcXX is their JSON escape.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace", newline="\n")


EXPORTER = TableExporter("json", "Table (JSON)", "results.json", _write)
