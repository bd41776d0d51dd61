"""Which slices of scans a model of healthy brains flags: of new healthy scans, painted ones and real lesions.

Run ``python tests/benchmarks/bench_scan_slices.py [--normal 40] [--check 20] [--step 2] [--set NAME=VALUE ...]``; it
needs the shared test data and takes a quarter of an hour. Gaussian-AD is fitted on skull-stripped IXI scans (T1, 2 mm)
of ``train`` and looks at scans of ``validation``: as they are, with a ball of 9 mm radius, and with four lesions
painted in; then at two patients with multiple sclerosis (T1 and FLAIR, another scanner) and at two with brain tumours
(T1 with contrast medium, slices of 6.5 mm, the brain found by ``mask=brain``).

For each: the share of flagged slices among those that show a lesion and among the others, how well the scan's own
slices are ranked (AUROC), the map's average precision beside the share of lesion voxels, and the scan's score beside
its threshold.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import shared_data
from lesions import paint_ball, paint_lesions
from sklearn.metrics import average_precision_score, roc_auc_score

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.masks import brain_mask
from ad_desktop.data.volumes.opening import load_volume
from ad_desktop.data.volumes.saving import save_nifti
from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.params import make_params
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.store import save_model

Paint = Callable[[np.ndarray, np.ndarray, float, int], tuple[np.ndarray, np.ndarray]]
LEAST = 1e-3
"""Inside a brain nothing is 0: that is what lies outside."""


@dataclass(frozen=True)
class Case:
    """A scan to be checked and where its lesions are (None: it is healthy)."""

    name: str
    path: Path
    truth: np.ndarray | None


@dataclass(frozen=True)
class Found:
    """What the model says of a case; shares and ranks are NaN where they mean nothing."""

    case: Case
    hits: float
    others: float
    auroc: float
    precision: float
    prevalence: float
    score: float


def read(path: Path) -> Volume:
    """A scan of the shared data."""
    return load_volume(VolumeSample(path), Task(), None)


def stripped(volume: Volume, mask: np.ndarray, path: Path) -> Path:
    """The scan with 0 outside the mask, in a file."""
    values = np.asarray(volume.array, np.float32)
    save_nifti(volume.with_array(np.where(mask, np.where(values == 0, LEAST, values), 0).astype(np.float32)), path)
    return path


def healthy(data: Path, part: str, count: int) -> Iterator[tuple[str, Volume, np.ndarray]]:
    """Name, scan and brain of the first scans of a part of IXI."""
    for path in sorted((data / "ixi_t1_2mm" / part / "t1").glob("*.nii.gz"))[:count]:
        yield path.name, read(path), read(path.parents[1] / "labels" / path.name).array > 0


def ball(image: np.ndarray, mask: np.ndarray, spacing: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One ball of 9 mm radius."""
    return paint_ball(image, mask, spacing, 9.0, 500 + seed)


