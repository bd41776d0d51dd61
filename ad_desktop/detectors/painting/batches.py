"""Training slices: aligned healthy scans with holes and corruption, each batch a function of seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.corrupt import NOISE, coarse_noise, corrupted
from ad_desktop.detectors.painting.holes import random_holes
from ad_desktop.detectors.painting.template import Template
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", np.float32, np.bool_)

EXTRA_CHANNELS = 6
"""Hole, body, mean, spread, height, distance from the mean in spreads."""
EXTRA_OF_MORE = 3
"""Of each further modality: mean, spread, distance."""
AROUND = 4.0
"""Pixels: how far the blur that fills a hole looks for what is around it, as a standard deviation."""
FARTHEST = 6.0
"""Spreads from the mean beyond which a voxel is just far."""


@dataclass(frozen=True)
class Scan:
    """One aligned healthy scan (z, y, x), its mask, and mean and spread of the *other* scans there.

    Mean and spread are 0 and 1 where scans are not aligned. ``beside`` are the other modalities on the same voxels, in
    the order that the network has them, without this one, which is number ``channel``.
    """

    image: FloatArray
    mask: Mask
    mean: FloatArray
    spread: FloatArray
    beside: tuple[Scan, ...] = ()
    channel: int = 0

    @property
    def modalities(self) -> tuple[Scan, ...]:
        """All of them, in the network's order."""
        return (*self.beside[: self.channel], self, *self.beside[self.channel :])

    def seen_as(self, channel: int) -> Scan:
        """The same with another modality in the first place, whose difference to healthy appearance is asked for."""
        every = self.modalities
        beside = (*every[:channel], *every[channel + 1 :])
        return replace(every[channel], beside=beside, channel=channel)


class Batch(NamedTuple):
    """Arrays N×C×H×W float32: network input, healthy mean, truth, and the rest as ``painting_loss`` takes it."""

    inputs: FloatArray
    base: FloatArray
    truth: FloatArray
    changed: FloatArray
    hidden: FloatArray
    body: FloatArray
    judged: FloatArray


@dataclass(frozen=True)
class Recipe:
    """How slices are made: ``context`` neighbours on each side, and how often holes and corruption come.

    ``holes`` and ``corruption`` are shares of slices; ``blots`` the share of corrupted ones with patches rather than
    coarse noise. Without ``prior`` the network is not told the healthy mean and spread. Training sees squares of
    ``crop_mm``, since much of a slice is empty, with sides that are a ``multiple``. Where scans are not ``aligned``, no
    place means anything: the network is told neither mean nor height, and changes what it sees.
    """

    context: int = 1
    holes: float = 0.5
    corruption: float = 0.7
    blots: float = 0.8
    prior: bool = True
    crop_mm: float = 128.0
    multiple: int = 8
    aligned: bool = True
    modalities: int = 1

    @property
    def inputs(self) -> int:
        """Input channels of the network."""
        slices = 2 * self.context + 1
        return slices + EXTRA_CHANNELS + (self.modalities - 1) * (slices + EXTRA_OF_MORE)


def leave_one_out(images: Sequence[FloatArray], masks: Sequence[Mask], task: Task | None = None) -> list[Scan]:
    """Scans beside the statistics of all others, so that a network cannot read a scan's own values from them."""
    template, found = Template.of(images, masks, task), []
    for image, mask in zip(images, masks, strict=True):
        (task or Task()).check()
        found.append(Scan(image, mask, *template.less([(image, mask)]).statistics()))
    return found


def apart(image: FloatArray, mask: Mask) -> Scan:
    """A scan that is not aligned with any other."""
    mean, spread = (np.broadcast_to(np.float32(value), mask.shape) for value in (0, 1))
    return Scan(image, mask, mean, spread)


def joined(modalities: Sequence[Sequence[Scan]]) -> list[Scan]:
    """Scans of several modalities from lists of them, one list for each modality, all in the same order."""
    return [replace(first, beside=tuple(rest)) for first, *rest in zip(*modalities, strict=True)]


def make_batch(scans: Sequence[Scan], recipe: Recipe, spacing: float, size: int, rng: np.random.Generator) -> Batch:
    """``size`` slices drawn at random, augmented, holed and corrupted."""
    made = [_example(scans, recipe, spacing, rng) for _ in range(size)]
    return Batch(*(np.stack(column) for column in zip(*made, strict=True)))


class Slices(NamedTuple):
    """One modality around a slice: ``window`` (k, H, W), healthy mean and spread (H, W) there."""

    window: FloatArray
    mean: FloatArray
    spread: FloatArray


def assemble(
    modalities: Sequence[Slices], hole: Mask, mask: Mask, height: float, recipe: Recipe
) -> tuple[FloatArray, FloatArray]:
    """Network input (inputs, H, W) and base (modalities, H, W); the hole is punched through all slices of all."""
    planes, bases = [], []
    for number, (window, mean, spread) in enumerate(modalities):
        none = np.zeros_like(window[0])
        told = (mean, spread) if recipe.aligned and recipe.prior else (none, none)
        filled = np.where(hole, told[0], window) if recipe.aligned else filled_from_around(window, hole, mask)
        far = none
        if recipe.aligned and recipe.prior:
            far = (filled[recipe.context] - mean) / spread
            far = np.where(mask & ~hole, np.clip(far, -FARTHEST, FARTHEST) * np.float32(2 / FARTHEST), 0)
        tall = np.full_like(none, height if recipe.aligned else 0)
        shared = ((hole, mask), (tall,)) if not number else ((), ())
        planes += [*filled, *shared[0], *told, *shared[1], far]
        bases.append(told[0] if recipe.aligned else filled[recipe.context])
    return np.stack(planes, dtype=np.float32, casting="unsafe"), np.stack(bases, dtype=np.float32, casting="unsafe")


