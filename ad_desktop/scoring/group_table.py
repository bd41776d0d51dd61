"""Groups of samples from a table: a CSV file with the columns path and group."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from ad_desktop.errors import UserError

DELIMITERS = ",;\t"


def is_table(spec: str) -> bool:
    """Whether a rule for groups names a table."""
    return spec.lower().endswith(".csv") and not spec.startswith("regex:")


def groups_by_table(keys: Sequence[str], table: Path) -> list[str]:
    """The group of each sample key as the table has it; ``UserError`` unless it has all of them.

    A relative path in the table may start at the table's folder or at any folder above the picture.
    Where a path is from another machine, the file name alone decides if it has one group everywhere.
    """
    rows = _read(table)
    full, tails, names = _indexed(rows, table)
    found = [_group_of(key, full, tails, names) for key in keys]
    missing = [key for key, group in zip(keys, found, strict=True) if group is None]
    if missing:
        raise UserError(f"{table}: {len(missing)} pictures have no group there, such as {missing[0]}.")
    return [str(group) for group in found]


def _read(table: Path) -> list[tuple[str, str]]:
    """Path and group of every line that has both."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            delimiter = max(DELIMITERS, key=header.count)
            names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
            rows = list(csv.DictReader(file, names, delimiter=delimiter))
    except UnicodeDecodeError:
        raise UserError(f"{table}: the groups cannot be read. Save the file as CSV in UTF-8.") from None
    except (OSError, csv.Error) as error:
        raise UserError(f"{table}: the groups cannot be read ({error}).") from error
    pairs = [((row.get("path") or "").strip(), (row.get("group") or "").strip()) for row in rows]
    given = [(path, group) for path, group in pairs if path and group]
    if not given:
        raise UserError(f"{table}: a header line with the columns path and group is needed, and a line per picture.")
    return given


def _indexed(
    rows: Sequence[tuple[str, str]], table: Path
) -> tuple[dict[str, str], dict[tuple[str, ...], str], dict[str, set[str]]]:
    """Groups by whole path, by relative path, and by file name."""
    full: dict[str, str] = {}
    tails: dict[tuple[str, ...], str] = {}
    names: dict[str, set[str]] = {}
    for text, group in rows:
        # Written on Windows, read elsewhere.
        path = Path(text.replace("\\", "/") if "/" not in text else text)
        if full.setdefault(_plain(table.absolute().parent / path), group) != group:
            raise UserError(f"{table}: {text} is in two groups there. Keep one of the lines.")
        if not path.is_absolute():
            tails[Path(_plain(path)).parts] = group
        names.setdefault(path.name, set()).add(group)
    return full, tails, names


def _group_of(
    key: str, full: dict[str, str], tails: dict[tuple[str, ...], str], names: dict[str, set[str]]
) -> str | None:
    for text in (key, key.rsplit("#", 1)[0]):
        whole = _plain(text)
        if whole in full:
            return full[whole]
        parts = Path(whole).parts
        for start in range(1, len(parts)):
            if parts[start:] in tails:
                return tails[parts[start:]]
        same_name = names.get(parts[-1], set())
        if len(same_name) == 1:
            return next(iter(same_name))
    return None


def _plain(path: str | Path) -> str:
    return os.path.normcase(os.path.normpath(path))
