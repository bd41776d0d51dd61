"""What the planes show together: the volume, the place looked at, the window, what lies over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from ad_desktop.data.volumes.cuts import Cuts
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.sampling import PlaneSampler
from ad_desktop.data.volumes.volume import Array, Volume
from ad_desktop.data.volumes.windows import Window, to_codes
from ad_desktop.ui.volumes.drawing import Pen

Index = tuple[int, int, int]
"""A voxel, x first."""


@dataclass(frozen=True)
class ColourLayer:
    """Values painted over the volume: ``low`` to ``high`` through ``table``, 256 ``0xAARRGGBB``.

    The first entry should be transparent: it is also what lies outside. Of ``signed`` values none has that code, and
    0, halfway between ``low`` and ``high``, has 128.
    """

    title: str
    sampler: PlaneSampler
    low: float
    high: float
    table: tuple[int, ...]
    unit: str = ""
    signed: bool = False

    def codes(self, values: Array) -> NDArray[np.uint8]:
        """Places of values in the table; what is not a number has the first one."""
        if not self.signed:
            return to_codes(values, self.low, self.high)
        step = (self.high - self.low) / (_CODES - 1)
        codes = to_codes(np.maximum(values, np.float32(self.low)), self.low - 1.5 * step, self.high - 0.5 * step)
        return np.where(np.isnan(values), np.uint8(0), codes)


@dataclass(frozen=True)
class LineLayer:
    """The line along ``level`` of some values, in ``colour`` (``#rrggbb``)."""

    title: str
    sampler: PlaneSampler
    level: float
    colour: str
    dashed: bool = False


Layer = ColourLayer | LineLayer

_CODES = 255
"""Codes of signed values: 1 to 255."""


class Scene(QObject):
    """State of the planes, changed on the main thread only.

    ``layers`` lie over the volume, ``residual`` is the volume less its healthy version, on its own voxels. ``pen`` is
    what the left mouse button draws with (None: it does not draw).
    ``changed`` comes when everything has to be painted anew, ``moved`` when the place looked at is another,
    ``replaced`` before both when it is another volume.
    """

    replaced = Signal()
    changed = Signal()
    moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.volume: Volume | None = None
        self.window = Window(1, 0.5)
        self.cross: Index = (0, 0, 0)
        self.neurological = False
        self.crosshair = True
        self.bare = False
        self.slab_mm = 0.0
        self.layers: tuple[Layer, ...] = ()
        self.residual: ColourLayer | None = None
        self.pen: Pen | None = None
        self._cuts: Cuts | None = None
        self._cut: dict[Plane, tuple[int, Array]] = {}
        self._healthy: dict[Plane, tuple[int, Array]] = {}

    @property
    def grid(self) -> Volume:
        """The volume, where it is known that there is one."""
        if self.volume is None:
            raise RuntimeError("no volume is shown")
        return self.volume

    def set_volume(self, volume: Volume | None, window: Window) -> None:
        """Show another volume (on patient axes), its middle first, with nothing over it."""
        self.volume = volume
        self.window = window
        self.layers = ()
        self.residual = None
        self._cuts = None if volume is None else Cuts(volume.array)
        self._cut.clear()
        self._healthy.clear()
        if volume is not None:
            z, y, x = volume.shape
            self.cross = (x // 2, y // 2, z // 2)
        self.replaced.emit()
        self.changed.emit()
        self.moved.emit()

    def relabel(self, volume: Volume, window: Window) -> None:
        """Take the same voxels with another unit; place and layers stay."""
        self.volume = volume
        self.window = window
        self.changed.emit()

    def set_window(self, window: Window) -> None:
        """Show other values from black to white."""
        if window != self.window:
            self.window = window
            self.changed.emit()

    def set_layers(self, layers: Sequence[Layer], residual: ColourLayer | None = None) -> None:
        """Put these over the volume, the first lowest, and take what it differs in from its healthy version."""
        self.layers = tuple(layers)
        before = None if self.residual is None else self.residual.sampler
        if before is not (None if residual is None else residual.sampler):
            self._healthy.clear()
        self.residual = residual
        self.changed.emit()

    def set_look(
        self,
        neurological: bool | None = None,
        crosshair: bool | None = None,
        slab_mm: float | None = None,
        bare: bool | None = None,
    ) -> None:
        """Change how things are shown; None leaves it."""
        self.neurological = self.neurological if neurological is None else neurological
        self.crosshair = self.crosshair if crosshair is None else crosshair
        self.slab_mm = self.slab_mm if slab_mm is None else slab_mm
        self.bare = self.bare if bare is None else bare
        self.changed.emit()

    def look_at(self, index: Sequence[float]) -> None:
        """Go to a voxel, x first; the nearest one inside the volume."""
        if self.volume is None:
            return
        limits = self.volume.shape[::-1]
        x, y, z = (min(max(round(float(i)), 0), n - 1) for i, n in zip(index, limits, strict=True))
        if (x, y, z) != self.cross:
            self.cross = (x, y, z)
            self.moved.emit()

    def slice_of(self, plane: Plane) -> int:
        """The slice of a plane that is shown."""
        return self.cross[2 - plane.axis]

    def scroll(self, plane: Plane, by: int) -> None:
        """Go on by some slices of a plane."""
        self.show_slice(plane, self.slice_of(plane) + by)

    def show_slice(self, plane: Plane, index: int) -> None:
        """Go to a slice of a plane."""
        cross = list(self.cross)
        cross[2 - plane.axis] = index
        self.look_at(cross)

    def cut(self, plane: Plane) -> Array:
        """The volume's values on the slice of a plane that is shown; the same array until it is another slice."""
        index, last = self.slice_of(plane), self._cut.get(plane)
        if self._cuts is None:
            raise RuntimeError("no volume is shown")
        if last is None or last[0] != index:
            last = self._cut[plane] = index, self._cuts.get(plane, index)
        return last[1]

    def healthy_cut(self, plane: Plane) -> Array:
        """The same slice of its healthy version; the volume's own where there is none."""
        index, last = self.slice_of(plane), self._healthy.get(plane)
        if self.residual is None:
            return self.cut(plane)
        if last is None or last[0] != index:
            healthy = self.cut(plane) - self.residual.sampler.cut(plane, index)
            last = self._healthy[plane] = index, healthy
        return last[1]

    @property
    def values_over(self) -> list[ColourLayer]:
        """All whose values at a voxel can be told."""
        colours = [layer for layer in self.layers if isinstance(layer, ColourLayer)]
        return colours if self.residual is None else [*colours, self.residual]

    @property
    def cuts(self) -> list[Cuts]:
        """The slices of the volume, and of what lies over it on its own voxels."""
        own = [] if self._cuts is None else [self._cuts]
        samplers = {layer.sampler for layer in (*self.layers, *self.values_over) if layer.sampler.same}
        return own + [sampler.cuts for sampler in samplers]
