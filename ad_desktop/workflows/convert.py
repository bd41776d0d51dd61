"""What scans are, as facts, and scans written as NIfTI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.samples import Failure
from ad_desktop.data.volumes.opening import SeriesInfo, find_volumes, load_volume
from ad_desktop.data.volumes.saving import SUFFIXES, save_nifti
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task

__all__ = ["convert", "describe_series", "series_facts", "volume_facts"]


def describe_series(paths: Sequence[Path], task: Task | None = None) -> tuple[list[dict[str, Any]], list[Failure]]:
    """Facts of each scan below ``paths``, its values included, and the inputs that cannot be used."""
    listing = find_volumes(paths, task)
    return [series_facts(info, task) for info in listing.series], listing.failures


def series_facts(info: SeriesInfo, task: Task | None = None) -> dict[str, Any]:
    """Facts of one scan, JSON-able: sizes and spacings (x, y, z) in mm; an ``error`` where it cannot be read."""
    sample = info.sample
    facts: dict[str, Any] = {
        "path": str(sample.path), "series": sample.series, "part": None if sample.part is None else sample.part + 1,
        "modality": info.modality, "description": info.description, "patient": info.patient, "study": info.study,
        "date": info.date, "slices": info.slices, "size": list(info.shape[::-1]),
        "spacing": [round(step, 6) for step in info.spacing[::-1]], "orientation": info.orientation,
        "unit": info.unit, "minimum": None, "mean": None, "maximum": None, "warnings": list(info.warnings), "facts": {},
    }  # fmt: skip
    try:
        volume = load_volume(sample, task)
    except InputError as error:
        return {**facts, "error": error.reason}
    return {**facts, **volume_facts(volume)}


def volume_facts(volume: Volume) -> dict[str, Any]:
    """Facts of a scan that was read; size and spacing in the order (x, y, z)."""
    facts: dict[str, Any] = {
        "modality": volume.modality, "size": list(volume.shape[::-1]),
        "spacing": [round(step, 6) for step in volume.spacing[::-1]], "orientation": volume.orientation,
        "minimum": None, "mean": None, "maximum": None,
    }  # fmt: skip
    finite = volume.array[np.isfinite(volume.array)] if volume.array.dtype.kind == "f" else volume.array
    if finite.size:
        facts |= {
            "minimum": float(finite.min()),
            "mean": float(finite.mean(dtype=np.float64)),
            "maximum": float(finite.max()),
        }
    return {**facts, "unit": volume.unit, "warnings": list(volume.warnings), "facts": dict(volume.facts)}


def convert(
    path: Path, target: Path, series: str | None = None, unit: str | None = None, task: Task | None = None
) -> Volume:
    """Write one scan as NIfTI and return it.

    ``series`` is a SeriesInstanceUID, or the number (from 1) of a scan in the list; ``UserError`` lists the scans
    if it is needed and missing. ``unit`` as for ``load_volume``.
    """
    if not target.name.lower().endswith(SUFFIXES):
        raise UserError(f"{target}: the name has to end in .nii or .nii.gz.")
    listing = find_volumes([path], task)
    if not listing.series:
        first = next(iter(listing.failures), Failure(str(path), "it holds no scan"))
        raise InputError(first.path, first.reason)
    volume = load_volume(_chosen(listing.series, path, series).sample, task, unit)
    save_nifti(volume, target)
    return volume


def _chosen(found: Sequence[SeriesInfo], path: Path, series: str | None) -> SeriesInfo:
    if series is None:
        choices = list(found)
    elif series.isdigit() and 1 <= int(series) <= len(found):
        choices = [found[int(series) - 1]]
    else:
        choices = [info for info in found if info.sample.series == series]
    if len(choices) == 1:
        return choices[0]
    what = "holds several scans" if series is None else f"holds {'several parts' if choices else 'no scan'} {series}"
    lines = "\n".join(f"  {number}  {_line(info)}" for number, info in enumerate(found, 1))
    raise UserError(f"{path} {what}; choose one with --series NUMBER:\n{lines}")


def _line(info: SeriesInfo) -> str:
    size = " × ".join(map(str, info.shape[::-1]))
    return f"{info.sample.name}  {info.modality or '–'}  {size}  {info.sample.series or info.sample.path}"
