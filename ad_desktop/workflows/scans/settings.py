"""How scans are looked at: the choices of a user, and what a fit settles from the normal scans."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ad_desktop.data.volumes.masks import describe_body
from ad_desktop.data.volumes.stack import AXES
from ad_desktop.data.volumes.volume import HU
from ad_desktop.detectors.params import make_params, param
from ad_desktop.errors import InputError, UserError
from ad_desktop.scoring.marking import Marking
from ad_desktop.workflows.scans.heights import Heights
from ad_desktop.workflows.scans.reference import Reference

PRESETS = {"soft-tissue": (350, 50), "lung": (1500, -500), "bone": (2000, 500), "brain": (80, 40)}
"""Width and level in HU."""
MASKS = ("auto", "none", "body", "brain")
ALIGNMENTS = ("auto", "affine", "none")


@dataclass(frozen=True)
class SliceSettings:
    """How scans are cut into slices, and what of their values a network sees."""

    axis: str = param("axial", "Slices are axial, coronal or sagittal, by the patient's own axes", choices=AXES)
    slices: str = param(
        "all", "Slices to look at: all, FIRST:LAST counted from 1, or shares of the body's extent such as 20%:80%"
    )
    step: int = param(
        1, "Learn from every n-th slice only: faster, with a less certain threshold; without normal scans, look at no "
        "more than these", minimum=1,
    )  # fmt: skip
    window: str = param(
        "auto", "What is shown as black and white: LOW,HIGH in the scan's unit; soft-tissue, lung, bone, brain for CT; "
        "percentile, of each scan by itself; auto: settled by the normal scans",
    )  # fmt: skip
    mask: str = param(
        "auto", "What of a scan is looked at: the body (auto), everything (none), the brain in T1-weighted MR of a "
        "head (brain), or what a mask marks: a file, or a folder in which each scan's mask has the scan's name",
        path=True, folder=True,
    )  # fmt: skip
    channels: str = param(
        "", "Scans that are looked at together, by modality or by a word of their names, such as PT,CT or T1,FLAIR: "
        "the first is scored, the others come with it, wherever their voxels lie. For AutoPaint",
    )  # fmt: skip
    lesions: str = param(
        "", "Where lesions of normal scans are known to be: a mask, or a folder in which each scan's mask has the "
        "scan's name; the fit leaves out the slices that show them. AutoPaint takes this with align=none",
        label="Known lesions", path=True, folder=True,
    )  # fmt: skip
    bands: str = param(
        "auto", "Slices are compared with normal ones of the same height in the body, in bands of so many mm; auto: as "
        "low as the number of normal scans allows; none: with all slices, and each by itself",
    )  # fmt: skip
    align: str = param(
        "none", "Scans are laid over the normal ones before they are cut, turned, shifted and stretched (affine), or "
        "cut as they lie (none); auto: affine for brains in MR (mask=brain). AutoPaint has its own way",
        choices=ALIGNMENTS, label="Align scans",
    )  # fmt: skip
    even: bool = param(
        True, "Bring how bright a scan is, and how that changes slowly across the body, to the normal scans, where "
        "scans are aligned and in no unit (MR)", label="Even out scans",
    )  # fmt: skip
    min_ml: float = param(
        0.0, "Regions smaller than this many millilitres are not marked: not in lists, masks, exports or Dice",
        label="Smallest region", minimum=0.0, maximum=10_000.0,
    )  # fmt: skip
    peak: float = param(
        1.0, "Regions are marked only where the map rises to this many times its threshold (hysteresis); 1: all are",
        label="Peak of regions", minimum=1.0, maximum=1000.0,
    )  # fmt: skip
    above: str = param(
        "none", "Only what is brighter than this is marked, in the scan's unit, such as 2.5 for PET in SUV; none: "
        "everything may be", label="Only above",
    )  # fmt: skip
    unit: str = param("", "Unit of scans whose files name none, such as HU or SUVbw")
    top_share: float = param(
        0.05, "A scan's score is the mean of this share of its slices, the highest ones (one at least)",
        minimum=0.001, maximum=1.0, advanced=True,
    )  # fmt: skip

    @property
    def band_mm(self) -> float | None:
        """Height of bands in mm, 0 for none, None for auto; ``UserError``."""
        if self.bands in ("auto", "none"):
            return None if self.bands == "auto" else 0.0
        try:
            height = float(self.bands)
        except ValueError:
            height = -1.0
        if not 0 < height < 1e5:
            raise UserError(f"bands={self.bands}: write auto, none, or a height in mm such as 10.")
        return height

    @property
    def marking(self) -> Marking:
        """Which regions of a scan's map are marked; ``UserError``."""
        if self.above == "none":
            return Marking(self.min_ml, self.peak)
        try:
            above = float(self.above)
        except ValueError:
            above = math.nan
        if not math.isfinite(above):
            raise UserError(f"above={self.above}: write none, or a value in the scans' unit such as 2.5.")
        return Marking(self.min_ml, self.peak, above)

    def with_places(self, moved: Callable[[str], str]) -> SliceSettings:
        """The same with each file or folder that the user named changed by ``moved``."""
        mask = self.mask if self.mask in MASKS else moved(self.mask)
        return replace(self, mask=mask, lesions=moved(self.lesions) if self.lesions else "")

    def chosen(self, first: int, last: int) -> range:
        """The slices to look at, 0-based, where the body reaches from ``first`` to ``last``; ``UserError``."""
        if self.slices == "all":
            return range(first, last + 1)
        start, _, stop = self.slices.partition(":")
        try:
            if start.endswith("%") and stop.endswith("%"):
                low, high = float(start[:-1]) / 100, float(stop[:-1]) / 100
                if not 0 <= low < high <= 1:
                    raise ValueError
                length = last + 1 - first
                return range(first + round(low * length), min(first + max(1, round(high * length)), last + 1))
            lowest, highest = int(start), int(stop)
            if not 1 <= lowest <= highest:
                raise ValueError
        except ValueError:
            raise UserError(f"slices={self.slices}: write all, FIRST:LAST such as 20:80, or 20%:80%.") from None
        return range(max(first, lowest - 1), min(last, highest - 1) + 1)


