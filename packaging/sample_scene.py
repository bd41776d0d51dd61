"""Scene of the bundled sample: a turned metal flange on a dark bench, shaded as an inspection camera sees it.

Lengths are pixels of the finished picture. Everything is computed on a grid ``OVERSAMPLE`` times finer.
The part lies in its own coordinates (u, v), centred on its bore; x, y are the camera's, centred on the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIZE = 384
OVERSAMPLE = 2
CAMERA_DISTANCE = 950.0

OUTER, HUB, BORE, KEYWAY = 148.0, 69.0, 37.0, 7.0
BOLT_CIRCLE, HOLES, HOLE = 107.0, 6, 12.5
THICKNESS, HUB_STEP = 24.0, 7.0
CHAMFER_SLOPE = 0.6
GROOVE, GROOVE_HALF, GROOVE_DEPTH = 131.5, 1.6, 1.3
CODE_RADIUS, CODE_MODULES, CODE_SIZE = 101.0, 12, 24.0

METAL = (0.90, 0.905, 0.915)
BENCH = (0.050, 0.058, 0.068)
# Position of a lamp, spread of its highlight along and across the turning marks, colour, strength.
LAMPS = (
    ((-420.0, -360.0, 640.0), 0.125, 0.42, (1.00, 0.955, 0.88), 1.45),
    ((520.0, -120.0, 700.0), 0.09, 0.38, (0.80, 0.91, 1.00), 0.62),
    ((40.0, 620.0, 520.0), 0.16, 0.40, (0.90, 0.95, 1.00), 0.30),
)


@dataclass(frozen=True)
class View:
    """What differs from one picture to the next without being a defect."""

    shift: tuple[float, float]
    angle: float
    zoom: float
    exposure: float
    warmth: float
    lamp_shift: tuple[float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> View:
        """Return a view within the tolerances of a well-kept station."""
        return cls(
            shift=(float(rng.normal(0, 2.2)), float(rng.normal(0, 2.2))),
            angle=float(np.radians(rng.normal(0, 1.3))),
            zoom=float(1 + rng.normal(0, 0.006)),
            exposure=float(np.exp(rng.normal(0, 0.06))),
            warmth=float(rng.normal(0, 0.02)),
            lamp_shift=(float(rng.normal(0, 14)), float(rng.normal(0, 14))),
        )


@dataclass
class Part:
    """The part before it is lit: maps on the fine grid, which the defects change."""

    x: Array
    y: Array
    u: Array
    v: Array
    distance: Array  # to the nearest edge, positive inside the metal
    height: Array  # above the flange's face
    fresh: Array  # 0…1, bare metal without turning marks
    stain: Array  # 0…1, covered by rust
    plug: Array  # 0…1, filled with something that is not the part
    defect: Mask = field(repr=False)


def grid() -> tuple[Array, Array]:
    """Return the camera's x and y of each point of the fine grid, from the picture's centre."""
    line = (np.arange(SIZE * OVERSAMPLE, dtype=np.float32) + 0.5) / OVERSAMPLE - SIZE / 2
    x, y = np.meshgrid(line, line)
    return x, y


def clouds(rng: np.random.Generator, scales: tuple[float, ...], shape: tuple[int, int] | None = None) -> Array:
    """Return smooth noise of standard deviation 1: the sum of layers with these feature sizes in pixels."""
    shape = shape or (SIZE * OVERSAMPLE, SIZE * OVERSAMPLE)
    total = np.zeros(shape, np.float32)
    for scale in scales:
        layer = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), scale * OVERSAMPLE, mode="wrap")
        total += layer / layer.std() * np.float32(scale**0.5)
    return total / total.std()


def ramp(value: Array, low: float, high: float) -> Array:
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def hole_centres() -> list[tuple[float, float]]:
    """Return the bolt holes' centres in part coordinates."""
    angles = [2 * np.pi * k / HOLES for k in range(HOLES)]
    return [(BOLT_CIRCLE * float(np.cos(a)), BOLT_CIRCLE * float(np.sin(a))) for a in angles]


def hole_distances(u: Array, v: Array, radii: list[float]) -> Array:
    """Return the distance to the nearest bolt hole's edge; a radius of 0 means it was never drilled."""
    distance = np.full_like(u, np.inf)
    for (cu, cv), radius in zip(hole_centres(), radii, strict=True):
        if radius > 0:
            distance = np.minimum(distance, np.hypot(u - cu, v - cv) - radius)
    return distance


