"""What is exported: one record per scored picture, one row per input."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class OverlayStyle:
    """How an overlay looks.

    ``colour_map``: one of ``colour.COLOUR_MAPS``. ``opacity``: 0–1, reached at the map's threshold.
    ``map_range``: the map values at the two ends of the colour map; one range for a whole export makes
    its pictures comparable. None: 0 to twice the threshold, or the map's own range where there is no
    positive threshold. ``contour``: outline what lies above the threshold.
    """

    colour_map: str = "inferno"
    opacity: float = 0.6
    map_range: tuple[float, float] | None = None
    contour: bool = True


@dataclass(frozen=True)
class ExportRecord:
    """One scored picture with all that its files need.

    ``name`` is unique within the export and may hold ``/`` for sub-folders: see ``names.export_names``.
    ``page`` counts from 0, as in ``Sample``. ``pixels`` uint8 H×W or H×W×3, the picture as shown;
    ``anomaly_map`` float32 H×W. ``threshold`` is on ``anomaly_score``, ``map_threshold`` on the map
    (None: there is none). ``model`` names the model that gave the scores. Regions of fewer than ``min_region``
    pixels are not marked.
    """

    name: str
    path: str | Path
    page: int | None
    pixels: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]
    anomaly_score: float
    threshold: float
    map_threshold: float | None
    pred_label: bool
    percentile: float | None = None
    verdict: str = ""
    label: str = ""
    model: str = ""
    min_region: int = 0
    style: OverlayStyle = field(default_factory=OverlayStyle)

    def __post_init__(self) -> None:
        height_width = self.anomaly_map.shape
        if len(height_width) != 2 or self.pixels.shape not in (height_width, (*height_width, 3)):
            raise ValueError(f"anomaly map {height_width} and pixels {self.pixels.shape} do not match")
        if self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels are {self.pixels.dtype}; uint8 is needed")

    @property
    def pred_mask(self) -> NDArray[np.bool_] | None:
        """Where the map is above its threshold, H×W, small regions left out; None where there is no threshold."""
        if self.map_threshold is None:
            return None
        mask = np.asarray(self.anomaly_map > self.map_threshold)
        return without_small(mask, self.min_region) if self.min_region > 1 else mask


@dataclass(frozen=True)
class ResultRow:
    """One line of the tables: an input with its scores, or with ``error``, the reason why it has none.

    ``page`` counts from 1. ``area_fraction`` (0–1) and ``n_regions`` (8-connected) are of the map above
    its threshold, ``peak`` is the map's largest value. ``name`` is the stem of the exported pictures.
    """

    path: str
    page: int | None = None
    label: str = ""
    anomaly_score: float | None = None
    threshold: float | None = None
    pred_label: bool | None = None
    verdict: str = ""
    percentile: float | None = None
    error: str | None = None
    area_fraction: float | None = None
    n_regions: int | None = None
    peak: float | None = None
    name: str | None = None

    def json_object(self) -> dict[str, Any]:
        """The row as a JSON object; JSON knows no NaN or infinity, so such numbers become null."""
        return {key: _json_value(value) for key, value in asdict(self).items()}


def row_of(record: ExportRecord) -> ResultRow:
    """The table row of a scored picture."""
    mask = record.pred_mask
    return ResultRow(
        path=str(record.path),
        page=None if record.page is None else record.page + 1,
        label=str(record.label),
        anomaly_score=float(record.anomaly_score),
        threshold=float(record.threshold),
        pred_label=bool(record.pred_label),
        verdict=record.verdict,
        percentile=None if record.percentile is None else float(record.percentile),
        area_fraction=None if mask is None else float(mask.mean()),
        n_regions=None if mask is None else _count_regions(mask),
        peak=float(np.fmax.reduce(record.anomaly_map, axis=None)),
        name=record.name,
    )


def without_small(mask: NDArray[np.bool_], min_region: int) -> NDArray[np.bool_]:
    """The mask (H, W) without its 8-connected regions of fewer than ``min_region`` pixels."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3), bool))
    kept = np.bincount(labels.ravel()) >= min_region
    kept[0] = False
    return np.asarray(kept[labels])


def _count_regions(mask: NDArray[np.bool_]) -> int:
    if not mask.any():
        return 0
    from scipy import ndimage

    return int(ndimage.label(mask, structure=np.ones((3, 3), bool))[1])


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
