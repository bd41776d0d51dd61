"""All that is learned from healthy volumes, and what it says of another one. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import HU, SUV, Affine, Array, Volume
from ad_desktop.detectors.nets.inpainting.sizes import multiple_of
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter, make_net, net_from
from ad_desktop.detectors.painting.batches import Recipe, Scan, apart, leave_one_out
from ad_desktop.detectors.painting.grid import Grid, common_grid, place, resample
from ad_desktop.detectors.painting.intensity import Scaling, usable
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.detectors.painting.stages import Found, Stage, deviations, examine
from ad_desktop.detectors.painting.template import Template
from ad_desktop.errors import ModelFileError, UserError
from ad_desktop.task import Task

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

HELD_OUT_EVERY = 5
"""Every fifth healthy scan is kept from the network: for the best weights, and for the healthy deviation."""


@dataclass(frozen=True)
class Plan:
    """How to fit: spacing in mm, alignment (see ``Grid``), slices, network widths, schedule and stage.

    ``window`` holds the values that become 0 and 1 (None: what suits the scans' unit, see ``Scaling``).
    """

    schedule: Schedule
    spacing: float = 2.0
    align: str = "moments"
    recipe: Recipe = field(default_factory=Recipe)
    widths: tuple[int, ...] = (16, 32, 64, 96)
    stage: Stage = field(default_factory=Stage)
    window: tuple[float, float] | None = None

    @property
    def multiple(self) -> int:
        """What rows and columns are a multiple of."""
        return multiple_of(self.widths)


def held_out(count: int) -> list[int]:
    """Which of ``count`` healthy scans are kept from the network: every fifth, the last one where there are fewer."""
    return list(range(HELD_OUT_EVERY - 1, count, HELD_OUT_EVERY)) or [count - 1]


class Examined(NamedTuple):
    """What was found, on the model's grid (``affine`` to LPS); ``contrast`` is how much of its unit makes 1 there."""

    found: Found
    affine: Affine
    contrast: float

    def on(self, mask: Mask, affine: Affine) -> Found:
        """The same on other voxels, 0 outside ``mask`` (z, y, x)."""
        back = (resample(part, self.affine, affine, mask.shape) for part in self.found)
        return Found(*(np.where(mask, part, 0).astype(np.float32) for part in back))


class PaintModel:
    """Grid, scaling, template, network and healthy deviations; ``fit`` makes one, ``tensors`` and ``meta`` keep it."""

    def __init__(
        self, plan: Plan, grid: Grid, scaling: Scaling, kind: tuple[str, str], template: tuple[FloatArray, FloatArray],
        net: Inpainter, sigma: Mapping[str, FloatArray], device: str = "cpu",
    ) -> None:  # fmt: skip
        self.plan, self.grid, self.scaling = plan, grid, scaling
        self.unit, self.modality = kind
        # Kept with half the bits, and so used with no more.
        self.mean, self.spread = (_halved(part) for part in template)
        self.net, self.sigma = net.half().float(), {name: _halved(part) for name, part in sigma.items()}
        self.painter = Painter(net, plan.recipe, grid.spacing, device)

    @classmethod
    def fit(
        cls, volumes: Iterable[tuple[Volume, Mask]], plan: Plan, task: Task, device: str = "cpu",
        checkpoint: Callable[[], Path] | None = None, watch: Callable[[int, float], None] | None = None,
    ) -> PaintModel:  # fmt: skip
        """Learn healthy anatomy from volumes and their masks, which are gone through twice.

        ``checkpoint`` is asked for a file once the volumes are known. ``UserError`` for too few, or a bad one.
        """
        placements, first = [], None
        for volume, mask in volumes:
            first = first or volume
            check(volume, mask, first)
            placements.append(place(mask, volume.affine))
        if first is None or len(placements) < 3:
            raise UserError("AutoPaint needs at least three normal scans.")
        scaling = Scaling.for_unit(first.unit, plan.window)
        grid = common_grid(placements, plan.spacing, plan.align, plan.multiple)
        laid = [lay(volume, mask, grid, scaling, first) for volume, mask in volumes]
        held = [laid[index] for index in held_out(len(laid))]
        ours = [pair for pair in laid if not any(pair is other for other in held)]
        images, masks = [image for image, _ in ours], [mask for _, mask in ours]
        if plan.recipe.aligned:
            template = Template.of(images, masks).statistics()
            others, known = [Scan(*pair, *template) for pair in held], leave_one_out(images, masks)
        else:
            # Each scan is worked on by itself: nothing is kept of any place.
            grid = replace(grid, shape=(1, 1, 1))
            template = (np.zeros(grid.shape, np.float32), np.ones(grid.shape, np.float32))
            others, known = [apart(*pair) for pair in held], [apart(*pair) for pair in ours]
        net = make_net(plan.recipe.inputs, plan.widths, plan.schedule.seed)
        if plan.stage.networked:
            trainer = Trainer(net, plan.recipe, plan.schedule, plan.spacing, device, checkpoint and checkpoint())
            net.load_state_dict(trainer.fit(known, others, task, watch))
        model = cls(plan, grid, scaling, (first.unit, first.modality), template, net, {}, device)
        found = deviations(model.painter, others, plan.stage, task)
        if not plan.recipe.aligned:
            found = {name: part[:1, :1, :1] for name, part in found.items()}
        model.sigma = {name: _halved(part) for name, part in found.items()}
        return model

    def examine(self, volume: Volume, mask: Mask, task: Task) -> Examined:
        """What differs from healthy appearance; ``UserError`` for a volume that cannot be used, or of another kind."""
        kind = Volume(np.zeros((1, 1, 1)), np.eye(4), self.unit, self.modality)
        check(volume, mask, kind)
        grid = self.grid.over(place(mask, volume.affine), self.plan.multiple)
        image, inside = lay(volume, mask, grid, self.scaling, kind)
        mean, spread = (np.broadcast_to(part, grid.shape) for part in (self.mean, self.spread))
        sigma = {name: np.broadcast_to(part, grid.shape) for name, part in self.sigma.items()}
        found = examine(self.painter, Scan(image, inside, mean, spread), sigma, self.plan.stage, task)
        return Examined(found, grid.affine(place(mask, volume.affine)), self.scaling.contrast(volume.array, mask))

    def describe(self) -> str:
        """What is done to a scan before the network sees it, in words."""
        laid = {"moments": "shifted and stretched to lie on each other", "centre": "shifted to lie on each other"}
        where = laid.get(self.grid.align, "not laid on each other")
        return (
            f"Scans were resampled to {self.grid.spacing:g} mm and {where}; {self.scaling.describe(self.unit)}, and "
            f"slices were seen with {self.plan.recipe.context} neighbours on each side."
        )

    def tensors(self) -> dict[str, Array]:
        """Named arrays, for ``from_state``; a deviation that is the same at each place has one voxel."""
        found: dict[str, Array] = {"mean": self.mean, "spread": self.spread}
        found |= {f"sigma.{name}": value if np.ptp(value) else value[:1, :1, :1] for name, value in self.sigma.items()}
        found |= {f"net.{name}": value.cpu().numpy() for name, value in self.net.state_dict().items()}
        return {name: value.astype(np.float16) for name, value in found.items()}

    def meta(self) -> dict[str, Any]:
        """JSON-able facts: grid, scaling, modality, slices and network."""
        return {
            "grid": self.grid.to_json(), "scaling": self.scaling.to_json(), "modality": self.modality,
            "unit": self.unit,
            "recipe": asdict(self.plan.recipe), "widths": list(self.plan.widths),
        }  # fmt: skip

    @classmethod
    def from_state(
        cls, tensors: Mapping[str, Array], meta: Mapping[str, Any], plan: Plan, device: str = "cpu"
    ) -> PaintModel:
        """The model whose ``tensors`` and ``meta`` these are; ``ModelFileError`` if they do not fit."""
        try:
            recipe = Recipe(**meta["recipe"])
            net = net_from(recipe.inputs, meta["widths"], _part(tensors, "net."))
            grid = Grid.from_json(meta["grid"])
            mean, spread = (np.asarray(tensors[name], np.float32) for name in ("mean", "spread"))
            sigma = {name: np.asarray(value, np.float32) for name, value in _part(tensors, "sigma.").items()}
            sigma = {n: np.broadcast_to(v, grid.shape) if v.shape == (1, 1, 1) else v for n, v in sigma.items()}
            if any(value.shape != grid.shape for value in (mean, spread, *sigma.values())):
                raise ValueError("maps that do not lie on the grid")
            net.to(device)
            scaling = Scaling(**meta["scaling"])
            # Models of before there were windows do not name the unit.
            unit = meta.get("unit", next((u for u in (HU, SUV) if Scaling.for_unit(u) == scaling), ""))
            kind = (str(unit), str(meta["modality"]))
            return cls(replace(plan, recipe=recipe), grid, scaling, kind, (mean, spread), net, sigma, device)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(f"The model's contents do not fit its parameters: {error}.") from error


def check(volume: Volume, mask: Mask, like: Volume) -> None:
    """``UserError`` if a volume cannot be used, or is not ``like`` the others."""
    reason = usable(volume, mask)
    if reason is None and volume.unit != like.unit:
        reason = f"its values are in {volume.unit or 'no unit'}, those of the normal scans in {like.unit or 'no unit'}."
    if reason is None and volume.modality and like.modality and volume.modality != like.modality:
        reason = f"it is {volume.modality}, the normal scans are {like.modality}. Choose a model for its modality."
    if reason is not None:
        raise UserError(reason)


def lay(volume: Volume, mask: Mask, grid: Grid, scaling: Scaling, like: Volume) -> tuple[FloatArray, Mask]:
    """A volume's scaled values and mask on the grid; ``UserError`` if it cannot be used or is not ``like`` others."""
    check(volume, mask, like)
    affine = grid.affine(place(mask, volume.affine))
    try:
        scaled = scaling.apply(volume.array, mask)
    except ValueError as error:
        raise UserError(f"{error}.") from error
    inside = resample(mask.astype(np.float32), volume.affine, affine, grid.shape) > 0.5
    if not inside.any():
        raise UserError("what its mask holds is smaller than a voxel of the grid.")
    values = resample(scaled, volume.affine, affine, grid.shape)
    return np.where(inside, values, 0).astype(np.float32), inside


def _part(tensors: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _halved(values: FloatArray) -> FloatArray:
    return values.astype(np.float16).astype(np.float32)
