"""What a detector says of a scan: its slices' maps, put together on the scan's own voxels when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import Affine
from ad_desktop.detectors.base import FloatArray, Prediction


@dataclass(frozen=True)
class SquareFrame:
    """The square, ``pixels`` wide, that slices are cut to: ``box`` is (left, top, right, bottom) in voxels of a slice.

    A voxel spans one unit, the first one from 0 to 1. The box may reach beyond the slice.
    """

    box: tuple[float, float, float, float]
    pixels: int

    def paste(self, picture: FloatArray, rows: int, columns: int) -> FloatArray:
        """Bring a square picture back to a slice's voxels, bilinearly; 0 beyond the square."""
        left, top, right, bottom = self.box
        across, down = self.pixels / (right - left), self.pixels / (bottom - top)
        matrix = (across, 0, -left * across, 0, down, -top * down)
        image = Image.fromarray(np.ascontiguousarray(picture, np.float32))
        found = image.transform((columns, rows), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        return np.asarray(found, np.float32)


@dataclass
class VolumePrediction(Prediction):
    """What a detector says of a scan of ``shape`` (z, y, x); higher is more anomalous.

    ``slice_scores`` (n,) float64 holds a score for each slice along ``axis``, NaN where it was not looked at.
    ``grid`` (k, h, w) holds the maps of the slices ``scored`` (k,), each of which covers ``frame``; the slices
    ``between`` them take the map of the nearest one.
    ``examined_bits`` are the packed bits of where the scan was examined (None: everywhere).
    """

    slice_scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    scored: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    axis: str = "axial"
    shape: tuple[int, int, int] = (0, 0, 0)
    affine: Affine = field(default_factory=lambda: np.eye(4))
    frame: SquareFrame = SquareFrame((0, 0, 1, 1), 1)
    examined_bits: NDArray[np.uint8] | None = None

    @property
    def examined_voxels(self) -> NDArray[np.bool_] | None:
        """Where the scan was examined, (z, y, x); None: everywhere."""
        if self.examined_bits is None:
            return None
        count = int(np.prod(self.shape))
        return np.unpackbits(self.examined_bits, count=count).reshape(self.shape).astype(bool)

    @property
    def looked_at(self) -> NDArray[np.bool_]:
        """Where the map says anything, (z, y, x): what was examined of the slices that were scored."""
        seen = np.zeros(self.shape, bool)
        stack = planes(seen, self.affine, self.axis)
        _, rows, columns = stack.shape
        stack[[*self.scored, *self.between]] = (
            self.frame.paste(np.ones((self.frame.pixels,) * 2, np.float32), rows, columns) > 0
        )
        mask = self.examined_voxels
        return seen if mask is None else seen & mask

    @property
    def residual(self) -> FloatArray | None:
        """The scan less its healthy appearance (z, y, x), in its unit, from methods that paint one."""
        return None

    @property
    def anomaly_map(self) -> FloatArray:
        """The anomaly map on the scan's own voxels, float32 (z, y, x), made anew on each access; 0 where not examined.

        Slices that were passed over are 0, too.
        """
        from ad_desktop.detectors.upsample import upsample

        found = np.zeros(self.shape, np.float32)
        stack = planes(found, self.affine, self.axis)
        _, rows, columns = stack.shape
        for grid, index in zip(self.grid, self.scored, strict=True):
            stack[index] = self.frame.paste(upsample(grid, self.size, self.smoothing, self.mirrored), rows, columns)
        for index in self.between:
            stack[index] = stack[min(self.scored, key=lambda scored: abs(scored - index))]
        mask = self.examined_voxels
        if mask is not None:
            found[~mask] = 0
        return found
