"""Sizes of the inpainting network by name: the width of each level, each of half the resolution of the one before."""

from __future__ import annotations

from collections.abc import Sequence

SIZES = {
    "small": (16, 32, 64, 96),
    "medium": (32, 64, 96, 128, 160),
    "paper": (64, 128, 256, 512, 512, 512, 512, 512),
}
"""``paper`` has the eight levels of AutoPaint's."""
SQUARES = {"paper": 256}
"""Side in pixels of the squares that some are trained on, where slices are as large; the others see 128 mm."""


def multiple_of(widths: Sequence[int]) -> int:
    """What rows and columns have to be a multiple of, since the network and the loss's pyramid halve them."""
    return max(8, int(2 ** (len(widths) - 1)))
