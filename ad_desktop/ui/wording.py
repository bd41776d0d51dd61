"""What is in the library, in words: pictures, scans, or both."""

from __future__ import annotations

from collections.abc import Sequence

from ad_desktop.data.samples import Sample, VolumeSample


def kind(samples: Sequence[Sample], count: int = 2) -> str:
    """``picture`` or ``scan``, in the plural unless ``count`` is 1; pictures where there is nothing."""
    scans = sum(isinstance(sample, VolumeSample) for sample in samples)
    if 0 < scans < len(samples):
        return "pictures and scans"
    one = "scan" if scans else "picture"
    return one if count == 1 else f"{one}s"


def counted(samples: Sequence[Sample]) -> str:
    """How many there are of what: ``1 scan``, ``1,200 pictures``."""
    return f"{len(samples):,} {kind(samples, len(samples))}"


def these(samples: Sequence[Sample]) -> str:
    """The beginning of a sentence about what was chosen: ``a.png is``, ``These 3 scans are``."""
    return f"{samples[0].name} is" if len(samples) == 1 else f"These {counted(samples)} are"
