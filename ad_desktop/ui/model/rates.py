"""From a threshold that was dragged to the false-positive rate that gives it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ad_desktop.scoring.thresholds import conformal_value

SMALLEST, LARGEST = 0.001, 0.5
_STEPS = 18


def rate_for(score: float, scores: ArrayLike) -> float:
    """The rate whose threshold lies closest above ``score``, between 0.1 % and 50 %, to a tenth of a percent.

    The threshold never rises with the rate, so the rate is found by bisection.
    """
    ordered = np.sort(np.asarray(scores, np.float64).ravel())
    low, high = math.log(SMALLEST), math.log(LARGEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if conformal_value(ordered, math.exp(middle))[0] > score:
            low = middle
        else:
            high = middle
    return min(max(round(math.exp((low + high) / 2), 3), SMALLEST), LARGEST)
