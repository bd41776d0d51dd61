"""From a threshold that was dragged to the false-positive rate that gives it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numpy.typing import ArrayLike

from ad_desktop.scoring.thresholds import conformal_threshold

SMALLEST, LARGEST = 0.001, 0.5
_STEPS = 18


def rate_for(score: float, scores: ArrayLike, groups: Sequence[int]) -> float:
    """The rate whose threshold lies closest above ``score``, between 0.1 % and 50 %, to a tenth of a percent.

    The threshold never rises with the rate, so the rate is found by bisection.
    """
    low, high = math.log(SMALLEST), math.log(LARGEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if conformal_threshold(scores, groups, math.exp(middle)).value > score:
            low = middle
        else:
            high = middle
    return min(max(round(math.exp((low + high) / 2), 3), SMALLEST), LARGEST)
