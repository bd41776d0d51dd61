"""What is in the library, in words: pictures, scans, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ad_desktop.data.samples import Sample, VolumeSample

if TYPE_CHECKING:
    from ad_desktop.workflows.model import FittedModel


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


def kind_of(model: FittedModel | None) -> str:
    """What a model was fitted on, and is for: ``pictures`` or ``scans``."""
    return "scans" if model is not None and model.scans is not None else "pictures"


def number_of(number: int, many: str) -> str:
    """A number of things whose plural is given: ``1 scan``, ``1,200 pictures``."""
    return f"{number:,} {many.removesuffix('s') if number == 1 else many}"


def sentence(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]
