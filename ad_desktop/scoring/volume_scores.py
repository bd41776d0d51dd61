"""From the scores of slices to the score of their scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def volume_score(slice_scores: ArrayLike, top_share: float) -> float:
    """The mean of the highest ``top_share`` (0–1) of a scan's slice scores, one at least; NaN do not count.

    ``ValueError`` where there is no score.
    """
    scores = np.asarray(slice_scores, np.float64)
    scores = np.sort(scores[np.isfinite(scores)])
    if not scores.size:
        raise ValueError("a scan without slice scores has no score")
    return float(scores[-max(1, round(top_share * scores.size)) :].mean())
