"""AutoPaint's maps against baselines, on healthy scans with painted lesions; see README.md.

Usage: bench_autopaint.py MODEL [DENOISER] --data FOLDER [--even] [--tune] [--multi-pass] [--count N] [--healthy N]
                          [--real SCAN TRUTH MASK ...]

MODEL is a fitted model, such as the one that ships, DENOISER a folder that fit_autopaint.py wrote with --plain (left
out, there are no figures of it), FOLDER has train and validation with t1 and labels. Every method's map gets the same
post-processing: in healthy deviations, Gaussian, absolute, divided by its own mean. SCAN has real lesions, which TRUTH
shows; MASK is body or brain, as for ad-desktop fit --mask.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from autopaint_data import Fitted, aligned_scan, load_fitted, load_shipped, scans_of
from lesions import KINDS, paint_lesions
from scipy import ndimage
from sklearn.metrics import average_precision_score

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.masks import body_mask, brain_mask
from ad_desktop.data.volumes.opening import load_volume
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.maps import healthy_level, healthy_sigma, normalised, signed_map
from ad_desktop.detectors.painting.painter import HOLES_MM, Painter
from ad_desktop.detectors.painting.refine import Refinement, refine
from ad_desktop.detectors.painting.stages import Stage, first_score

RATE = 0.005
SINGLE_MM = 24.0
FIRST, REFINED = "combined", "combined + refinement"
BASELINES = ("mean intensity", "z", "denoiser", "single pass")
Maps = dict[str, np.ndarray]
Residuals = Callable[[Scan], Maps]


def residuals_of(painter: Painter, denoiser: Painter | None, sizes: Sequence[float]) -> Residuals:
    """Signed differences to healthy appearance by each method, not yet normalised; multi-pass where ``sizes`` say."""

    def found(scan: Scan) -> Maps:
        repaired = painter.repaired(scan)
        painted = {size: painter.hidden_everywhere(scan, (size,)) for size in {SINGLE_MM, *sizes}}
        maps = {
            "mean intensity": scan.image - scan.image[scan.mask].mean(),
            "z": scan.image - scan.mean,
            "single pass": scan.image - painted[SINGLE_MM],
            "repair": scan.image - repaired.image,
            "doubt": 1 / (1 + np.exp(-repaired.doubt)),
        }
        if denoiser is not None:
            maps["denoiser"] = scan.image - denoiser.repaired(scan).image
        if sizes:
            maps["multi-pass"] = scan.image - np.mean([painted[size] for size in sizes], axis=0)
        return {name: np.where(scan.mask, values, 0).astype(np.float32) for name, values in maps.items()}

    return found


def maps_of(painter: Painter, residuals: Maps, sigma: Maps, scan: Scan) -> Maps:
    """Every method's anomaly map: the baselines', AutoPaint's stages', and what single steps do."""
    mask, stage = scan.mask, Stage()
    found, scores = {}, {}
    for name, residual in residuals.items():
        scale = np.ones_like(residual) if name == "mean intensity" else sigma[name]
        scores[name] = np.abs(signed_map(residual, scale, mask))
        found[name] = normalised(scores[name], mask)
    bare = np.abs(residuals["repair"])
    found["repair, bare"] = bare
    found["repair, by place"] = normalised(
        np.abs(signed_map(residuals["repair"], sigma["repair, by place"], mask)), mask
    )
    found["repair, not divided"] = scores["repair"]
    found["repair, no blur"] = normalised(bare / sigma["repair"], mask)
    found["repair, median"] = normalised(median_map(residuals["repair"] / sigma["repair"], mask), mask)
    if "multi-pass" in residuals:
        found |= painted_only(painter, residuals, sigma, scan)
    found[FIRST] = first_score([scores["repair"], scores["doubt"]], mask, stage)
    found[REFINED] = refined(painter, scan, found[FIRST])
    return found


def painted_only(painter: Painter, residuals: Maps, sigma: Maps, scan: Scan) -> Maps:
    """One step after the other, for what is painted into holes and nothing else."""
    deviation = residuals["multi-pass"] / sigma["multi-pass, by place"]
    smooth = normalised(median_map(deviation, scan.mask), scan.mask)
    return {
        "holes: single pass": np.abs(residuals["single pass"]),
        "holes: multi-pass": np.abs(residuals["multi-pass"]),
        "holes: + normalisation": normalised(np.abs(deviation), scan.mask),
        "holes: + median": smooth,
        "holes: + refinement": refined(painter, scan, smooth),
    }


def median_map(deviation: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Absolute values of a 3³ median."""
    return np.abs(np.where(mask, ndimage.median_filter(deviation, 3), 0)).astype(np.float32)


