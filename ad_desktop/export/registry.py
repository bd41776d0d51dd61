"""Finds the writers: a new file in ``writers`` with ``EXPORTER`` in it is a new kind of export."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ad_desktop.export import writers
from ad_desktop.export.record import ExportRecord, ResultRow
from ad_desktop.export.volume_record import VolumeRecord


@dataclass(frozen=True)
class SampleExporter:
    """Writes one file per sample: ``folder``/name``suffix``.

    ``kind`` names it on the command line, ``title`` to people. ``write`` gets a record and the path of
    a temporary file with the right suffix, and leaves the finished bytes there; ``UserError`` if the
    record lacks what it needs.
    """

    kind: str
    title: str
    folder: str
    suffix: str
    write: Callable[[ExportRecord, Path], None]


@dataclass(frozen=True)
class TableExporter:
    """Writes one table of all rows, ``file_name``. ``kind``, ``title``, ``write`` as in ``SampleExporter``."""

    kind: str
    title: str
    file_name: str
    write: Callable[[Sequence[ResultRow], Path], None]


def every_scan(record: VolumeRecord) -> bool:
    """Meant for all scans."""
    return True


@dataclass(frozen=True)
class VolumeExporter:
    """Writes one file per scan, name/``file_name``. ``kind``, ``title``, ``write`` as in ``SampleExporter``.

    A kind that pictures have, too, is the same thing in a form for scans. Scans that are not ``meant`` are passed over.
    """

    kind: str
    title: str
    file_name: str
    write: Callable[[VolumeRecord, Path], None]
    meant: Callable[[VolumeRecord], bool] = every_scan


@cache
def volume_exporters() -> dict[tuple[str, str], VolumeExporter]:
    """All writers of one file per scan, by kind and file name."""
    return {(e.kind, e.file_name): e for e in _found() if isinstance(e, VolumeExporter)}


@cache
def sample_exporters() -> dict[str, SampleExporter]:
    """All writers of one file per sample, by kind."""
    return {e.kind: e for e in _found() if isinstance(e, SampleExporter)}


@cache
def table_exporters() -> dict[str, TableExporter]:
    """All writers of tables, by kind."""
    return {e.kind: e for e in _found() if isinstance(e, TableExporter)}


def _found() -> list[object]:
    modules = sorted(module.name for module in pkgutil.iter_modules(writers.__path__))
    return [importlib.import_module(f"{writers.__name__}.{name}").EXPORTER for name in modules]
