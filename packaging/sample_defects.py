"""Defects of the bundled sample: each changes a part in place and marks where, from obvious (1) to subtle (0)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sample_scene import (
    BORE,
    HOLE,
    HOLES,
    HUB,
    OUTER,
    OVERSAMPLE,
    Part,
    View,
    clouds,
    hole_centres,
    hole_distances,
    make_part,
    ramp,
)
from scipy import ndimage
from scipy.spatial import cKDTree

Defect = Callable[[np.random.Generator, View, float], Part]


def on_face(rng: np.random.Generator, low: float, high: float, clearance: float) -> tuple[float, float]:
    """Return a point of the face between two radii that keeps its distance from the holes and the etched code."""
    while True:
        r, a = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
        point = (float(r * np.cos(a)), float(r * np.sin(a)))
        clear = all(np.hypot(point[0] - u, point[1] - v) > HOLE + clearance for u, v in hole_centres())
        if clear and not (abs(point[0]) < 22 and point[1] > 80):
            return point


def _line_on_face(rng: np.random.Generator, length: float) -> tuple[tuple[float, float], float]:
    """Return start and direction of a line that lies on the metal nearly everywhere."""
    steps = np.linspace(0, length, 50)
    while True:
        start, heading = on_face(rng, BORE + 12, OUTER - 16, 2), float(rng.uniform(0, 2 * np.pi))
        u, v = start[0] + np.cos(heading) * steps, start[1] + np.sin(heading) * steps
        r = np.hypot(u, v)
        clear = hole_distances(u, v, [HOLE] * HOLES) > 3
        if (clear & (r > BORE + 4) & (r < OUTER - 7)).mean() > 0.97:
            return start, heading


def scratch(rng: np.random.Generator, view: View, strength: float) -> Part:
    """A tool or another part was drawn across the face."""
    part = make_part(view)
    length = rng.uniform(38, 55) + 65 * strength
    start, heading = _line_on_face(rng, length)
    for _ in range(1 + round(rng.uniform(0, 1.6) * strength)):
        _cut(rng, part, start, heading, length, strength)
        start = (start[0] + rng.normal(0, 6), start[1] + rng.normal(0, 6))
        heading, length = heading + rng.normal(0, 0.06), length * rng.uniform(0.35, 0.8)
    part.defect &= part.distance > 0
    return part


def _cut(
    rng: np.random.Generator, part: Part, start: tuple[float, float], heading: float, length: float, strength: float
) -> None:
    """Engrave one line that bends slightly and fades at both ends."""
    along = np.linspace(0, 1, 400)
    bend, wobble = rng.normal(0, 0.10), ndimage.gaussian_filter1d(rng.standard_normal(400), 12) * 1.2
    side = bend * length * 4 * along * (1 - along) + wobble
    cu = start[0] + np.cos(heading) * along * length - np.sin(heading) * side
    cv = start[1] + np.sin(heading) * along * length + np.cos(heading) * side
    pressure = np.clip(np.minimum(along * 9, (1 - along) * 3.5), 0, 1)
    pressure *= np.clip(1 + 0.5 * ndimage.gaussian_filter1d(rng.standard_normal(400), 6) * 3, 0.25, 1.6)
    near = (part.u > cu.min() - 5) & (part.u < cu.max() + 5) & (part.v > cv.min() - 5) & (part.v < cv.max() + 5)
    distance, index = cKDTree(np.stack([cu, cv], 1)).query(np.stack([part.u[near], part.v[near]], 1))
    width = 0.55 + 0.55 * strength
    groove = np.exp(-((distance / width) ** 2)) - 0.35 * np.exp(-(((distance - 1.9 * width) / width) ** 2))
    part.height[near] -= (0.18 + 0.55 * strength) * pressure[index] * groove
    part.fresh[near] = np.maximum(
        part.fresh[near], (0.45 + 0.5 * strength) * pressure[index] * ramp(distance, 2.2 * width, 0.4 * width)
    )
    part.defect[near] |= distance < 2.0 * width + 0.6


def dent(rng: np.random.Generator, view: View, strength: float) -> Part:
    """Something hard fell on the face."""
    part = make_part(view)
    cu, cv = on_face(rng, HUB + 14, OUTER - 24, 9)
    radius = rng.uniform(6.0, 7.5) + 5.5 * strength
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.65, 1.0)
    du, dv = part.u - cu, part.v - cv
    a, b = du * np.cos(turn) + dv * np.sin(turn), (dv * np.cos(turn) - du * np.sin(turn)) / stretch
    q = np.hypot(a, b) / radius * (1 + 0.05 * clouds(rng, (4.0, 9.0)))
    depth = radius * (0.06 + 0.20 * strength)
    part.height -= depth * (np.exp(-((1.55 * q) ** 2)) - 0.22 * np.exp(-(((q - 1.12) / 0.2) ** 2)))
    part.fresh = np.maximum(part.fresh, (0.15 + 0.45 * strength) * ramp(q, 0.9, 0.25)).astype(np.float32)
    part.defect |= (q < 1.2) & (part.distance > 0)
    return part


def rust(rng: np.random.Generator, view: View, strength: float) -> Part:
    """Water stood on the metal."""
    part = make_part(view)
    texture = clouds(rng, (1.2, 4.0, 12.0))
    for k in range(1 + round(rng.uniform(0.4, 2.4) * strength)):
        cu, cv = on_face(rng, BORE + 14, OUTER - 8, -6)
        radius = (rng.uniform(10, 14) + 17 * strength) * (1.0 if k == 0 else rng.uniform(0.3, 0.6))
        q = np.hypot(part.u - cu, (part.v - cv) * rng.uniform(0.8, 1.3)) / radius - 0.28 * texture
        cover = (0.45 + 0.47 * strength) * ramp(q, 1.05, 0.45)
        # Water dries from the outside in and leaves its edge darker.
        cover += (0.10 + 0.08 * strength) * np.exp(-(((q - 0.95) / 0.09) ** 2))
        part.stain = np.maximum(part.stain, cover).astype(np.float32)
    part.height -= 0.22 * strength * part.stain * clouds(rng, (0.8, 1.8))
    part.defect |= (ndimage.gaussian_filter(part.stain, OVERSAMPLE) > 0.07) & (part.distance > 0)
    return part


def chip(rng: np.random.Generator, view: View, strength: float) -> Part:
    """A piece broke off the rim."""
    part = make_part(view)
    whole = part.distance > 0
    angle = rng.uniform(0, 2 * np.pi)
    size = rng.uniform(5.0, 6.5) + 9.0 * strength
    centre = OUTER + size * rng.uniform(0.25, 0.45)
    du, dv = part.u - centre * np.cos(angle), part.v - centre * np.sin(angle)
    outward, sideways = du * np.cos(angle) + dv * np.sin(angle), dv * np.cos(angle) - du * np.sin(angle)
    ragged = 1.1 * clouds(rng, (2.5, 6.0))
    bite = np.hypot(outward, sideways / rng.uniform(1.1, 2.0)) - size + 0.5 * ragged
    part.distance = np.minimum(part.distance, bite).astype(np.float32)
    scar = 3.0 + 4.5 * strength
    broken = np.clip(1 - (bite + ragged) / scar, 0, 1) * (bite > -1)
    part.height -= broken**1.3 * scar * 0.75 + ramp(broken, 0.05, 0.4) * 0.45 * clouds(rng, (0.9, 2.2))
    part.fresh = np.maximum(part.fresh, 0.75 * ramp(broken, 0.0, 0.35)).astype(np.float32)
    part.defect |= whole & ((bite < 0) | (broken > 0.02))
    return part


def hole(rng: np.random.Generator, view: View, strength: float) -> Part:
    """A bolt hole is missing (obvious), packed with swarf, or drilled too small (subtle)."""
    k = int(rng.integers(HOLES))
    cu, cv = hole_centres()[k]
    radii = [HOLE] * HOLES
    if strength > 0.7:
        radii[k] = 0.0
    elif strength < 0.35:
        radii[k] = HOLE - 3.2
    part = make_part(view, radii)
    away = np.hypot(part.u - cu, part.v - cv)
    if strength > 0.7:  # Only the centre punch's mark is there.
        part.height -= 1.1 * np.exp(-((away / 1.5) ** 2))
    elif strength >= 0.35:
        level = clouds(rng, (1.2, 3.5)) - 5 - 0.6 * (part.u - cu) * rng.choice([-1, 1])
        packed = ramp(level, -13.0, -11.0) * (away < HOLE + 1.0)
        part.plug = np.maximum(part.plug, packed).astype(np.float32)
        part.height = np.where((part.plug > 0.5) & (part.distance < 0), level, part.height).astype(np.float32)
    part.defect |= away < HOLE + 4.0
    return part


DEFECTS: dict[str, Defect] = {"chip": chip, "dent": dent, "hole": hole, "rust": rust, "scratch": scratch}
