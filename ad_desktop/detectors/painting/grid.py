"""The grid AutoPaint works on: patient axes, a fixed spacing, and each scan's mask laid over that of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.placement import Placement
from ad_desktop.data.volumes.volume import Affine

LARGEST_STRETCH = 1.35
"""Scans that would have to be stretched more than this along an axis are only shifted: they show another part."""
MULTIPLE = 8
"""Rows and columns are a multiple of this, or of more: a network of four levels halves them three times."""


@dataclass(frozen=True)
class Grid:
    """Voxels (z, y, x) at ``spacing`` mm around the middle of a mask; a mask of ``deviation`` mm fits unstretched.

    ``align`` is ``moments`` (shift and stretch along the patient's axes), ``centre`` (shift only), or ``none``: the
    grid reaches as far as each mask does.
    """

    shape: tuple[int, int, int]
    spacing: float
    deviation: tuple[float, float, float]
    align: str = "moments"

    def over(self, placement: Placement, multiple: int = MULTIPLE) -> Grid:
        """The grid for a mask: itself, or where scans are not laid over each other, one that just holds the mask."""
        return self if self.align != "none" else common_grid([placement], self.spacing, "none", multiple)

    def scale(self, placement: Placement) -> NDArray[np.float64]:
        """How much each axis (x, y, z) of the grid is stretched to lie on the scan."""
        scale = placement.deviation / np.asarray(self.deviation)
        stretched = bool((np.abs(np.log(scale)) > np.log(LARGEST_STRETCH)).any())
        return np.ones(3) if self.align != "moments" or stretched else scale

    def affine(self, placement: Placement) -> Affine:
        """From this grid's voxel index (x, y, z, 1) to LPS in mm, for a scan with this placement."""
        step = self.spacing * self.scale(placement)
        matrix = np.diag([*step, 1.0])
        matrix[:3, 3] = placement.centre - step * (np.array(self.shape[::-1]) - 1) / 2
        return matrix

    def to_json(self) -> dict[str, Any]:
        """JSON-able, for ``from_json``."""
        return {
            "shape": list(self.shape), "spacing": self.spacing, "deviation": list(self.deviation), "align": self.align
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Grid:
        """The grid that ``to_json`` described."""
        z, y, x = (int(n) for n in told["shape"])
        a, b, c = (float(n) for n in told["deviation"])
        return cls((z, y, x), float(told["spacing"]), (a, b, c), str(told["align"]))


def common_grid(
    placements: Sequence[Placement], spacing: float, align: str, multiple: int = MULTIPLE, margin: int = 2
) -> Grid:
    """The smallest grid that holds every mask, wherever it was placed, with ``margin`` voxels around it.

    Rows and columns are a ``multiple``.
    """
    deviation = np.mean([p.deviation for p in placements], axis=0)
    a, b, c = (float(n) for n in deviation)
    unit = Grid((1, 1, 1), spacing, (a, b, c), align)
    reach = np.max([p.reach / (spacing * unit.scale(p)) for p in placements], axis=0)
    x, y, z = (2 * int(np.ceil(r)) + 1 + 2 * margin for r in reach)
    return Grid((z, -(-y // multiple) * multiple, -(-x // multiple) * multiple), spacing, (a, b, c), align)
