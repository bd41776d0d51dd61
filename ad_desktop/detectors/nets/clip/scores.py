"""From features and text vectors to probabilities, maps and scores. Numpy only."""

from __future__ import annotations

import numpy as np

from ad_desktop.detectors.base import Array, FloatArray
from ad_desktop.detectors.upsample import upsample

TEMPERATURE = 0.07


def unit(vectors: Array) -> FloatArray:
    """Vectors (…, d) at length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def abnormal_share(features: Array, text: Array) -> FloatArray:
    """Probability (…) that features (…, d) are abnormal: softmax of cosines with ``text`` (2, d) over 0.07."""
    logits = unit(features) @ text.T / np.float32(TEMPERATURE)
    return np.asarray(1 / (1 + np.exp(logits[..., 0] - logits[..., 1])), np.float32)


def picture_score(rule: str, whole: float, grid: FloatArray, side: int, smoothing: float, share: float) -> float:
    """The score of one picture in [0, 1] by ``rule``; the map is the one at the network's input size.

    ``smoothing`` in cells of the ``grid``; ``share`` of the map's pixels counts for map-top.
    """
    if rule == "image":
        return whole
    smooth = upsample(grid, (side, side), smoothing, mirrored=True)
    peak = float(smooth.max())
    if rule == "map-max":
        return peak
    if rule == "mean":
        return (whole + peak) / 2
    count = max(1, round(share * smooth.size))
    return float(np.partition(smooth.ravel(), smooth.size - count)[-count:].mean())
