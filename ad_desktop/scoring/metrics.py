"""How well image scores tell anomalous from normal, on raw scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ad_desktop.errors import UserError


@dataclass(frozen=True)
class ImageMetrics:
    """Image-level metrics, 0–1.

    ``auroc``, ``ap`` (average precision), ``f1_max`` and ``f1_max_threshold``, the score at and above
    which calling an image anomalous gives ``f1_max``. All are None where the labels hold one class
    only: none of them means anything then.
    """

    auroc: float | None
    ap: float | None
    f1_max: float | None
    f1_max_threshold: float | None


def image_metrics(scores: ArrayLike, labels: ArrayLike) -> ImageMetrics:
    """Metrics of raw anomaly scores (n,) of any scale against labels (n,), true where anomalous.

    Among equal ``f1_max`` the smallest threshold is given. ``UserError`` for scores that are not finite,
    ``ValueError`` for lengths that differ.
    """
    values = np.asarray(scores, np.float64).ravel()
    anomalous = np.asarray(labels).astype(bool).ravel()
    if values.shape != anomalous.shape:
        raise ValueError(f"{values.size} scores and {anomalous.size} labels: one label for each score is needed")
    if not np.isfinite(values).all():
        raise UserError("Some anomaly scores are not finite numbers, so no metric can be computed from them.")
    if anomalous.all() or not anomalous.any():
        return ImageMetrics(None, None, None, None)
    return _two_class_metrics(values, anomalous)


def _two_class_metrics(values: np.ndarray, anomalous: np.ndarray) -> ImageMetrics:
    # scikit-learn takes a second to import, and only evaluation needs it.
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

    precision, recall, thresholds = precision_recall_curve(anomalous, values)
    total = precision[:-1] + recall[:-1]
    f1 = 2 * precision[:-1] * recall[:-1] / np.where(total > 0, total, 1)
    best = int(np.argmax(f1))
    return ImageMetrics(
        auroc=float(roc_auc_score(anomalous, values)),
        ap=float(average_precision_score(anomalous, values)),
        f1_max=float(f1[best]),
        f1_max_threshold=float(thresholds[best]),
    )