def slices_of(scan: Scan, z: int, context: int) -> list[Slices]:
    """Every modality of a scan around a slice."""
    return [Slices(windowed(one.image, z, context), one.mean[z], one.spread[z]) for one in scan.modalities]


def filled_from_around(window: FloatArray, hole: Mask, mask: Mask) -> FloatArray:
    """Slices (k, H, W) with the hole filled by a blur of what can be seen of each; 0 outside the mask."""
    from scipy import ndimage

    if not hole.any():
        return window
    seen = (mask & ~hole).astype(np.float32)
    sigma = (0, AROUND, AROUND)
    weight = ndimage.gaussian_filter(seen, AROUND)
    blurred = ndimage.gaussian_filter(window * seen, sigma) / np.maximum(weight, 1e-6)
    return np.where(hole, np.where(mask, blurred, 0), window).astype(np.float32)


def windowed(image: NDArray[Scalar], z: int, context: int) -> NDArray[Scalar]:
    """Slices z − context … z + context; beyond the ends the last one is repeated."""
    return image[np.clip(np.arange(z - context, z + context + 1), 0, len(image) - 1)]


def height_of(z: int, count: int) -> float:
    """Position of a slice, −1 to 1."""
    return 2 * z / max(count - 1, 1) - 1


def _example(scans: Sequence[Scan], recipe: Recipe, spacing: float, rng: np.random.Generator) -> Batch:
    scan = scans[int(rng.integers(len(scans)))]
    z = int(rng.choice(np.flatnonzero(scan.mask.any(axis=(1, 2)))))
    cut = _square(scan.mask[z], round(recipe.crop_mm / spacing), recipe.multiple, rng)
    mask = scan.mask[z][cut]
    around = (..., *cut)
    inside = windowed(scan.mask, z, recipe.context)[around]
    modalities = [
        Slices(_augmented(s.window[around], inside, rng), s.mean[cut], s.spread[cut])
        for s in slices_of(scan, z, recipe.context)
    ]
    clean = np.stack([s.window for s in modalities])
    hole, changed, judged = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool), mask
    kind = rng.random()
    seen = clean
    if kind < recipe.corruption:
        if rng.random() < recipe.blots:
            partner = scans[int(rng.integers(len(scans)))]
            place = int(np.clip(z + rng.integers(-9, 10), 0, len(partner.image) - 1))
            other = np.stack([s.window[around] for s in slices_of(partner, place, recipe.context)])
            seen, changed = _blotted(clean, other, spacing, rng)
        else:
            noise = coarse_noise(clean.shape[1:], spacing, rng) * np.float32(NOISE)
            # Noise is everywhere: there is no saying which voxel is not healthy.
            seen, changed, judged = clean + noise, np.abs(noise[0]) > NOISE / 2, np.zeros_like(mask)
    if kind > 1 - recipe.holes:
        hole = random_holes(mask.shape, spacing, rng) & mask
    seen = np.where(mask, seen, 0).astype(np.float32)
    height = height_of(z, len(scan.image))
    shown = [s._replace(window=window) for s, window in zip(modalities, seen, strict=True)]
    inputs, base = assemble(shown, hole, mask, height, recipe)
    masks = (changed & mask & ~hole, hole, mask, judged & ~hole)
    parts = [inputs, base, clean[:, recipe.context], *(part[None].astype(np.float32) for part in masks)]
    if rng.random() < 0.5:
        parts = [part[..., ::-1] for part in parts]
    return Batch(*parts)


def _blotted(clean: FloatArray, other: FloatArray, spacing: float, rng: np.random.Generator) -> tuple[FloatArray, Mask]:
    """Slices (modalities, k, H, W) with blots in the same places of some modalities, and those places."""
    count = len(clean)
    # What does not belong need not show in every modality.
    chosen = [0] if count == 1 else [c for c in range(count) if rng.random() < 0.7] or [int(rng.integers(count))]
    shape = (-1, *clean.shape[2:])
    found, changed = corrupted(clean[chosen].reshape(shape), other[chosen].reshape(shape), spacing, rng)
    seen = clean.copy()
    seen[chosen] = found.reshape(clean[chosen].shape)
    return seen, changed


def _square(mask: Mask, side: int, multiple: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square around any place of a mask, as large as fits; a ``multiple``, as the grid is."""
    middle = np.argwhere(mask)[int(rng.integers(np.count_nonzero(mask)))]
    lengths = [min(n, max(multiple, side // multiple * multiple)) for n in mask.shape]
    starts = [
        int(np.clip(m - length // 2, 0, n - length)) for m, length, n in zip(middle, lengths, mask.shape, strict=True)
    ]
    rows, columns = (slice(start, start + length) for start, length in zip(starts, lengths, strict=True))
    return rows, columns


def _augmented(window: FloatArray, mask: Mask, rng: np.random.Generator) -> FloatArray:
    """Gamma and a slow change of brightness across the slice, as between scanners."""
    gamma = float(np.exp(rng.normal(0, 0.08)))
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in window.shape[-2:])
    slope = rng.normal(0, 0.04, 2).astype(np.float32)
    field = 1 + slope[0] * rows[:, None] + slope[1] * columns[None, :]
    changed = np.sign(window) * np.abs(window) ** np.float32(gamma) * field
    return np.where(mask, changed, 0).astype(np.float32)