@dataclass(frozen=True)
class Settled:
    """What a fit settled and every later scan is looked at with.

    ``low``, ``high`` are black and white: in ``unit``, or, where ``scaled``, after each scan's own 1st and 99th
    percentiles (of what is looked at) were taken for 0 and 1. ``field_mm`` is the side of the square around
    the body's middle that slices are cut to, ``pitch_mm`` its pixels' distance.
    """

    low: float
    high: float
    scaled: bool
    unit: str
    modality: str
    field_mm: float
    pitch_mm: float

    @property
    def pixels(self) -> int:
        """Pixels along a side of the square."""
        return max(8, round(self.field_mm / self.pitch_mm))

    def describe(self) -> str:
        """In words, for notes and ``info``."""
        values = "each scan's own percentiles 1 (0) and 99 (1)" if self.scaled else self.unit or "the files' own unit"
        return (
            f"Slices were cut to squares of {self.field_mm:.0f} mm around the body's middle with a pixel every "
            f"{self.pitch_mm:.2g} mm, black at {self.low:.4g} and white at {self.high:.4g} ({values}); "
            "values beyond are clipped."
        )


@dataclass(frozen=True)
class ScanView:
    """Settings with what was settled; this is what a model of scans keeps.

    ``whole``: the method takes whole scans, and no slices are cut.
    """

    settings: SliceSettings = field(default_factory=SliceSettings)
    settled: Settled = Settled(0, 1, True, "", "", 256, 1)
    heights: Heights | None = None
    whole: bool = False
    reference: Reference | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that ``from_json`` takes back."""
        words = " ".join(self.describe())
        heights = self.heights and self.heights.to_json()
        return {
            "settings": asdict(self.settings),
            "settled": asdict(self.settled),
            "heights": heights,
            "words": words,
            "whole": self.whole,
            "reference": self.reference and self.reference.affine.tolist(),
        }

    def describe(self) -> list[str]:
        """In words: how slices are cut and compared, or for a method that takes whole scans, where it looks."""
        parts = [part.describe() for part in (self.reference, self.settled, self.heights) if part is not None]
        return [self._looked_at()] if self.whole else parts

    def _looked_at(self) -> str:
        mask, lesions = self.settings.mask, self.settings.lesions
        told = {
            "none": "everything",
            "auto": describe_body(self.settled.unit),
            "body": describe_body(self.settled.unit),
            "brain": "the brain: of what lies 5 mm inside of tissue the largest piece, grown again",
        }
        left_out = f" Slices with lesions that {lesions} marks were not learned." if lesions else ""
        return f"What is looked at is {told.get(mask, f'what {mask} marks')}.{left_out}"

    @classmethod
    def from_json(cls, told: Mapping[str, Any], tensors: Mapping[str, Any] = MappingProxyType({})) -> ScanView:
        """What ``to_json`` described, with the ``tensors`` of its reference."""
        # Models of before there were heights compare every slice with all, and those of before there was a reference
        # cut scans as they lie.
        settings = make_params(SliceSettings, {"bands": "none", "align": "none", **told["settings"]})
        heights, affine = told.get("heights"), told.get("reference")
        return cls(
            settings,
            Settled(**told["settled"]),
            Heights.from_json(heights) if heights else None,
            bool(told.get("whole")),
            Reference.from_state(affine, tensors) if affine else None,
        )


def fixed_window(window: str, unit: str, path: str) -> tuple[float, float] | None:
    """Black and white of a named window or LOW,HIGH; None for auto and percentile; errors say what is possible."""
    if window in ("auto", "percentile"):
        return None
    if window in PRESETS:
        if unit != HU:
            raise InputError(
                path, f"the window {window} is for CT in HU, and this scan is in {unit or 'no known unit'}"
            )
        width, level = PRESETS[window]
        return level - width / 2, level + width / 2
    try:
        low, high = (float(part) for part in window.split(","))
    except ValueError:
        raise UserError(f"window={window}: write LOW,HIGH, auto, percentile, or one of {', '.join(PRESETS)}.") from None
    if not low < high:
        raise UserError(f"window={window}: the first number has to be below the second.")
    return low, high
