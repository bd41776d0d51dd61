"""AutoPaint's parameters."""

from __future__ import annotations

from dataclasses import dataclass

from ad_desktop.detectors.nets.inpainting.sizes import SIZES
from ad_desktop.detectors.painting.names import SMOOTHINGS, STAGES
from ad_desktop.detectors.params import param

ALIGNMENTS = ("moments", "centre", "none")


@dataclass(frozen=True)
class AutoPaintParams:
    """What a user can choose."""

    stage: str = param(
        STAGES[0],
        "How candidates are found: by painting into holes (inpaint), by undoing what does not belong (denoise), by "
        "asking the network where that is (doubt), by the last two together (combined), by painting into discs on "
        "what is brightest (discs, as first published; bright lesions only), or by aligned statistics alone, without a "
        "network (z)", choices=STAGES,
    )  # fmt: skip
    refine: bool = param(
        True, "Hide each candidate region whole, paint it again, and halve the score of what then agrees"
    )
    smoothing: str = param(
        SMOOTHINGS[0], "How deviations from healthy appearance are smoothed: by a Gaussian of one voxel, or by a "
        "median of 3×3×3", choices=SMOOTHINGS, advanced=True,
    )  # fmt: skip
    steps: int = param(3000, "Training steps of 16 slices; about half a second each on one processor core", minimum=1)
    network: str = param(
        next(iter(SIZES)), "Size of the network; all but the first want a graphics card", choices=tuple(SIZES)
    )
    spacing: float = param(2.0, "Distance in mm between the voxels that scans are worked on with", minimum=0.2)
    align: str = param(
        "moments", "Scans are laid over each other by shift and stretch (moments) or by shift alone (centre), and what "
        "is healthy at each place is learned; or not at all (none): for scans of different parts, whole bodies, and "
        "the lesion-free slices of a few scans", choices=ALIGNMENTS,
    )  # fmt: skip
    even: bool = param(
        False, "Bring how bright a scan is, and how that changes slowly across the body, to the normal scans, which "
        "differs between scanners; large bright lesions are then found less well. For scans in no unit (MR) that are "
        "laid over each other",
    )  # fmt: skip
    image_size: int = param(128, "Side in pixels that pictures, not scans, are scaled to", minimum=16)
    voxel_fpr: float = param(
        0.005, "Share of healthy voxels that may lie above the map's threshold", minimum=1e-6, maximum=0.5
    )
    perceptual: float = param(
        0.0, "Weight in the loss of what an ImageNet network (EfficientNet-Lite0) sees of a painted slice: features "
        "and style. 0 does without it, which is faster", minimum=0.0, advanced=True,
    )  # fmt: skip
    seed: int = param(0, "Equal seeds make equal models", minimum=0, advanced=True)
    checkpoint: str = param(
        "", "File that an interrupted fit goes on from (empty: one in the cache)", path=True, advanced=True
    )