def bore_distance(u: Array, v: Array) -> Array:
    """Return the distance to the edge of the bore with its keyway."""
    slot = np.maximum(np.abs(u) - KEYWAY, np.maximum(-v - BORE - 8.0, v))
    return np.minimum(np.hypot(u, v) - BORE, slot)


def make_part(view: View, radii: list[float] | None = None) -> Part:
    """Return a flawless part in this view, its bolt holes with these radii."""
    x, y = grid()
    cos, sin = np.float32(np.cos(view.angle)), np.float32(np.sin(view.angle))
    dx, dy = (x - view.shift[0]) / view.zoom, (y - view.shift[1]) / view.zoom
    u, v = (cos * dx + sin * dy).astype(np.float32), (cos * dy - sin * dx).astype(np.float32)
    r = np.hypot(u, v)
    holes, bore, outer = hole_distances(u, v, radii or [HOLE] * HOLES), bore_distance(u, v), OUTER - r
    height = HUB_STEP * np.clip((HUB - r) / 4.5, 0, 1)
    height -= GROOVE_DEPTH * ramp(GROOVE_HALF - np.abs(r - GROOVE), -0.6, 0.6)
    for edge, chamfer in ((outer, 5.0), (bore, 3.5), (holes, 4.0)):
        height -= CHAMFER_SLOPE * np.clip(chamfer - edge, 0, chamfer)
    empty = np.zeros_like(u)
    return Part(
        x,
        y,
        u,
        v,
        distance=np.minimum(np.minimum(holes, bore), outer),
        height=height.astype(np.float32),
        fresh=empty.copy(),
        stain=empty.copy(),
        plug=empty.copy(),
        defect=np.zeros(u.shape, bool),
    )


def code_cover(u: Array, v: Array) -> Array:
    """Return 1 where the part's laser-etched square code is dark; it is the same on every part."""
    modules = np.random.default_rng(40).random((CODE_MODULES, CODE_MODULES)) < 0.5
    modules[:, 0] = modules[-1, :] = True
    modules[0, :] = np.arange(CODE_MODULES) % 2 == 0
    modules[:, -1] = np.arange(CODE_MODULES) % 2 == 1
    column = np.floor((u + CODE_SIZE / 2) / CODE_SIZE * CODE_MODULES).astype(int)
    row = np.floor((v - CODE_RADIUS + CODE_SIZE / 2) / CODE_SIZE * CODE_MODULES).astype(int)
    inside = (column >= 0) & (column < CODE_MODULES) & (row >= 0) & (row < CODE_MODULES)
    dark = modules[np.clip(row, 0, CODE_MODULES - 1), np.clip(column, 0, CODE_MODULES - 1)]
    return ndimage.gaussian_filter((inside & dark).astype(np.float32), 0.35 * OVERSAMPLE)


def turning_marks(rng: np.random.Generator, part: Part) -> Array:
    """Return the radial slope left by the tool: rings that waver a little on their way round."""
    radii, turns = 1024, 512
    rings = np.zeros((radii, turns), np.float32)
    for across, along, strength in ((0.7, 40.0, 0.030), (2.0, 90.0, 0.026), (7.0, 200.0, 0.016)):
        layer = ndimage.gaussian_filter(rng.standard_normal((radii, turns), np.float32), (across, along), mode="wrap")
        rings += layer / layer.std() * strength
    r, theta = np.hypot(part.u, part.v), np.arctan2(part.v, part.u)
    where = np.stack([r * (radii / 160.0), (theta / (2 * np.pi) + 0.5) * turns])
    return ndimage.map_coordinates(rings, where, order=1, mode="wrap")


