"""The open library as a small file: which pictures and scans, their labels, and where to look in them.

It holds paths and labels, no pixels, and stays on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ad_desktop.data.atomic import atomic_path
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Label, Sample, VolumeSample
from ad_desktop.errors import InputError, UserError
from ad_desktop.ui.items import Item
from ad_desktop.ui.session import Session

_VERSION = 1


@dataclass(frozen=True)
class Library:
    """What was open; ``model`` is the file that the model in use was opened from or saved to."""

    items: list[Item]
    roi: RegionOfInterest
    min_region: int
    fpr: float
    model: Path | None


def tell(session: Session, model: Path | None) -> dict[str, Any]:
    """The library, JSON-able."""
    return {
        "version": _VERSION,
        "model": None if model is None else str(model.absolute()),
        "fpr": session.fpr,
        "min_region": session.min_region,
        "roi": session.roi.to_json(),
        "items": [_tell_item(item) for item in session.items.values()],
    }


def write(path: Path, told: Mapping[str, Any]) -> None:
    """Write what ``tell`` gave, whole or not at all; safe off the main thread."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(told), encoding="utf-8")


def read(path: Path) -> Library:
    """The library in a file; ``InputError`` where there is none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        model = told["model"]
        return Library(
            [_item(entry) for entry in told["items"]], RegionOfInterest.from_json(told["roi"]),
            int(told["min_region"]), float(told["fpr"]), None if model is None else Path(model),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise InputError(path, f"it holds no library that can be read ({type(error).__name__})") from error


def _tell_item(item: Item) -> dict[str, Any]:
    sample = item.sample
    told: dict[str, Any] = {"path": str(sample.path.absolute()), "label": item.label.value}
    if sample.page is not None:
        told["page"] = sample.page
    if isinstance(sample, VolumeSample):
        told["scan"] = {"series": sample.series, "part": sample.part, "title": sample.title}
    for name in ("folder", "defect"):
        if getattr(item, name):
            told[name] = getattr(item, name)
    if item.mask is not None:
        told["mask"] = str(item.mask.absolute())
    return told


def _item(told: Mapping[str, Any]) -> Item:
    path, page, scan = Path(told["path"]), told.get("page"), told.get("scan")
    sample = Sample(path, page) if scan is None else VolumeSample(path, page, **scan)
    mask = told.get("mask")
    return Item.of(
        sample,
        Label(told["label"]),
        told.get("folder", ""),
        told.get("defect", ""),
        None if mask is None else Path(mask),
    )
