"""How well anomaly maps find anomalous pixels, on raw values, in memory that does not grow with the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.errors import UserError
from ad_desktop.scoring.histogram import Histogram

# Columns of the histogram.
NORMAL, ANOMALOUS, REGION_SHARE = range(3)


@dataclass(frozen=True)
class PixelResult:
    """Pixel-level metrics, 0–1; None where there are no normal or no anomalous pixels.

    ``auroc``, ``ap`` (average precision) and ``aupro``, the area under the mean region overlap against
    the false-positive rate up to ``aupro_limit``, divided by it. ``n_regions`` is the number of
    8-connected anomalous regions.
    """

    auroc: float | None
    ap: float | None
    aupro: float | None
    aupro_limit: float
    n_regions: int


class PixelMetrics:
    """Pixel AUROC, AP and AUPRO of anomaly maps of any scale, added one by one in any order.

    The per-region overlap (Bergmann et al. 2020) is a mean over regions, so giving each anomalous pixel
    the weight 1/(area of its region) turns it into one more weighted histogram. Values count as they
    are: no clamp, no sigmoid, no rescaling. Exact up to half a million distinct values; beyond that
    the closest values are counted as equal (see ``Histogram``). ``limit`` is the largest
    false-positive rate of AUPRO.
    """

    def __init__(self, limit: float = 0.3) -> None:
        if not 0 < limit <= 1:
            raise ValueError(f"AUPRO limit {limit}: a rate above 0 and up to 1 is needed")
        self._limit = limit
        self._n_regions = 0
        self._histogram = Histogram(columns=3)

    def add(self, anomaly_map: NDArray[np.float32], mask: NDArray[Any], seen: NDArray[Any] | None = None) -> None:
        """Count one image: ``anomaly_map`` float32 H×W, ``mask`` H×W true where anomalous.

        Pixels where ``seen`` (H×W, None: all) is false are left out, as if the picture ended there: a region
        is what is seen of it.

        A mask without any true pixel (a normal image, or a defect nobody outlined) makes all pixels
        normal. ``UserError`` for a mask of another size and for values that are not finite.
        """
        truth = np.asarray(mask, bool)
        if anomaly_map.ndim != 2 or truth.shape != anomaly_map.shape:
            raise UserError(
                f"The mask is {_size(truth)} pixels and the anomaly map {_size(anomaly_map)}; equal sizes are needed."
            )
        values, truth = np.ascontiguousarray(anomaly_map, np.float32).ravel(), truth if seen is None else truth & seen
        if not np.isfinite(values).all():
            raise UserError("The anomaly map has values that are not finite numbers.")
        flat = truth.ravel()
        normal = ~flat if seen is None else ~flat & np.asarray(seen, bool).ravel()
        self._histogram.add(values[normal], NORMAL)
        if not flat.any():
            return
        self._histogram.add(values[flat], ANOMALOUS, REGION_SHARE, self._region_shares(truth))

    def result(self) -> PixelResult:
        """The metrics of everything added so far."""
        reached = np.cumsum(self._histogram.values[:, ::-1], axis=1)
        if not reached.size or not reached[:, -1].all():
            return PixelResult(None, None, None, self._limit, self._n_regions)
        fpr, tpr, overlap = (np.concatenate([[0.0], row / row[-1]]) for row in reached)
        precision = reached[ANOMALOUS] / (reached[ANOMALOUS] + reached[NORMAL])
        return PixelResult(
            auroc=float(np.trapezoid(tpr, fpr)),
            ap=float(np.sum(np.diff(tpr) * precision)),
            aupro=_area_up_to(self._limit, fpr, overlap),
            aupro_limit=self._limit,
            n_regions=self._n_regions,
        )

    def _region_shares(self, truth: NDArray[np.bool_]) -> NDArray[np.float64]:
        """1/(area of its region) for each true pixel, in row order."""
        from scipy import ndimage

        labels, count = ndimage.label(truth, structure=np.ones((3, 3), bool))
        self._n_regions += int(count)
        label_of = labels[truth]
        return np.asarray(1.0 / np.bincount(label_of)[label_of])


def _area_up_to(limit: float, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Area under y(x) from 0 to ``limit``, the last piece cut by interpolation, divided by ``limit``."""
    inside = int(np.searchsorted(x, limit, side="right"))
    cut_x = np.append(x[:inside], limit)
    cut_y = np.append(y[:inside], np.interp(limit, x[inside - 1 : inside + 1], y[inside - 1 : inside + 1]))
    return float(np.trapezoid(cut_y, cut_x) / limit)


def _size(array: NDArray[Any]) -> str:
    return "×".join(map(str, array.shape))
