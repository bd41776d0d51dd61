"""AutoPaint on pictures: each is a scan of one slice, and all of them lie over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import Array
from ad_desktop.detectors.nets.inpainting.sizes import multiple_of
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter, make_net, net_from
from ad_desktop.detectors.painting.batches import Recipe, Scan, leave_one_out
from ad_desktop.detectors.painting.maps import healthy_sigma
from ad_desktop.detectors.painting.names import Z
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.detectors.painting.stages import Stage, differences, examine
from ad_desktop.detectors.painting.template import Template
from ad_desktop.errors import UserError
from ad_desktop.imports import OPTIMISER, imported
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

PIXEL_MM = 2.0
"""Holes are given in millimetres: a pixel counts as this many."""
RECIPE = Recipe(context=0)
FOLDS = 2
TOP_SHARE = 0.01
"""A picture's score is the mean of this share of its map, the highest values."""


class PictureModel:
    """What normal pictures (S, S) look like: their statistics at each place and, where the stage asks, a network.

    ``pictures`` float32, NaN where they are not looked at. ``schedule`` is that of each network: one on all pictures,
    and, to score each by one that has not seen it, one on each half.
    """

    def __init__(self, stage: Stage, schedule: Schedule, widths: Sequence[int], device: str = "cpu") -> None:
        self.stage, self.schedule, self.widths, self.device = stage, schedule, tuple(widths), device
        self.pictures: list[FloatArray] = []
        self.names: list[str] = []
        self.net: Inpainter | None = None
        self.sigma: dict[str, FloatArray] = {}

    def fit(self, pictures: Sequence[FloatArray], names: Sequence[str], task: Task) -> None:
        """Learn from pictures, trained on in the order of their ``names``; ``UserError`` for identical ones."""
        if all(np.array_equal(picture, pictures[0], equal_nan=True) for picture in pictures):
            raise UserError("The normal pictures look identical to the network. Add pictures that differ.")
        self.pictures = list(pictures)
        self.names = list(names)
        self.net = self._trained(range(len(pictures)), task) if self.stage.networked else None
        self._take_template()

    def _take_template(self) -> None:
        self.mean, self.spread = _template(self.pictures).statistics()
        self.sigma[Z] = self.spread

    def held_out(self, groups: Sequence[int], task: Task) -> list[FloatArray]:
        """The map of each picture from the others outside its group; also settles the healthy deviations."""
        order = list(dict.fromkeys(groups[index] for index in self._sorted(range(len(groups)))))
        fold = [order.index(group) % FOLDS for group in groups]
        painters: list[Painter | None] = [None] * FOLDS
        if self.stage.networked:
            halves = [[i for i, f in enumerate(fold) if f != number] for number in range(FOLDS)]
            painters = [self._painter(self._trained(half, task)) for half in halves]
        whole, scans = _template(self.pictures), []
        for group in groups:
            rest = whole.less([_scan_of(p) for p, other in zip(self.pictures, groups, strict=True) if other == group])
            scans.append(rest.statistics())
        beside = [Scan(*_scan_of(p), *statistics) for p, statistics in zip(self.pictures, scans, strict=True)]
        if self.stage.networked:
            found = [
                differences(painters[f], scan, self.stage.needed, self.stage, task)
                for f, scan in zip(fold, beside, strict=True)
            ]
            masks = [scan.mask for scan in beside]
            for name in set(self.stage.needed) - {Z}:
                self.sigma[name] = healthy_sigma([one[name] for one in found], masks)
        return [
            examine(painters[f], scan, {**self.sigma, Z: scan.spread}, self.stage, task).score[0]
            for f, scan in zip(fold, beside, strict=True)
        ]

    def examine(self, picture: FloatArray, task: Task) -> FloatArray:
        """The anomaly map (S, S) of a picture; 0 where it is not looked at."""
        painter = None if self.net is None else self._painter(self.net)
        scan = Scan(*_scan_of(picture), self.mean, self.spread)
        found: FloatArray = examine(painter, scan, self.sigma, self.stage, task).score[0]
        return found

    def _sorted(self, members: Sequence[int]) -> list[int]:
        """Whatever order pictures came in, networks learn them in the same one."""
        return sorted(members, key=lambda index: (self.names[index], index))

    def _painter(self, net: Inpainter) -> Painter:
        return Painter(net, RECIPE, PIXEL_MM, self.device)

    def _trained(self, members: Sequence[int], task: Task) -> Inpainter:
        images, masks = zip(*(_scan_of(self.pictures[index]) for index in self._sorted(members)), strict=True)
        scans = leave_one_out(images, masks)
        checked = scans[4::5] or scans[-1:]
        ours = [scan for scan in scans if not any(scan is other for other in checked)] or scans
        net = make_net(RECIPE.inputs, self.widths, self.schedule.seed)
        side = images[0].shape[-1]
        recipe = replace(RECIPE, crop_mm=side * PIXEL_MM, multiple=multiple_of(self.widths))
        imported((OPTIMISER,), task)
        trainer = Trainer(net, recipe, self.schedule, PIXEL_MM, self.device)
        net.load_state_dict(trainer.fit(ours, checked, task))
        return net

    def tensors(self) -> dict[str, Array]:
        """Named arrays, for ``restore``."""
        found: dict[str, Array] = {"pictures": np.stack(self.pictures).astype(np.float16)}
        found |= {f"sigma.{name}": value for name, value in self.sigma.items() if name != Z}
        if self.net is not None:
            found |= {f"net.{name}": value.cpu().numpy() for name, value in self.net.state_dict().items()}
        return found

    def restore(self, tensors: Mapping[str, Array], names: Sequence[str]) -> None:
        """Take back what ``tensors`` gave, and names; ``KeyError``, ``ValueError``, ``RuntimeError`` on a misfit."""
        self.pictures, self.names = list(np.asarray(tensors["pictures"], np.float32)), list(names)
        self.sigma = {name[6:]: np.array(value) for name, value in tensors.items() if name.startswith("sigma.")}
        self._take_template()
        weights = {name[4:]: value for name, value in tensors.items() if name.startswith("net.")}
        self.net = net_from(RECIPE.inputs, self.widths, weights) if self.stage.networked else None


def picture_score(found: FloatArray, mask: Mask) -> float:
    """The mean of the highest 1 % of a map."""
    values = np.sort(found[mask])
    return float(values[-max(1, round(TOP_SHARE * len(values))) :].mean())


def _scan_of(picture: FloatArray) -> tuple[FloatArray, Mask]:
    mask = np.isfinite(picture)
    return np.where(mask, picture, 0).astype(np.float32)[None], mask[None]


def _template(pictures: Sequence[FloatArray]) -> Template:
    images, masks = zip(*map(_scan_of, pictures), strict=True)
    return Template.of(images, masks)
