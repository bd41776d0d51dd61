"""Training slices: aligned healthy scans with holes and corruption, each batch a function of seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.corrupt import NOISE, coarse_noise, corrupted
from ad_desktop.detectors.painting.holes import random_holes
from ad_desktop.detectors.painting.template import Template

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", np.float32, np.bool_)

EXTRA_CHANNELS = 6
"""Hole, body, mean, spread, height, distance from the mean in spreads."""
AROUND = 4.0
"""Pixels: how far the blur that fills a hole looks for what is around it, as a standard deviation."""
FARTHEST = 6.0
"""Spreads from the mean beyond which a voxel is just far."""


@dataclass(frozen=True)
class Scan:
    """One aligned healthy scan (z, y, x), its mask, and mean and spread of the *other* scans there.

    Mean and spread are 0 and 1 where scans are not aligned.
    """

    image: FloatArray
    mask: Mask
    mean: FloatArray
    spread: FloatArray


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

    @property
    def inputs(self) -> int:
        """Input channels of the network."""
        return 2 * self.context + 1 + EXTRA_CHANNELS


def leave_one_out(images: Sequence[FloatArray], masks: Sequence[Mask]) -> list[Scan]:
    """Scans beside the statistics of all others, so that a network cannot read a scan's own values from them."""
    template = Template.of(images, masks)
    return [Scan(i, m, *template.less([(i, m)]).statistics()) for i, m in zip(images, masks, strict=True)]


def apart(image: FloatArray, mask: Mask) -> Scan:
    """A scan that is not aligned with any other."""
    mean, spread = (np.broadcast_to(np.float32(value), mask.shape) for value in (0, 1))
    return Scan(image, mask, mean, spread)


def make_batch(scans: Sequence[Scan], recipe: Recipe, spacing: float, size: int, rng: np.random.Generator) -> Batch:
    """``size`` slices drawn at random, augmented, holed and corrupted."""
    made = [_example(scans, recipe, spacing, rng) for _ in range(size)]
    return Batch(*(np.stack(column) for column in zip(*made, strict=True)))


def assemble(
    window: FloatArray, hole: Mask, mask: Mask, mean: FloatArray, spread: FloatArray, height: float, recipe: Recipe
) -> tuple[FloatArray, FloatArray]:
    """Network input (C, H, W) and base (1, H, W) from slices (k, H, W) around one slice; holes are punched here."""
    if not recipe.aligned:
        filled = filled_from_around(window, hole, mask)
        nothing = np.zeros_like(filled[0])
        inputs = np.concatenate([filled, np.stack([hole, mask, *(nothing,) * (EXTRA_CHANNELS - 2)])])
        return inputs.astype(np.float32), filled[recipe.context][None]
    told = (mean, spread) if recipe.prior else (np.zeros_like(mean), np.zeros_like(spread))
    filled = np.where(hole, told[0], window)
    tall = np.full_like(mean, height)
    far = (filled[recipe.context] - mean) / spread if recipe.prior else np.zeros_like(mean)
    far = np.where(mask & ~hole, np.clip(far, -FARTHEST, FARTHEST) * np.float32(2 / FARTHEST), 0)
    inputs = np.concatenate([filled, np.stack([hole, mask, told[0], told[1], tall, far]).astype(np.float32)])
    return inputs.astype(np.float32), told[0][None].astype(np.float32)


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
    window = _augmented(
        windowed(scan.image, z, recipe.context)[around], windowed(scan.mask, z, recipe.context)[around], rng
    )
    hole, changed, judged = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool), mask
    kind = rng.random()
    seen = window
    if kind < recipe.corruption:
        if rng.random() < recipe.blots:
            partner = scans[int(rng.integers(len(scans)))].image
            other = windowed(partner, int(np.clip(z + rng.integers(-9, 10), 0, len(partner) - 1)), recipe.context)
            seen, changed = corrupted(window, other[around], spacing, rng)
        else:
            noise = coarse_noise(window.shape, spacing, rng) * np.float32(NOISE)
            # Noise is everywhere: there is no saying which voxel is not healthy.
            seen, changed, judged = window + noise, np.abs(noise[0]) > NOISE / 2, np.zeros_like(mask)
    if kind > 1 - recipe.holes:
        hole = random_holes(mask.shape, spacing, rng) & mask
    seen = np.where(mask, seen, 0).astype(np.float32)
    height = height_of(z, len(scan.image))
    inputs, base = assemble(seen, hole, mask, scan.mean[z][cut], scan.spread[z][cut], height, recipe)
    masks = (changed & mask & ~hole, hole, mask, judged & ~hole)
    parts = [inputs, base, window[recipe.context][None], *(part[None].astype(np.float32) for part in masks)]
    if rng.random() < 0.5:
        parts = [part[..., ::-1] for part in parts]
    return Batch(*parts)


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
