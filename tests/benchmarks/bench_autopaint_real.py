"""The model of healthy brains that ships, on scans with real lesions.

Usage: bench_autopaint_real.py MODEL SCAN TRUTH [SCAN TRUTH ...] [--mask MASK]

Prints voxel average precision of the anomaly map inside the brain, of brightness and of darkness alone, and Dice and
false-positive rate at the model's own threshold; seconds of processor time and peak memory. MASK is what of a scan is
looked at, as for ad-desktop fit --mask.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from sklearn.metrics import average_precision_score

from ad_desktop.data.samples import VolumeSample
from ad_desktop.detectors.painting.prediction import PaintedPrediction
from ad_desktop.task import Task
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import load_model


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--mask", default="auto")
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(1)
    model = load_model(options.model, "cpu")
    view = model.scans
    model.scans = replace(view, settings=replace(view.settings, mask=options.mask))
    for scan, mask in zip(options.files[::2], options.files[1::2], strict=True):
        start = time.process_time()
        result = next(predict(model, [VolumeSample(scan)], Task(), keep_volumes=True))
        if result.error or result.volume is None or not isinstance(result.prediction, PaintedPrediction):
            print(f"{scan}: {result.error}")
            continue
        seconds = time.process_time() - start
        inside = result.prediction.looked_at
        truth = (np.asarray(nib.load(mask).dataobj).T > 0)[inside]
        found, values = result.prediction.anomaly_map[inside], result.volume.array[inside]
        above = found > model.map_threshold
        print(
            f"{scan}: prevalence {truth.mean():.4f}, AP {average_precision_score(truth, found):.3f}, "
            f"brightness {average_precision_score(truth, values):.3f}, "
            f"darkness {average_precision_score(truth, -values):.3f}, "
            f"Dice {2 * (above & truth).sum() / max(1, above.sum() + truth.sum()):.3f}, "
            f"FPR {100 * above[~truth].mean():.2f} %, score {result.prediction.anomaly_score:.2f} of "
            f"{model.threshold.value:.2f}, {seconds:.1f} s of processor time, "
            f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB; {result.prediction.remark}",
            flush=True,
        )


if __name__ == "__main__":
    main()