def shade_metal(rng: np.random.Generator, part: Part, view: View) -> Array:
    """Return the light the metal sends to the camera, (height, width, 3), linear.

    Ward's anisotropic reflection with the turning marks as the grain, under three lamps and a bright ceiling.
    """
    height = ndimage.gaussian_filter(part.height, 0.3 * OVERSAMPLE)
    slope_y, slope_x = np.gradient(height, 1 / OVERSAMPLE)
    r = np.maximum(np.hypot(part.u, part.v), 1e-3)
    radial = np.stack([part.x - view.shift[0], part.y - view.shift[1]]) / (r * view.zoom)
    marks = turning_marks(rng, part) * (1 - part.fresh)
    ripple = 0.010 * clouds(rng, (18.0, 45.0))
    normal = _unit(-slope_x - (marks + ripple) * radial[0], -slope_y - (marks + ripple) * radial[1], np.ones_like(r))
    grain = _unit(-radial[1], radial[0], radial[1] * -normal[0] / normal[2] + radial[0] * normal[1] / normal[2])
    eye = _unit(-part.x, -part.y, np.full_like(r, CAMERA_DISTANCE))
    finish = 1 + 0.05 * clouds(rng, (6.0, 25.0))
    light = np.zeros((*r.shape, 3), np.float32)
    for position, along, across, colour, strength in LAMPS:
        px, py = position[0] + view.lamp_shift[0], position[1] + view.lamp_shift[1]
        lamp = _unit(px - part.x, py - part.y, position[2] - height)
        half = _unit(*(lamp + eye))
        facing = np.clip((normal * lamp).sum(0), 0, None)
        spread = along * finish * (1 + 2.2 * part.fresh)
        tilt = ((half * grain).sum(0) / spread) ** 2
        cross = np.clip(1 - (half * normal).sum(0) ** 2 - (half * grain).sum(0) ** 2, 0, None) / across**2
        gleam = np.exp(-(tilt + cross)) + 0.17 * np.exp(-(tilt / 7 + cross / 1.5)) + 0.10 * part.fresh
        light += (strength * facing * gleam)[..., None] * np.asarray(colour, np.float32)
    mirror = 2 * normal[2] * normal - eye
    ceiling = 0.055 + 0.045 * ramp(mirror[2], 0.2, 1.0) - 0.035 * mirror[1] - 0.025 * mirror[0]
    light += ceiling[..., None] * np.asarray((0.94, 0.98, 1.04), np.float32)
    light *= np.asarray(METAL, np.float32)
    light *= (1 - 0.62 * code_cover(part.u, part.v))[..., None]
    return light * _openness(height)[..., None]


def _unit(a: Array, b: Array, c: Array) -> Array:
    vector = np.stack([a, b, c]).astype(np.float32)
    return vector / np.sqrt((vector**2).sum(0))


def _openness(height: Array) -> Array:
    """Return how much of the sky a point sees: less at the foot of a step."""
    buried = ndimage.gaussian_filter(height, 4 * OVERSAMPLE) - height
    return 1 - np.clip(buried, 0, 4) * 0.11


def shadow(relief: Array, lamp: tuple[float, float, float], softness: float) -> Array:
    """Return 0…1 of a lamp hidden at each point of a relief: the steepest thing that stands towards the lamp."""
    away = float(np.hypot(lamp[0], lamp[1]))
    rise, step = lamp[2] / away, 1.5
    steepest = np.full_like(relief, -np.inf)
    for k in range(1, 26):
        reach = k * step
        dx, dy = (round(reach * OVERSAMPLE * lamp[i] / away) for i in (0, 1))
        towards = np.roll(relief, (-dy, -dx), (0, 1))
        steepest = np.maximum(steepest, (towards - relief) / reach)
    hidden = ramp(steepest, rise * (1 - softness), rise * (1 + softness))
    return ndimage.gaussian_filter(hidden, 0.8 * OVERSAMPLE)


def shade_bench(rng: np.random.Generator, part: Part) -> Array:
    """Return the light of the bench, a worn dark rubber mat, (height, width, 3), linear."""
    x, y = part.x, part.y
    bumps = clouds(rng, (0.7, 1.6)) * 0.6 + clouds(rng, (9.0, 40.0)) * 0.4
    offset = rng.uniform(0, 6, 2)
    weave = np.sin((x + y + offset[0]) * (2 * np.pi / 5.6)) * np.sin((x - y + offset[1]) * (2 * np.pi / 5.6))
    level = 1 + 0.13 * bumps + 0.11 * weave
    specks = ndimage.gaussian_filter((rng.random(x.shape) < 2.2e-5).astype(np.float32), 0.5 * OVERSAMPLE)
    level = ndimage.gaussian_filter(level, 0.5 * OVERSAMPLE) + 16 * specks
    falloff = 1.2 - ((x + 60) ** 2 + (y + 70) ** 2) / 420.0**2
    return (level * np.clip(falloff, 0.25, None))[..., None] * np.asarray(BENCH, np.float32)


