"""The region of interest as a tile sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.tiles import Tile, split_key


@dataclass(frozen=True)
class TileRegion(RegionOfInterest):
    """A picture's region of interest, cut to the tile that a path names; a path without one is a whole picture."""

    def mask(self, path: Path, size: tuple[int, int], tile: Tile | None = None) -> NDArray[np.bool_] | None:
        """Which pixels of a tile or picture are examined, H×W of ``size``; None where all are."""
        picture, named = split_key(str(path))
        return super().mask(path, size, tile) if named is None else super().mask(Path(picture), named.of, named)

    def cells(self, path: Path, size: tuple[int, int], side: int) -> NDArray[np.bool_] | None:
        """Which cells of a ``side`` × ``side`` grid over a tile or picture are examined; None where all are."""
        if split_key(str(path))[1] is None:
            return super().cells(path, size, side)
        mask = self.mask(path, size)
        if mask is None or mask.all():
            return None
        covered = np.asarray(Image.fromarray(mask.astype(np.float32)).resize((side, side), Image.Resampling.BOX))
        return np.asarray(covered >= min(0.5, float(covered.max()))) & mask.any()

    def everywhere(self) -> RegionOfInterest:
        """Everything: no cell of a tile is outside the region in all tiles alike."""
        return RegionOfInterest()
