"""What a plane can show of a scan that a method has painted healthy appearance into."""

from __future__ import annotations

from enum import Enum


class Aspect(Enum):
    """The scan with the anomaly map, its healthy version, what differs between the two, or the scan alone."""

    LESIONS = "lesions"
    HEALTHY = "pseudo-healthy"
    RESIDUAL = "residual"
    ORIGINAL = "original"

    @property
    def painted(self) -> bool:
        """Whether it needs a healthy version of the scan."""
        return self in (Aspect.HEALTHY, Aspect.RESIDUAL)