def shade_walls(part: Part) -> tuple[Array, Array]:
    """Return where a wall is seen in a bore or a hole, which the camera sees at a slant, and how bright it is."""
    lean = 1 + THICKNESS / CAMERA_DISTANCE
    below_u, below_v = part.u * lean, part.v * lean
    r = np.hypot(below_u, below_v)
    below = np.minimum(
        np.minimum(hole_distances(below_u, below_v, [HOLE] * HOLES), bore_distance(below_u, below_v)), OUTER + 50 - r
    )
    seen = ramp(below, -0.4, 0.4)
    gy, gx = np.gradient(ndimage.gaussian_filter(part.distance, OVERSAMPLE))
    steep = np.maximum(np.hypot(gx, gy), 1e-6)
    facing = (gx * 0.76 + gy * 0.65) / steep
    return seen, 0.05 + 0.22 * np.clip(facing, 0, None) ** 2


def shade_rust(rng: np.random.Generator, metal: Array) -> Array:
    """Return the light of rust lying where the metal sends this light."""
    tone = ramp(clouds(rng, (1.0, 3.0, 9.0)), -1.4, 1.6)[..., None]
    colour = (1 - tone) * np.asarray((0.105, 0.042, 0.020)) + tone * np.asarray((0.36, 0.155, 0.052))
    return (colour * (0.35 + 0.75 * np.clip(metal.mean(2, keepdims=True), 0, 1.2))).astype(np.float32)


def light_scene(rng: np.random.Generator, part: Part, view: View) -> Array:
    """Return the light of part, shadow and bench, (height, width, 3), linear, on the fine grid."""
    solid = np.clip(part.distance * OVERSAMPLE + 0.5, 0, 1)
    relief = np.where(part.distance > 0, part.height, -THICKNESS).astype(np.float32)
    relief = np.where(part.plug > 0.5, np.maximum(relief, part.height), relief)
    hidden = [shadow(relief, LAMPS[i][0], 0.55) for i in (0, 1)]
    metal = shade_metal(rng, part, view)
    metal *= (1 - 0.5 * hidden[0] - 0.15 * hidden[1])[..., None]
    rust = shade_rust(rng, metal)
    metal += part.stain[..., None] * (rust - metal)
    bench = shade_bench(rng, part) * (1 - 0.72 * hidden[0] - 0.2 * hidden[1])[..., None]
    seen, wall = shade_walls(part)
    inside = np.hypot(part.u, part.v) < OUTER - 8
    bench += (seen * inside)[..., None] * (wall[..., None] * np.asarray(METAL, np.float32) - bench)
    lump = shade_lump(rng, part)
    bench += part.plug[..., None] * (lump - bench)
    return bench + solid[..., None] * (metal - bench)


def shade_lump(rng: np.random.Generator, part: Part) -> Array:
    """Return the light of swarf and dirt packed into a hole."""
    rough = clouds(rng, (0.9, 3.0))
    slope_y, slope_x = np.gradient(ndimage.gaussian_filter(rough, 0.4 * OVERSAMPLE), 1 / OVERSAMPLE)
    level = 0.075 + 0.11 * np.clip(0.6 * slope_x + 0.5 * slope_y, -0.5, 2.5)
    return level[..., None] * np.asarray((1.0, 0.92, 0.82), np.float32)


def expose(rng: np.random.Generator, light: Array, view: View) -> NDArray[np.uint8]:
    """Return the 8-bit RGB picture the camera makes of the light: optics, sensor noise and tone curve."""
    bright = np.clip(light - 0.85, 0, 2)
    glow = sum(
        w * ndimage.gaussian_filter(bright, (s * OVERSAMPLE, s * OVERSAMPLE, 0)) for s, w in ((2.5, 0.10), (9, 0.08))
    )
    light = ndimage.gaussian_filter(light + glow, (0.45 * OVERSAMPLE, 0.45 * OVERSAMPLE, 0))
    light = light.reshape(SIZE, OVERSAMPLE, SIZE, OVERSAMPLE, 3).mean((1, 3))
    line = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    light *= (1 - 0.13 * (line[:, None] ** 2 + line[None, :] ** 2))[..., None]
    light *= view.exposure * np.asarray((1 + view.warmth, 1, 1 - view.warmth))
    noise = rng.standard_normal(light.shape) + 0.8 * rng.standard_normal((SIZE, SIZE, 1))
    noise = ndimage.gaussian_filter(noise, (0.5, 0.5, 0)) * 1.5
    light = np.clip(light + noise * np.sqrt(2.0e-5 * np.clip(light, 0, None) + 7e-7), 0, None)
    # The filmic curve of Narkowicz (2016), then sRGB's transfer function.
    toned = np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)
    coded = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    return np.rint(coded * 255).astype(np.uint8)
