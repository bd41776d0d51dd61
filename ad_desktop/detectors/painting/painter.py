"""A fitted network at work on one aligned scan. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Recipe, Scan, assemble, height_of, slices_of
from ad_desktop.detectors.painting.holes import grid_holes, grid_phases
from ad_desktop.errors import UserError
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

BATCH = 8
HOLES_MM = (16.0, 24.0, 40.0)


class Healthy(NamedTuple):
    """Healthy appearance (z, y, x), its ``expected`` absolute error, and the log odds that what is seen is not healthy.

    ``doubt`` is 0 where it was hidden. ``expected`` is learned where something is hidden or does not belong.
    """

    image: FloatArray
    doubt: FloatArray
    expected: FloatArray


class Passes(Task):
    """Tells a task how many slices are painted, of all that the passes over a scan have at most."""

    def __init__(self, whole: Task, slices: int) -> None:
        super().__init__()
        self._whole, self._slices, self._done = whole, slices, 0
        self.painted(0)

    def check(self) -> None:
        """As the whole task's."""
        self._whole.check()

    def note(self, text: str) -> None:
        """To the whole task."""
        self._whole.note(text)

    def painted(self, slices: int) -> None:
        """So many more are painted."""
        self._done += slices
        self._whole.report(self._whole.progress.message, self._done, self._slices)


class Painter:
    """Paints healthy appearance into aligned scans, slice by slice; ``spacing`` in mm."""

    def __init__(self, net: Inpainter, recipe: Recipe, spacing: float, device: str = "cpu") -> None:
        self.net, self.recipe, self.spacing, self.device = net.eval(), recipe, spacing, device
        self.batch = BATCH

    def paint(self, scan: Scan, holes: Mask, task: Task | None = None) -> Healthy:
        """Healthy appearance with ``holes`` (z, y, x) hidden; only slices that show the body are painted.

        A hole is punched through the neighbouring slices too. Inside it nothing depends on what it hides.
        """
        image, doubt, expected = scan.mean.copy(), np.zeros_like(scan.mean), np.ones_like(scan.mean)
        slices = np.flatnonzero(scan.mask.any(axis=(1, 2)))
        done = 0
        while done < len(slices):
            if task is not None:
                task.check()
            chunk = slices[done : done + self.batch]
            found = self._tried(scan, holes, chunk)
            if found is None:
                self._shrink(len(chunk))
                continue
            image[chunk], doubt[chunk], expected[chunk] = found
            done += len(chunk)
            if isinstance(task, Passes):
                task.painted(len(chunk))
        return Healthy(np.where(scan.mask, image, 0), np.where(scan.mask & ~holes, doubt, 0), expected)

    def repaired(self, scan: Scan, task: Task | None = None) -> Healthy:
        """Healthy appearance with nothing hidden: what the network would undo."""
        return self.paint(scan, np.zeros(scan.mask.shape, bool), task)

    def hidden_everywhere(
        self, scan: Scan, sizes_mm: Sequence[float] = HOLES_MM, task: Task | None = None,
        watch: Callable[[int, int], None] | None = None,
    ) -> FloatArray:  # fmt: skip
        """Mean over grids of holes of several sizes of what is painted into a voxel while it is hidden."""
        total, count = np.zeros_like(scan.image), np.zeros(scan.image.shape, np.float32)
        passes = self.grids(sizes_mm)
        for number, (size, phase) in enumerate(passes):
            if watch is not None:
                watch(number, len(passes))
            hole = self.pixels(size)
            grid = grid_holes(scan.mask.shape[1:], hole, hole, phase)
            holes = np.broadcast_to(grid, scan.mask.shape) & scan.mask
            painted = self.paint(scan, holes, task).image
            total[holes] += painted[holes]
            count[holes] += 1
        return np.where(count > 0, total / np.maximum(count, 1), 0)

    def grids(self, sizes_mm: Sequence[float]) -> list[tuple[float, tuple[int, int]]]:
        """Size in mm and phase of every grid of holes that together hide each voxel once a size."""
        return [(size, phase) for size in sizes_mm for phase in grid_phases(self.pixels(size))]

    def pixels(self, size_mm: float) -> int:
        """A length in voxels, at least 1."""
        return max(1, round(size_mm / self.spacing))

    def _tried(self, scan: Scan, holes: Mask, chunk: NDArray[np.int_]) -> tuple[FloatArray, ...] | None:
        try:
            return self._forward(scan, holes, chunk)
        except torch.OutOfMemoryError:
            return None

    def _forward(self, scan: Scan, holes: Mask, chunk: NDArray[np.int_]) -> tuple[FloatArray, ...]:
        pairs = [
            assemble(
                slices_of(scan, int(z), self.recipe.context), holes[z], scan.mask[z],
                height_of(int(z), len(scan.image)), self.recipe,
            )
            for z in chunk
        ]  # fmt: skip
        inputs, base = (torch.from_numpy(np.stack(column)).to(self.device) for column in zip(*pairs, strict=True))
        with torch.inference_mode():
            painted = self.net(inputs.contiguous(memory_format=torch.channels_last), base)
        image = painted.image[:, scan.channel]
        found = (image, painted.doubt[:, 0], torch.exp(painted.log_scale[:, 0]))
        return tuple(part.float().cpu().numpy() for part in found)

    def _shrink(self, tried: int) -> None:
        if tried <= 1:
            raise UserError(
                f"The memory of {self.device} does not do for a single slice. Close other programs that use it, "
                "or choose the device cpu."
            )
        self.batch = tried // 2
        if self.device != "cpu":
            torch.cuda.empty_cache()
