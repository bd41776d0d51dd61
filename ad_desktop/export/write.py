"""Export: the files of one sample, and the tables of all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from ad_desktop.data.atomic import atomic_path, write_error
from ad_desktop.errors import InputError, UserError
from ad_desktop.export.record import ExportRecord, ResultRow
from ad_desktop.export.registry import sample_exporters, table_exporters, volume_exporters
from ad_desktop.export.volume_record import VolumeRecord


def export_sample(record: ExportRecord, folder: Path, kinds: Collection[str]) -> list[Path]:
    """Write the chosen ``kinds`` of files of one sample below ``folder``; returns their paths.

    Each kind has its own folder, in which the record's name with the kind's suffix is written (folders
    are made as needed; files of an earlier export are replaced). Kinds that are not of one file per
    sample are left to ``write_tables``. ``UserError`` for an unknown kind, for a record that lacks what
    a kind needs, and with file and reason where the system refuses.
    """
    _check(kinds)
    name = PurePosixPath(record.name)
    if name.is_absolute() or ".." in name.parts or not name.parts:
        raise ValueError(f"export name {record.name!r} leaves the export folder")
    written = []
    for exporter in sample_exporters().values():
        if exporter.kind in kinds:
            target = folder / exporter.folder / f"{record.name}{exporter.suffix}"
            make_folder(target.parent)
            with atomic_path(target) as temporary:
                exporter.write(record, temporary)
            written.append(target)
    return written


def export_volume(record: VolumeRecord, folder: Path, kinds: Collection[str]) -> list[Path]:
    """Write the chosen ``kinds`` of files of one scan into ``folder``, its own; errors as in ``export_sample``.

    A kind that the scan cannot have is an ``InputError`` once the others are written.
    """
    _check(kinds)
    written = []
    problem: InputError | None = None
    for exporter in volume_exporters().values():
        if exporter.kind in kinds and exporter.meant(record):
            make_folder(folder)
            target = folder / exporter.file_name
            try:
                with atomic_path(target) as temporary:
                    exporter.write(record, temporary)
            except InputError as error:
                problem = problem or error
                continue
            written.append(target)
    if problem is not None:
        raise problem
    return written


def write_tables(rows: Sequence[ResultRow], folder: Path, kinds: Collection[str]) -> list[Path]:
    """Write the chosen ``kinds`` of tables into ``folder``; returns their paths. Errors as in ``export_sample``."""
    _check(kinds)
    written = []
    for exporter in table_exporters().values():
        if exporter.kind in kinds:
            make_folder(folder)
            target = folder / exporter.file_name
            with atomic_path(target) as temporary:
                exporter.write(rows, temporary)
            written.append(target)
    return written


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; ``UserError`` with the reason where the system refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def _check(kinds: Collection[str]) -> None:
    volumes = [kind for kind, _ in volume_exporters()]
    known = list(dict.fromkeys([*sample_exporters(), *table_exporters(), *volumes]))
    unknown = sorted(set(kinds) - set(known))
    if unknown:
        raise UserError(f"Unknown kind of export {unknown[0]!r}. Known: {', '.join(known)}.")
