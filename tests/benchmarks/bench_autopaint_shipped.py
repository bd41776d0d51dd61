"""The model of healthy brains that ships, as it is, on healthy scans with painted lesions.

Usage: bench_autopaint_shipped.py MODEL --data FOLDER [--count N] [--seeds N]

The same lesions, scans and rules as in bench_autopaint.py, with the model's own stage, before and after refinement.
With several seeds each scan has as many sets of lesions; those of one scan are no independent samples, so that standard
errors are those of means over the sets of each scan.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from autopaint_data import aligned, scans_of
from bench_autopaint import RATE, dice, figures, show
from lesions import paint_lesions
from sklearn.metrics import average_precision_score

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.stages import examine
from ad_desktop.task import Task
from ad_desktop.workflows.store import load_model

Spoilt = tuple[np.ndarray, np.ndarray, list[np.ndarray]]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1, help="sets of lesions for each scan")
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(1)
    model = load_model(options.model, "cpu").detector.scans_
    stages = {"first pass": replace(model.plan.stage, refinement=None), "shipped": model.plan.stage}

    def scores(image: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
        scan, _ = model.even(Scan(image, mask, model.mean, model.spread))
        return {n: examine(model.painter, scan, model.sigma, s, Task()).score[mask] for n, s in stages.items()}

    start = time.process_time()
    clean: dict[str, list[np.ndarray]] = {name: [] for name in stages}
    for pair in scans_of(options.data, "train")[4::5]:
        for name, found in scores(*aligned(model.grid, *pair)).items():
            clean[name].append(found)
    threshold = {name: float(np.quantile(np.concatenate(found), 1 - RATE)) for name, found in clean.items()}
    print(f"thresholds {threshold}, {time.process_time() - start:.0f} s of processor time", flush=True)
    spoilt: dict[str, list[Spoilt]] = {name: [] for name in stages}
    for number, pair in enumerate(scans_of(options.data, "validation")[: options.count]):
        image, mask = aligned(model.grid, *pair)
        for seed in range(options.seeds):
            painted, lesions = paint_lesions(image, mask, model.grid.spacing, 1000 + number + 1000 * seed)
            truth = np.any([lesion.mask for lesion in lesions], axis=0)[mask]
            for name, found in scores(painted, mask).items():
                spoilt[name].append((found, truth, [lesion.mask[mask] for lesion in lesions]))
        if number % 4 == 3 or number == options.count - 1:
            print(f"{number + 1} scans, {time.process_time() - start:.0f} s of processor time")
            show({name: figures(items, threshold[name]) for name, items in spoilt.items()})
            show_gains(spoilt["shipped"], spoilt["first pass"], threshold, options.seeds)


def show_gains(after: Sequence[Spoilt], before: Sequence[Spoilt], threshold: dict[str, float], seeds: int) -> None:
    """Print what refinement gains over its own first pass, paired; ``seeds`` sets of lesions of a scan in a row."""
    both = list(zip(after, before, strict=True))
    ranked = [average_precision_score(a[1], a[0]) - average_precision_score(b[1], b[0]) for a, b in both]
    cut = [dice(a[0] > threshold["shipped"], a[1]) - dice(b[0] > threshold["first pass"], b[1]) for a, b in both]
    for what, gains in (("AP", ranked), ("Dice", cut)):
        by_scan = np.reshape(gains, (-1, seeds)).mean(axis=1)
        error = np.std(by_scan) / max(1, len(by_scan) - 1) ** 0.5
        better = (
            f"better on {sum(g > 0 for g in by_scan)} of {len(by_scan)} scans, {sum(g > 0 for g in gains)} of "
            f"{len(gains)} sets"
        )
        print(f"refinement, paired: {what} {np.mean(gains):+.4f} ± {error:.4f}, {better}", flush=True)


if __name__ == "__main__":
    main()
