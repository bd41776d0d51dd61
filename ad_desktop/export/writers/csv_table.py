"""Results as CSV for spreadsheets: commas, CRLF line ends (RFC 4180), UTF-8 with a byte order mark.

Without the mark Excel takes the file for the local 8-bit code page and spoils every name beyond ASCII.
Numbers have a decimal point and all their digits. A text that starts with ``=``, ``+``, ``-``, ``@``, a tab or
a line break would run as a formula in a spreadsheet, so it gets an apostrophe in front (the advice of
OWASP); the JSON tables have the text unchanged.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ad_desktop.export.record import ResultRow
from ad_desktop.export.registry import TableExporter

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the last four full-width


def _write(rows: Sequence[ResultRow], path: Path) -> None:
    names = [f.name for f in fields(ResultRow)]
    # A file name may hold bytes that are no text; they show as \udcXX.
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(names)
        for row in rows:
            values = row.json_object()
            writer.writerow([_cell(values[name]) for name in names])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return repr(value)


EXPORTER = TableExporter("csv", "Table (CSV)", "results.csv", _write)