def refined(painter: Painter, scan: Scan, score: np.ndarray) -> np.ndarray:
    """A score after refinement."""
    return refine(painter, scan, score, Refinement()).lowered(score, Refinement())


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two masks."""
    return float(2 * (found & truth).sum() / max(found.sum() + truth.sum(), 1))


def figures(spoilt: Sequence[tuple[np.ndarray, np.ndarray, list[np.ndarray]]], threshold: float) -> dict[str, float]:
    """Figures of one method: scores and truth inside the masks, and each lesion's scores.

    ``spoilt`` holds per scan: scores (n,), truth (n,), and the truth of each lesion (n,).
    """
    per_scan = [average_precision_score(truth, scores) for scores, truth, _ in spoilt]
    scores, truth = (np.concatenate([item[i] for item in spoilt]) for i in (0, 1))
    ranked = np.cumsum(truth[np.argsort(-scores)])
    taken = np.round(np.geomspace(5e-4, 0.2, 60) * len(scores)).astype(int)
    steps = np.diff(ranked, prepend=0)
    hits = [(s[lesion] > threshold).mean() >= 0.1 for s, _, lesions in spoilt for lesion in lesions]
    return {
        "AP": float((steps * ranked / np.arange(1, len(ranked) + 1)).sum() / max(ranked[-1], 1)),
        "volume AP": float(np.mean(per_scan)),
        "best Dice": float(np.max(2 * ranked[taken - 1] / (taken + ranked[-1]))),
        "Dice": dice(scores > threshold, truth),
        "lesions": float(np.mean(hits)),
        "FPR %": 100 * float((scores[~truth] > threshold).mean()),
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("denoiser", type=Path, nargs="?")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--healthy", type=int, default=12, help="scans that levels and thresholds come from")
    parser.add_argument("--tune", action="store_true", help="on the scans held out in the fit, not on the test scans")
    parser.add_argument("--multi-pass", action="store_true", help="paint into holes of three sizes, too: slow")
    parser.add_argument("--even", action="store_true", help="make scans even first, for all methods")
    parser.add_argument("--real", nargs="+", default=[], metavar="SCAN TRUTH MASK", help="scans with real lesions")
    options = parser.parse_args(argv)
    fitted = load_shipped(options.model, options.even)
    other = load_fitted(options.denoiser).painter if options.denoiser else None
    residuals = residuals_of(fitted.painter, other, HOLES_MM if options.multi_pass else ())
    start = time.process_time()
    held_out = [fitted.scan(*pair) for pair in scans_of(options.data, "train")[4::5][: options.healthy]]
    known = [residuals(scan) for scan in held_out]
    masks = [scan.mask for scan in held_out]
    by_place = {name: healthy_sigma([k[name] for k in known], masks) for name in known[0]}
    # As in the product; denoiser and single pass are better off by place.
    level = {name: healthy_level([k[name] for k in known], masks) for name in known[0] if name not in BASELINES}
    sigma = by_place | level | {f"{name}, by place": by_place[name] for name in by_place}
    # Of 48 scans rather than of 12.
    sigma["z"] = held_out[0].spread
    clean = [maps_of(fitted.painter, k, sigma, s) for k, s in zip(known, held_out, strict=True)]
    threshold = {}
    for name in clean[0]:
        scores = [maps[name][scan.mask] for maps, scan in zip(clean, held_out, strict=True)]
        threshold[name] = float(np.quantile(np.concatenate(scores), 1 - RATE))
    print(f"healthy scans: {len(held_out)}, {time.process_time() - start:.0f} CPU-seconds", flush=True)
    pairs = scans_of(options.data, "train")[4::5] if options.tune else scans_of(options.data, "validation")
    table = measure(fitted, residuals, sigma, threshold, pairs[: options.count], 9000 if options.tune else 1000)
    show(table)
    for scan, truth, mask in zip(*(options.real[i::3] for i in range(3)), strict=True):
        print(f"{scan}, {mask}:")
        show(real(fitted, residuals, sigma, threshold, Path(scan), Path(truth), mask))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{time.process_time() - start:.0f} CPU-seconds, peak {peak:.1f} GB")


def show(table: dict[str, dict[str, float]]) -> None:
    """Print figures as a table."""
    print("| method | " + " | ".join(next(iter(table.values()))) + " |")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row.values()) + " |", flush=True)


def measure(
    fitted: Fitted, residuals: Residuals, sigma: Maps, threshold: dict[str, float], pairs: Sequence[tuple[Path, Path]],
    seed: int,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """The figures of every method on scans with painted lesions."""
    collected: dict[str, list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]] = {}
    for number, pair in enumerate(pairs):
        image, mask = aligned_scan(fitted, *pair)
        painted, lesions = paint_lesions(image, mask, fitted.grid.spacing, seed + number)
        scan = fitted.even(Scan(painted, mask, fitted.mean, fitted.spread))
        truth = np.any([lesion.mask for lesion in lesions], axis=0)
        for name, score in maps_of(fitted.painter, residuals(scan), sigma, scan).items():
            parts = [lesion.mask[mask] for lesion in lesions]
            collected.setdefault(name, []).append((score[mask], truth[mask], parts))
        print(f"scan {number + 1} of {len(pairs)}", flush=True)
        if number % 4 == 3 and number + 1 < len(pairs):
            show({name: figures(spoilt, threshold[name]) for name, spoilt in collected.items()})
    for what, figure in (
        ("AP", lambda item, _: average_precision_score(item[1], item[0])),
        ("Dice at the threshold", lambda item, name: dice(item[0] > threshold[name], item[1])),
    ):
        both = zip(collected[REFINED], collected[FIRST], strict=True)
        gains = [figure(a, REFINED) - figure(b, FIRST) for a, b in both]
        better, error = sum(gain > 0 for gain in gains), np.std(gains) / max(1, len(gains) - 1) ** 0.5
        print(
            f"refinement, paired: {what} {np.mean(gains):+.4f} ± {error:.4f}, better on {better} of {len(gains)} scans"
        )
    kinds(collected, threshold)
    return {name: figures(spoilt, threshold[name]) for name, spoilt in collected.items()}


def real(
    fitted: Fitted, residuals: Residuals, sigma: Maps, threshold: dict[str, float], path: Path, truth: Path, mask: str
) -> dict[str, dict[str, float]]:
    """The figures of every method on a scan with real lesions, on its own voxels inside the mask."""
    assert fitted.lay is not None
    volume = load_volume(VolumeSample(path))
    inside = brain_mask(volume) if mask == "brain" else body_mask(volume)
    laid, affine = fitted.lay(volume, inside)
    scan = fitted.even(laid)
    wanted = (np.asarray(nib.load(truth).dataobj).T > 0)[inside]
    found = {}
    for name, score in maps_of(fitted.painter, residuals(scan), sigma, scan).items():
        values = resample(score, affine, volume.affine, volume.shape)[inside]
        above = values > threshold[name]
        found[name] = {
            "AP": float(average_precision_score(wanted, values)), "Dice": dice(above, wanted),
            "FPR %": 100 * float(above[~wanted].mean()),
        }  # fmt: skip
    return found


def kinds(collected: dict[str, list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]], threshold: Maps) -> None:
    """Print, by kind of lesion, the share of lesions found."""
    for name in [name for name in ("z", "denoiser", "single pass", FIRST, REFINED) if name in collected]:
        hits = [[float((s[lesion] > threshold[name]).mean() >= 0.1) for lesion in ls] for s, _, ls in collected[name]]
        print(name, dict(zip(KINDS, np.mean(hits, axis=0).round(2).tolist(), strict=True)))


if __name__ == "__main__":
    main()
