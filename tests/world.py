"""A small world of pictures for tests of whole commands and workflows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from pictures import save, textured, with_defect, write_bad_files

from ad_desktop.workflows.fit import FitOutcome

SIDE = 96
SMALL = {"image_size": 64}
"""Parameters of a fit that takes half a second."""

Fit = Callable[..., FitOutcome]
"""A fit of samples with small parameters."""


def make_world(root: Path) -> Path:
    """Write 20 good pictures, 8 to check, bad files, an empty folder, a data set and a file of three pages."""
    for number in range(20):
        save(root / "good" / f"{number:03}.png", textured(number, SIDE))
    for number in range(4):
        save(root / "check" / f"ok {number}.png", textured(100 + number, SIDE))
        save(root / "check" / f"dé fect {number}.png", with_defect(textured(200 + number, SIDE), number)[0])
    write_bad_files(root / "bad")
    (root / "empty").mkdir()
    make_dataset(root / "set")
    pages = np.stack([textured(500 + page, SIDE) for page in range(3)])
    tifffile.imwrite(root / "pages.tif", pages, photometric="minisblack")
    return root


def make_dataset(root: Path, masks: bool = True) -> Path:
    """Write a data set in the layout of MVTec AD: 8 pictures to learn from; 5 good and 2 × 3 spoilt ones to test on."""
    for number in range(8):
        save(root / "train" / "good" / f"{number:03}.png", textured(number, SIDE))
    for number in range(5):
        save(root / "test" / "good" / f"{number:03}.png", textured(300 + number, SIDE))
    for kind, seed in (("spot", 400), ("stain", 450)):
        for number in range(3):
            picture, mask = with_defect(textured(seed + number, SIDE), seed + number)
            save(root / "test" / kind / f"{number:03}.png", picture)
            if masks:
                save(root / "ground_truth" / kind / f"{number:03}_mask.png", mask.astype(np.uint8) * 255)
    return root