def lesions(image: np.ndarray, mask: np.ndarray, spacing: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four lesions."""
    painted, found = paint_lesions(image, mask, spacing, 1000 + seed)
    return painted, np.any([lesion.mask for lesion in found], axis=0)


def painted(data: Path, count: int, kind: str, paint: Paint | None, folder: Path) -> Iterator[Case]:
    """Validation scans, with something painted into them."""
    for seed, (name, volume, mask) in enumerate(healthy(data, "validation", count)):
        image, truth = np.asarray(volume.array, np.float32), None
        if paint is not None:
            image, truth = paint(image, mask, volume.spacing[0], seed)
        yield Case(name, stripped(volume.with_array(np.maximum(image, LEAST)), mask, folder / f"{kind}-{name}"), truth)


def real(data: Path, folder: Path) -> Iterator[Case]:
    """The patients."""
    for patient in ("patient07", "patient26"):
        place = data / "ms_lesions_mni" / patient
        for sequence in ("T1", "FLAIR"):
            yield Case(
                f"{patient} {sequence}", place / f"{sequence}.nii.gz", read(place / "lesion_mask.nii.gz").array > 0
            )
    for name in ("brain1", "brain2"):
        place = data / "pyradiomics_cases"
        volume = read(place / f"{name}_image.nii.gz")
        path = stripped(volume, brain_mask(volume), folder / f"{name}.nii.gz")
        yield Case(f"{name} (tumour)", path, read(place / f"{name}_label.nii.gz").array > 0)


def look(model: FittedModel, cases: Sequence[Case]) -> Iterator[Found]:
    """Check the cases."""
    limit = model.slice_threshold
    assert limit is not None
    results = predict(model, [VolumeSample(case.path) for case in cases], Task())
    for case, result in zip(cases, results, strict=True):
        if not isinstance(result.prediction, VolumePrediction):
            raise SystemExit(f"{case.path}: {result.error}")
        yield judged(case, result.prediction, limit.value)


def judged(case: Case, prediction: VolumePrediction, limit: float) -> Found:
    """The figures of one case."""
    scores = prediction.slice_scores
    seen = np.isfinite(scores)
    truth = np.zeros(prediction.shape, bool) if case.truth is None else case.truth
    shown = planes(truth, prediction.affine, prediction.axis).any(axis=(1, 2))[seen]
    flagged = scores[seen] > limit
    mixed = shown.any() and not shown.all()
    there = prediction.looked_at
    inside, values = truth[there], prediction.anomaly_map[there]
    return Found(
        case,
        float(flagged[shown].mean()) if shown.any() else np.nan,
        float(flagged[~shown].mean()) if not shown.all() else np.nan,
        float(roc_auc_score(shown, scores[seen])) if mixed else np.nan,
        float(average_precision_score(inside, values)) if inside.any() else np.nan,
        float(inside.mean()),
        prediction.anomaly_score,
    )  # fmt: skip


def told(name: str, found: Sequence[Found], threshold: float) -> str:
    """One row of the table: means over cases, but for the median of ranks."""
    means = [np.mean([getattr(each, field) for each in found]) for field in ("hits", "others")]
    rank = np.median([each.auroc for each in found])
    precision, prevalence = (np.mean([getattr(each, field) for each in found]) for field in ("precision", "prevalence"))
    above = [each.score > threshold for each in found]
    scan = f"{found[0].score:.2f} of {threshold:.2f}" if len(found) == 1 else f"{sum(above)} of {len(above)} above"
    shares = " | ".join("–" if np.isnan(share) else f"{share:.0%}" for share in means)
    figures = " | ".join("–" if np.isnan(v) else f"{v:.3f}" for v in (rank, precision, prevalence))
    return f"| {name} | {shares} | {figures} | {scan} |"


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, check and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--normal", type=int, default=40)
    parser.add_argument("--check", type=int, default=20)
    parser.add_argument("--step", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of scans")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="save the model")
    options = parser.parse_args(argv)
    data, began = shared_data(), time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        normal = [
            VolumeSample(stripped(volume, mask, folder / title))
            for title, volume, mask in healthy(data, "train", options.normal)
        ]
        asked = dict(text.split("=", 1) for text in options.set)
        slices = make_params(SliceSettings, {"step": options.step, "mask": "brain", **asked})
        model = fit(normal, FitOptions(slices=slices), Task()).model
        if options.keep:
            save_model(model, options.keep)
        print(f"fitted on {len(normal)} scans in {time.perf_counter() - began:.0f} s", flush=True)
        print("| | flagged of slices with lesions | of the others | AUROC of slices | AP | prevalence | scan |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        threshold = model.threshold.value
        for case in real(data, folder):
            print(told(case.name, list(look(model, [case])), threshold), flush=True)
        for kind, paint in (("healthy", None), ("a ball of 9 mm", ball), ("four lesions", lesions)):
            cases = list(painted(data, options.check, kind, paint, folder))
            print(told(f"{len(cases)} × {kind}", list(look(model, cases)), threshold), flush=True)


if __name__ == "__main__":
    main()
