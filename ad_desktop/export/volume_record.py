"""What is exported of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.region import VolumeRegion
from ad_desktop.data.volumes.volume import Volume


@dataclass(frozen=True)
class VolumeRecord:
    """One scored scan with all that its files need; ``path`` is the scan's own.

    ``anomaly_map`` float32 and ``labels`` int16 (numbers of the ``regions``, 0 elsewhere) lie on the voxels
    (z, y, x) of ``volume``. ``slice_scores`` are along ``axis``, NaN where a slice was passed over. ``map_threshold``
    is None where there is none. ``model`` is the detector's title. ``residual`` float32 is the scan less its healthy
    appearance, in the scan's unit, for methods that paint one. ``remark`` is what should be known of the scan,
    ``by_hand`` how many regions of the healthy version the user had painted.
    """

    path: str
    volume: Volume
    anomaly_map: NDArray[np.float32]
    labels: NDArray[np.int16]
    regions: Sequence[VolumeRegion]
    anomaly_score: float
    threshold: float
    map_threshold: float | None
    pred_label: bool
    percentile: float | None = None
    slice_scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    slice_threshold: float | None = None
    axis: str = "axial"
    model: str = ""
    residual: NDArray[np.float32] | None = None
    remark: str = ""
    by_hand: int = 0

    def __post_init__(self) -> None:
        if not self.volume.shape == self.anomaly_map.shape == self.labels.shape:
            raise ValueError(
                f"scan {self.volume.shape}, map {self.anomaly_map.shape} and labels {self.labels.shape} do not match"
            )

    def facts(self) -> dict[str, Any]:
        """The scores, JSON-able."""
        return {
            "path": self.path, "anomaly_score": self.anomaly_score, "threshold": self.threshold,
            "pred_label": self.pred_label, "percentile": self.percentile, "map_threshold": self.map_threshold,
            "axis": self.axis, "slice_threshold": self.slice_threshold,
            "slice_scores": [float(s) if np.isfinite(s) else None for s in self.slice_scores], "model": self.model,
            "remark": self.remark, "painted_by_hand": self.by_hand,
            "note": "Research use only. Positions are LPS in mm.",
        }  # fmt: skip
