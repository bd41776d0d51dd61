"""Whether a scan looks like the normal ones as a whole: what is learned of these says little of another kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ad_desktop.detectors.painting.batches import Scan

FARTHER = 3.0
"""A scan is unlike the others where its correlation is this many times farther from 1 than half the healthy ones' are:
the odd one among a dozen was 2.4 times as far."""
LEAST = 0.3
"""At least this far from 1: a few healthy scans can be very much alike, and a large lesion lowers it, too."""


def likeness(scan: Scan) -> float:
    """Pearson's correlation of an aligned scan with the mean of the normal ones, in its mask; 0 where one is flat."""
    image, mean = scan.image[scan.mask], scan.mean[scan.mask]
    if not (np.ptp(image) > 0 and np.ptp(mean) > 0):
        return 0.0
    return float(np.corrcoef(image, mean)[0, 1])


def remark(found: float, healthy: Sequence[float], what: str = "") -> str:
    """What a user should know of a scan that is unlike the ``healthy`` ones, or nothing.

    ``healthy`` are the correlations of scans that were not learned; where there are none, nothing is said. ``what``
    names the modality where there are several.
    """
    if not healthy:
        return ""
    usual = float(np.median(healthy))
    if 1 - found <= max(LEAST, FARTHER * (1 - usual)):
        return ""
    return (
        f"it looks unlike the normal scans as a whole{f' in {what}' if what else ''}: its correlation with their mean "
        f"is {found:.2f}, that of healthy scans {usual:.2f}. Another scanner, sequence, or outline of "
        "the body? Do not rely on its score or on what is marked"
    )
