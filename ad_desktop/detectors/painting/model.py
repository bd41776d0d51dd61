"""All that is learned from healthy volumes, and what it says of another one. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.evening import SHARES, Evened, evened, usual_quantiles
from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import HU, SUV, Affine, Array, Volume
from ad_desktop.detectors.nets.inpainting.sizes import multiple_of
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter, make_net, net_from
from ad_desktop.detectors.painting.batches import Recipe, Scan, apart, joined, leave_one_out
from ad_desktop.detectors.painting.grid import Grid, common_grid
from ad_desktop.detectors.painting.intensity import Scaling
from ad_desktop.detectors.painting.laying import check, lay
from ad_desktop.detectors.painting.likeness import likeness, remark
from ad_desktop.detectors.painting.painter import Painter, Passes
from ad_desktop.detectors.painting.stages import Found, Stage, deviations, examine
from ad_desktop.detectors.painting.template import Template
from ad_desktop.errors import ModelFileError, UserError
from ad_desktop.imports import OPTIMISER, imported
from ad_desktop.task import Task

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

HELD_OUT_EVERY = 5
"""Every fifth healthy scan is kept from the network: for the best weights, and for the healthy deviation."""


@dataclass(frozen=True)
class Plan:
    """How to fit: spacing in mm, alignment (see ``Grid``), slices, network widths, schedule and stage.

    ``window`` holds the values that become 0 and 1 (None: what suits the scans' unit, see ``Scaling``). ``even``: scans
    that are aligned, and scaled by their own values, are made even before they are looked at.
    """

    schedule: Schedule
    spacing: float = 2.0
    align: str = "moments"
    recipe: Recipe = field(default_factory=Recipe)
    widths: tuple[int, ...] = (16, 32, 64, 96)
    stage: Stage = field(default_factory=Stage)
    window: tuple[float, float] | None = None
    even: bool = False

    @property
    def multiple(self) -> int:
        """What rows and columns are a multiple of."""
        return multiple_of(self.widths)


def held_out(count: int) -> list[int]:
    """Which of ``count`` healthy scans are kept from the network: every fifth, the last one where there are fewer."""
    return list(range(HELD_OUT_EVERY - 1, count, HELD_OUT_EVERY)) or [count - 1]


class Examined(NamedTuple):
    """What was found, on the model's grid (``affine`` to LPS); ``contrast`` is how much of its unit makes 1 there.

    ``remark`` is what a user should know of the scan as a whole.
    """

    found: Found
    affine: Affine
    contrast: float
    remark: str = ""

    def on(self, mask: Mask, affine: Affine) -> Found:
        """The same on other voxels, 0 outside ``mask`` (z, y, x)."""
        back = (resample(part, self.affine, affine, mask.shape) for part in self.found)
        return Found(*(np.where(mask, part, 0).astype(np.float32) for part in back))


class Modality(NamedTuple):
    """How values of one modality are scaled, and what is healthy: mean and spread at each place of the grid.

    ``usual`` are the quantiles that scans are brought to; none where they are not made even.
    """

    scaling: Scaling
    unit: str
    name: str
    mean: FloatArray
    spread: FloatArray
    usual: FloatArray = np.empty(0, np.float32)

    def scan(self, image: FloatArray, mask: Mask) -> Scan:
        """A scan's values beside what is healthy."""
        return Scan(image, mask, np.broadcast_to(self.mean, mask.shape), np.broadcast_to(self.spread, mask.shape))

    @classmethod
    def from_json(cls, told: Mapping[str, Any], number: int, tensors: Mapping[str, Array]) -> Modality:
        """Modality ``number`` of a model's state."""
        scaling = Scaling(**told["scaling"])
        # Models of before there were windows do not name the unit.
        unit = told.get("unit", next((u for u in (HU, SUV) if Scaling.for_unit(u) == scaling), ""))
        mean, spread = (np.asarray(tensors[_of(name, number)], np.float32) for name in ("mean", "spread"))
        usual = np.asarray(tensors.get(_of("usual", number), ()), np.float32)
        return cls(scaling, str(unit), str(told["modality"]), mean, spread, usual)


class PaintModel:
    """Grid, modalities, network and healthy deviations; ``fit`` makes one, ``tensors`` and ``meta`` keep it."""

    def __init__(
        self, plan: Plan, grid: Grid, modalities: Sequence[Modality], net: Inpainter, sigma: Mapping[str, FloatArray],
        device: str = "cpu", alike: Sequence[Sequence[float]] = (),
    ) -> None:  # fmt: skip
        self.plan, self.grid = plan, grid
        # Of each modality, how like their mean healthy scans are that were kept apart.
        self.alike = [list(values) for values in alike] or [[] for _ in modalities]
        # Kept with half the bits, and so used with no more.
        self.modalities = [
            m._replace(mean=_halved(m.mean), spread=_halved(m.spread), usual=_halved(m.usual)) for m in modalities
        ]
        self.scaling, self.unit, self.modality, self.mean, self.spread, _ = self.modalities[0]
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
        every = (first, *first.partners)
        plan = replace(plan, recipe=replace(plan.recipe, modalities=len(every)))
        # What a user says of values is said of the scan itself.
        scalings = [Scaling.for_unit(one.unit, None if i else plan.window) for i, one in enumerate(every)]
        grid = common_grid(placements, plan.spacing, plan.align, plan.multiple)
        laid = [lay(volume, mask, grid, scalings, first) for volume, mask in volumes]
        known, others, templates = _learned(laid, plan.recipe.aligned, task)
        if not plan.recipe.aligned:
            grid = replace(grid, shape=(1, 1, 1))
        kinds = [Modality(s, v.unit, v.modality, *t) for s, v, t in zip(scalings, every, templates, strict=True)]
        if plan.even and plan.recipe.aligned:
            kinds = [_with_usual(kind, [scan.seen_as(i) for scan in known]) for i, kind in enumerate(kinds)]
        net = make_net(plan.recipe.inputs, plan.widths, plan.schedule.seed, len(every))
        if plan.stage.networked:
            imported((OPTIMISER,), task)
            trainer = Trainer(net, plan.recipe, plan.schedule, plan.spacing, device, checkpoint and checkpoint())
            net.load_state_dict(trainer.fit(known, others, task, watch))
        model = cls(plan, grid, kinds, net, {}, device)
        for channel in range(len(every)):
            shown = [model.even(scan)[0].seen_as(channel) for scan in others]
            found = deviations(model.painter, shown, plan.stage, task)
            part = (slice(None) if plan.recipe.aligned else slice(1),) * 3
            model.sigma |= {_of(name, channel): _halved(value[part]) for name, value in found.items()}
            if plan.recipe.aligned:
                model.alike[channel] = [likeness(scan.seen_as(channel)) for scan in others]
        return model

    def examine(self, volume: Volume, mask: Mask, task: Task) -> Examined:
        """What differs from healthy appearance; ``UserError`` for a volume that cannot be used, or of another kind."""
        scan, affine = self.laid(volume, mask)
        passes = self.plan.stage.passes(self.painter)
        if passes:
            task = Passes(task, passes * len(self.modalities) * int(scan.mask.any(axis=(1, 2)).sum()))
        shown, own = self.even(scan)
        every = [self._seen(shown.seen_as(channel), task) for channel in range(len(self.modalities))]
        # What differs in any modality counts; what is shown is the scan itself.
        found = every[0]._replace(score=np.max([one.score for one in every], axis=0))
        if own is not None:
            found = found._replace(difference=self._put_back(scan, shown.image, found.difference, own))
        return Examined(found, affine, self.scaling.contrast(volume.array, mask), self._remark(scan))

    def laid(self, volume: Volume, mask: Mask) -> tuple[Scan, Affine]:
        """A volume on the model's grid beside what is healthy, and the grid's affine to LPS; ``UserError`` as above."""
        nothing = np.zeros((1, 1, 1))
        first, *rest = (Volume(nothing, np.eye(4), m.unit, m.name) for m in self.modalities)
        kind = replace(first, partners=tuple(rest))
        check(volume, mask, kind)
        placement = place(mask, volume.affine)
        grid = self.grid.over(placement, self.plan.multiple)
        images, inside = lay(volume, mask, grid, [m.scaling for m in self.modalities], kind)
        [scan] = joined([[m.scan(image, inside)] for m, image in zip(self.modalities, images, strict=True)])
        return scan, grid.affine(placement)

    def _put_back(self, scan: Scan, shown: FloatArray, difference: FloatArray, own: Evened) -> FloatArray:
        """The difference of a scan, not of its evened image that was ``shown``, to healthy appearance."""
        replaced = difference != 0
        if 2 * np.count_nonzero(replaced) < np.count_nonzero(scan.mask):
            # What does not belong changed how even the scan was made around it.
            own = self.even(scan, replaced)[1] or own
        return np.where(replaced, scan.image - own.undo(shown - difference), 0).astype(np.float32)

    def even(self, scan: Scan, hidden: Mask | None = None) -> tuple[Scan, Evened | None]:
        """A scan as the network is to see it, and how its first modality was made even, if it was.

        What is ``hidden`` has no part in that.
        """
        spacing = self.grid.spacing
        made = [
            evened(one.image, one.mask, one.mean, kind.usual, spacing, hidden) if len(kind.usual) else None
            for one, kind in zip(scan.modalities, self.modalities, strict=True)
        ]
        parts = [
            one if m is None else replace(one, image=m.image) for one, m in zip(scan.modalities, made, strict=True)
        ]
        return joined([[part] for part in parts])[0], made[0]

    def _remark(self, scan: Scan) -> str:
        """What should be known of a scan as a whole: the first modality that is unlike the normal ones."""
        several = len(self.modalities) > 1
        told = (
            remark(likeness(scan.seen_as(i)), known, (kind.name or f"modality {i + 1}") if several else "")
            for i, (kind, known) in enumerate(zip(self.modalities, self.alike, strict=True))
        )
        return next(filter(None, told), "")

    def _seen(self, scan: Scan, task: Task) -> Found:
        """What differs in one modality."""
        shape, wanted = scan.image.shape, self.plan.stage.needed
        sigma = {name: np.broadcast_to(self.sigma[_of(name, scan.channel)], shape) for name in wanted}
        return examine(self.painter, scan, sigma, self.plan.stage, task)

    def describe(self) -> str:
        """What is done to a scan before the network sees it, in words."""
        laid = {"moments": "shifted and stretched to lie on each other", "centre": "shifted to lie on each other"}
        where = laid.get(self.grid.align, "not laid on each other")
        several = len(self.modalities) > 1
        values = "; ".join(
            (f"of {m.name or f'modality {i + 1}'} " if several else "") + m.scaling.describe(m.unit)
            for i, m in enumerate(self.modalities)
        )
        count = self.plan.recipe.context
        if any(len(m.usual) for m in self.modalities):
            values += "; how bright they are, and how that changes slowly, was brought to that of the normal scans"
        return (
            f"Scans were resampled to {self.grid.spacing:g} mm and {where}; {values}; slices were seen with {count} "
            f"neighbour{'s' * (count != 1)} on each side."
        )

    def tensors(self) -> dict[str, Array]:
        """Named arrays, for ``from_state``; a deviation that is the same at each place has one voxel."""
        found: dict[str, Array] = {}
        for number, modality in enumerate(self.modalities):
            found |= {_of("mean", number): modality.mean, _of("spread", number): modality.spread}
            found |= {_of("usual", number): modality.usual} if len(modality.usual) else {}
        found |= {f"sigma.{name}": value if np.ptp(value) else value[:1, :1, :1] for name, value in self.sigma.items()}
        found |= {f"net.{name}": value.cpu().numpy() for name, value in self.net.state_dict().items()}
        return {name: value.astype(np.float16) for name, value in found.items()}

    def meta(self) -> dict[str, Any]:
        """JSON-able facts: grid, scaling, modality, slices and network."""
        return {
            "grid": self.grid.to_json(), "scaling": self.scaling.to_json(), "modality": self.modality,
            "unit": self.unit, "recipe": asdict(self.plan.recipe), "widths": list(self.plan.widths),
            "likeness": self.alike,
            "partners": [
                {"scaling": m.scaling.to_json(), "unit": m.unit, "modality": m.name} for m in self.modalities[1:]
            ],
        }  # fmt: skip

    @classmethod
    def from_state(
        cls, tensors: Mapping[str, Array], meta: Mapping[str, Any], plan: Plan, device: str = "cpu"
    ) -> PaintModel:
        """The model whose ``tensors`` and ``meta`` these are; ``ModelFileError`` if they do not fit."""
        try:
            recipe = Recipe(**meta["recipe"])
            net = net_from(recipe.inputs, meta["widths"], _part(tensors, "net."), recipe.modalities)
            grid = Grid.from_json(meta["grid"])
            told = [meta, *meta.get("partners", ())]
            modalities = [Modality.from_json(one, number, tensors) for number, one in enumerate(told)]
            if len(modalities) != recipe.modalities or any(len(m.usual) not in (0, len(SHARES)) for m in modalities):
                raise ValueError("as many modalities as the network has")
            maps = [part for m in modalities for part in (m.mean, m.spread)]
            sigma = {name: np.asarray(value, np.float32) for name, value in _part(tensors, "sigma.").items()}
            sigma = {n: np.broadcast_to(v, grid.shape) if v.shape == (1, 1, 1) else v for n, v in sigma.items()}
            if any(value.shape != grid.shape for value in (*maps, *sigma.values())):
                raise ValueError("maps that do not lie on the grid")
            net.to(device)
            alike = [[float(value) for value in values] for values in meta.get("likeness", ())]
            if alike and len(alike) != len(modalities):
                raise ValueError("as many kinds of likeness as modalities")
            return cls(replace(plan, recipe=recipe), grid, modalities, net, sigma, device, alike)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(f"The model's contents do not fit its parameters: {error}.") from error


def _learned(
    laid: Sequence[tuple[list[FloatArray], Mask]], aligned: bool, task: Task
) -> tuple[list[Scan], list[Scan], list[tuple[FloatArray, FloatArray]]]:
    """Scans to learn from, scans kept apart, and each modality's healthy mean and spread."""
    kept = set(held_out(len(laid)))
    ours, held = ([pair for i, pair in enumerate(laid) if (i in kept) is apart_] for apart_ in (False, True))
    masks, known, others, templates = [mask for _, mask in ours], [], [], []
    for channel in range(len(laid[0][0])):
        images = [images[channel] for images, _ in ours]
        if aligned:
            template = Template.of(images, masks, task).statistics()
            known.append(leave_one_out(images, masks, task))
            others.append([Scan(images[channel], mask, *template) for images, mask in held])
        else:
            # Each scan is worked on by itself: nothing is kept of any place.
            template = (np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32))
            known.append([apart(image, mask) for image, mask in zip(images, masks, strict=True)])
            others.append([apart(images[channel], mask) for images, mask in held])
        templates.append(template)
    return joined(known), joined(others), templates


def _with_usual(kind: Modality, scans: Sequence[Scan]) -> Modality:
    """A modality with the quantiles of normal scans, where each is scaled by its own values."""
    if kind.scaling.kind != "percentiles":
        return kind
    return kind._replace(usual=usual_quantiles([scan.image for scan in scans], [scan.mask for scan in scans]))


def _of(name: str, channel: int) -> str:
    """The name of what belongs to a modality; that of the first one is as it was when there was but one."""
    return f"{name}.{channel}" if channel else name


def _part(tensors: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _halved(values: FloatArray) -> FloatArray:
    return values.astype(np.float16).astype(np.float32)
