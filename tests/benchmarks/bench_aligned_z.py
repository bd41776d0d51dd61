"""The two baselines that need no network, on healthy scans with painted lesions: mean intensity and aligned z-score.

Usage: bench_aligned_z.py --data FOLDER [--count N]

Each with and without division by the scan's own mean score, which the design of AutoPaint rests on. The threshold is
that of the healthy training scans, each scored by the statistics of the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from autopaint_data import aligned, read, scans_of
from bench_autopaint import RATE, figures
from lesions import paint_lesions

from ad_desktop.data.volumes.placement import place
from ad_desktop.detectors.painting.batches import Scan, leave_one_out
from ad_desktop.detectors.painting.grid import common_grid
from ad_desktop.detectors.painting.maps import normalised, signed_map
from ad_desktop.detectors.painting.template import Template


def maps_of(scan: Scan) -> dict[str, np.ndarray]:
    """Anomaly maps by method."""
    flat = np.where(scan.mask, scan.image - scan.image[scan.mask].mean(), 0).astype(np.float32)
    found = {}
    for name, residual, sigma in (
        ("mean intensity", flat, np.ones_like(flat)), ("z", scan.image - scan.mean, scan.spread),
    ):  # fmt: skip
        score = np.abs(signed_map(residual, sigma, scan.mask))
        found[f"{name}, not divided"], found[name] = score, normalised(score, scan.mask)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args(argv)
    pairs = scans_of(options.data, "train")
    brains = [place(values > 0, affine) for values, affine in (read(labels) for _, labels in pairs)]
    grid = common_grid(brains, 2.0, "moments")
    images, masks = zip(*(aligned(grid, *pair) for pair in pairs), strict=True)
    healthy: dict[str, list[np.ndarray]] = {}
    for scan in leave_one_out(images, masks)[::3]:
        for name, score in maps_of(scan).items():
            healthy.setdefault(name, []).append(score[scan.mask])
    threshold = {name: float(np.quantile(np.concatenate(scores), 1 - RATE)) for name, scores in healthy.items()}
    template = Template.of(images, masks).statistics()
    spoilt: dict[str, list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]] = {}
    for number, pair in enumerate(scans_of(options.data, "validation")[: options.count]):
        image, mask = aligned(grid, *pair)
        painted, lesions = paint_lesions(image, mask, grid.spacing, 1000 + number)
        truth = np.any([lesion.mask for lesion in lesions], axis=0)
        for name, score in maps_of(Scan(painted, mask, *template)).items():
            parts = [lesion.mask[mask] for lesion in lesions]
            spoilt.setdefault(name, []).append((score[mask], truth[mask], parts))
    for name, items in spoilt.items():
        print(name, {key: round(value, 3) for key, value in figures(items, threshold[name]).items()}, flush=True)


if __name__ == "__main__":
    main()
