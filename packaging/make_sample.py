"""Render the bundled sample, ``resources/sample``: the pictures, their masks and nothing else.

Run ``python packaging/make_sample.py [FOLDER]``. The same seeds give the same pictures; a picture takes about two
seconds of one processor core. Needs numpy, scipy and Pillow.
"""

from __future__ import annotations

import argparse
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sample_defects import DEFECTS
from sample_scene import OVERSAMPLE, SIZE, View, expose, light_scene, make_part

SEED = 2026
GOOD_TRAIN, GOOD_TEST, PER_DEFECT = 60, 15, 6
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Picture:
    """One picture of the sample: its place in the MVTec layout and how strong its defect is."""

    split: str
    kind: str
    number: int
    strength: float = 0.0

    @property
    def path(self) -> Path:
        """The picture's path below the sample's folder."""
        return Path(self.split, self.kind, f"{self.number:03d}.jpg")

    @property
    def mask_path(self) -> Path | None:
        """The mask's path below the sample's folder; None for a good part."""
        return None if self.kind == "good" else Path("ground_truth", self.kind, f"{self.number:03d}_mask.png")


def pictures() -> list[Picture]:
    """Return every picture of the sample."""
    plan = [Picture("train", "good", n) for n in range(GOOD_TRAIN)]
    plan += [Picture("test", "good", n) for n in range(GOOD_TEST)]
    for kind in DEFECTS:
        plan += [Picture("test", kind, n, 1 - n / (PER_DEFECT - 1)) for n in range(PER_DEFECT)]
    return plan


def render(picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return the RGB picture (SIZE, SIZE, 3), and its mask (SIZE, SIZE) of 0 and 255 (None for a good part)."""
    rng = np.random.default_rng([SEED, zlib.crc32(f"{picture.split}/{picture.kind}".encode()), picture.number])
    view = View.draw(rng)
    if picture.kind == "good":
        return expose(rng, light_scene(rng, make_part(view), view), view), None
    part = DEFECTS[picture.kind](rng, view, picture.strength)
    cover = part.defect.reshape(SIZE, OVERSAMPLE, SIZE, OVERSAMPLE).mean((1, 3))
    mask = np.where(cover >= 0.5, 255, 0).astype(np.uint8)
    return expose(rng, light_scene(rng, part, view), view), mask


def write(picture: Picture, folder: Path) -> None:
    """Render one picture into the sample's folder, with its mask."""
    image, mask = render(picture)
    path = folder / picture.path
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=JPEG_QUALITY, subsampling=0, optimize=True)
    if mask is not None and picture.mask_path is not None:
        mask_path = folder / picture.mask_path
        mask_path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(mask_path, optimize=True)


def main() -> None:
    """Write the whole sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(__file__).resolve().parent.parent / "resources" / "sample"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    folder = parser.parse_args().folder
    plan = pictures()
    with ProcessPoolExecutor() as pool:
        for picture, _ in zip(plan, pool.map(write, plan, repeat(folder)), strict=True):
            print(folder / picture.path)


if __name__ == "__main__":
    main()
