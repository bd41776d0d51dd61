"""AutoPaint on FDG PET, fitted on lesion-free slices, beside plain SUV thresholds with the same post-processing.

Usage: bench_autopaint_pet.py MODEL SCAN TRUTH [SCAN TRUTH ...] [--name GTV_Mass] [--min-ml ML]

MODEL comes from ``ad-desktop fit SCAN --detector autopaint --set align=none --set spacing=8 --window 0,5 --lesions
TRUTH``. SCAN is a folder with a series of PET, TRUTH its RTSTRUCT. Regions of TRUTH whose names begin with NAME are the
lesion; the others (edema) count neither way. Only the body counts; regions below ML are left out of all methods
alike. Each scan is measured whole and in the slices that show a region of TRUTH alone: none of them was learned.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from ad_desktop.data.volumes.contours import rtstruct_masks
from ad_desktop.data.volumes.opening import find_volumes
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.painting.prediction import PaintedPrediction
from ad_desktop.scoring.marking import Marking
from ad_desktop.task import Task
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model

COLUMNS = ("AP", "best Dice", "of lesion at 1 % FPR", "Dice", "of lesion", "FPR %", "false regions")


def row(
    score: np.ndarray, threshold: float, marking: Marking, volume: Volume, truth: np.ndarray, where: np.ndarray
) -> list[float]:
    """Figures of one method: ``where`` (z, y, x) is what counts."""
    labels, _ = marking.regions(score.astype(np.float32), threshold, volume, where)
    values, wanted = score[where], truth[where]
    cuts = np.quantile(values, 1 - np.geomspace(1e-4, 0.3, 80))
    dices = [2 * ((values > c) & wanted).sum() / ((values > c).sum() + wanted.sum()) for c in cuts]
    marked = (labels > 0)[where]
    hit = np.unique(labels[truth & where & (labels > 0)])
    return [
        float(average_precision_score(wanted, values)), max(dices),
        float((values[wanted] > np.quantile(values[~wanted], 0.99)).mean()),
        2 * (marked & wanted).sum() / (marked.sum() + wanted.sum()), float(marked[wanted].mean()),
        100 * float(marked[~wanted].mean()), len(np.unique(labels[labels > 0])) - len(hit),
    ]  # fmt: skip


def show(title: str, rows: dict[str, list[float]]) -> None:
    """Print figures as a table."""
    print(f"\n{title}\n\n| method | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}")
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values[:-1]) + f" | {values[-1]} |")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--name", default="GTV_Mass")
    parser.add_argument("--min-ml", type=float, default=1.0)
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(1)
    model = load_model(options.model, "cpu")
    for folder, drawn in zip(options.files[::2], options.files[1::2], strict=True):
        start = time.process_time()
        [info] = [series for series in find_volumes([folder]).series if series.modality == "PT"]
        result = next(predict(model, [info.sample], Task(), keep_volumes=True))
        if result.error or result.volume is None or not isinstance(result.prediction, PaintedPrediction):
            print(f"{folder}: {result.error}")
            continue
        volume, prediction, limit = result.volume, result.prediction, model.map_threshold
        regions = rtstruct_masks(drawn, volume)
        truth = np.any([mask for name, mask in regions.items() if name.startswith(options.name)], axis=0)
        shown = np.any(list(regions.values()), axis=0)
        body = prediction.looked_at & (truth | ~shown)
        score, suv = prediction.anomaly_map, np.asarray(volume.array, np.float32)
        plain = Marking(options.min_ml)
        unseen = body & shown.any(axis=(1, 2), keepdims=True)
        top = 0.41 * float(suv[prediction.looked_at].max())
        methods = {
            "AutoPaint": (score, limit, plain),
            "AutoPaint, brighter only": (np.where(prediction.deviation > 0, score, 0), limit, plain),
            "AutoPaint where SUV > 2.5": (np.where(suv > 2.5, score, 0), limit, plain),
            **{f"SUV > {cut:.3g}{what}": (suv, cut, plain) for cut, what in ((2.5, ""), (4.0, ""), (top, " (41 %)"))},
        }  # fmt: skip
        print(
            f"\n{folder}: lesion {truth.sum() * volume.voxel_ml:.0f} ml, SUV {suv[truth].mean():.1f}, at most "
            f"{suv[truth].max():.1f}; score {prediction.anomaly_score:.2f} of {model.threshold.value:.2f}; "
            f"{time.process_time() - start:.0f} s of processor time"
        )
        for title, where in (("Whole scan", body), ("Slices with the lesion or edema", unseen)):
            show(title, {name: row(*how, volume, truth, where) for name, how in methods.items()})


if __name__ == "__main__":
    main()
