"""Lesions and balls painted into healthy scans by a seeded generator, with their masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

KINDS = ("dark", "bright", "shuffled", "foreign")


@dataclass(frozen=True)
class Lesion:
    """``kind`` of a lesion, its mask (z, y, x), and its three half axes in mm."""

    kind: str
    mask: np.ndarray
    axes_mm: tuple[float, float, float]


def paint_lesions(
    image: np.ndarray, mask: np.ndarray, spacing: float, seed: int, count: int = 4
) -> tuple[np.ndarray, list[Lesion]]:
    """A copy of a scan (z, y, x) with ``count`` soft-edged ellipsoids of 4–12 mm, one of each kind in turn.

    Dark and bright ones change by 15–50 % of the body's 1–99 % range; shuffled ones hold their own voxels in another
    order, foreign ones tissue from elsewhere in the scan. They lie inside ``mask`` and do not touch.
    """
    rng = np.random.default_rng(seed)
    low, high = np.percentile(image[mask], [1, 99])
    found, lesions, taken = image.copy(), [], np.zeros(mask.shape, bool)
    inside = np.argwhere(ndimage.binary_erosion(mask, iterations=3))
    while len(lesions) < count:
        centre = inside[rng.integers(len(inside))]
        axes = rng.uniform(4, 12, 3)
        distance = _distance(mask.shape, centre, axes / spacing, rng)
        weight = np.clip((1.15 - distance) / 0.3, 0, 1) * mask
        region = weight > 0.5
        if (ndimage.binary_dilation(region, iterations=3) & taken).any() or region.sum() < 8:
            continue
        kind = KINDS[len(lesions) % len(KINDS)]
        found = found + weight * (_changed(kind, image, mask, region, (low, high), inside, rng) - found)
        taken |= region
        lesions.append(Lesion(kind, region, (float(axes[0]), float(axes[1]), float(axes[2]))))
    return found.astype(np.float32), lesions


def paint_ball(
    image: np.ndarray, mask: np.ndarray, spacing: float, radius_mm: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A copy of a scan (z, y, x) with a soft-edged ball, darker or brighter by 40 % of the body's 1–99 % range, and its
    mask; it lies inside ``mask``, 3 mm from its edge at least.
    """
    rng = np.random.default_rng(seed)
    inside = np.argwhere(ndimage.distance_transform_edt(mask) * spacing > radius_mm + 3)
    centre = inside[rng.integers(len(inside))]
    offsets = np.stack(np.meshgrid(*(np.arange(n) - c for n, c in zip(mask.shape, centre, strict=True)), indexing="ij"))
    distance = np.linalg.norm(offsets * spacing, axis=0)
    low, high = np.percentile(image[mask], [1, 99])
    weight = np.clip((radius_mm + 0.5 - distance) / 1.5, 0, 1) * mask
    change = 0.4 * (high - low) * (1 if rng.random() < 0.5 else -1)
    return (image + weight * change).astype(np.float32), (distance <= radius_mm) & mask


def _distance(shape: tuple[int, ...], centre: np.ndarray, axes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distance from the centre of a turned ellipsoid, 1 on its surface."""
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    offsets = np.stack(np.meshgrid(*(np.arange(n) - c for n, c in zip(shape, centre, strict=True)), indexing="ij"), -1)
    return np.linalg.norm((offsets @ turn) / axes, axis=-1)


def _changed(
    kind: str, image: np.ndarray, mask: np.ndarray, region: np.ndarray, ends: tuple[float, float],
    inside: np.ndarray, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    amount = rng.uniform(0.15, 0.5) * (ends[1] - ends[0])
    if kind in ("dark", "bright"):
        return image + (amount if kind == "bright" else -amount)
    if kind == "shuffled":
        changed = image.copy()
        around = ndimage.binary_dilation(region, iterations=2) & mask
        changed[around] = rng.permutation(image[around])
        return changed
    shift = inside[rng.integers(len(inside))] - np.argwhere(region).mean(axis=0).astype(int)
    moved = np.roll(image, tuple(-shift), (0, 1, 2))
    there = np.roll(mask, tuple(-shift), (0, 1, 2))
    return np.where(there, moved, image)
