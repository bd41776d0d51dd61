"""AutoPaint's maps against baselines, on healthy scans with painted lesions; see README.md.

Usage: bench_autopaint.py FITTED DENOISER --data FOLDER [--tune] [--quick] [--count N]

FITTED and DENOISER are folders that fit_autopaint.py wrote, FOLDER has train and validation with t1 and labels.
Every method's map gets the same post-processing: in healthy deviations, Gaussian, absolute, divided by its own mean.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from autopaint_data import Fitted, aligned_scan, load_fitted, scans_of
from lesions import paint_lesions
from sklearn.metrics import average_precision_score

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.maps import blurred, healthy_sigma, normalised, signed_map
from ad_desktop.detectors.painting.painter import HOLES_MM, Painter
from ad_desktop.detectors.painting.refine import Refinement, refine

RATE = 0.005
Maps = dict[str, np.ndarray]
Residuals = Callable[[Scan], Maps]


def residuals_of(painter: Painter, denoiser: Painter, *, quick: bool = False) -> Residuals:
    """Signed differences to healthy appearance by each method, not yet normalised; ``quick``: one grid only."""

    def found(scan: Scan) -> Maps:
        repaired = painter.repaired(scan)
        return {
            "mean intensity": np.where(scan.mask, scan.image - scan.image[scan.mask].mean(), 0),
            "z": scan.image - scan.mean,
            "denoiser": scan.image - denoiser.repaired(scan).image,
            "single pass": np.where(scan.mask, scan.image - painter.hidden_everywhere(scan, (24.0,)), 0),
            "multi-pass": np.where(
                scan.mask, scan.image - painter.hidden_everywhere(scan, (24.0,) if quick else HOLES_MM), 0
            ),
            "repair": scan.image - repaired.image,
            "doubt": repaired.doubt,
        }

    return found


def maps_of(painter: Painter, residuals: Maps, sigma: Maps, scan: Scan) -> Maps:
    """Every method's anomaly map: the baselines', AutoPaint's stages', and their combinations."""
    found = {}
    for name, residual in residuals.items():
        if name == "doubt":
            probability = 1 / (1 + np.exp(-residual))
            score = blurred(np.where(scan.mask, probability, 0).astype(np.float32), scan.mask)
        else:
            scale = np.ones_like(residual) if name == "mean intensity" else sigma[name]
            score = np.abs(signed_map(residual, scale, scan.mask))
        found[name] = normalised(score, scan.mask)
    for first in ("multi-pass", "repair"):
        hidden, where, _ = refine(painter, scan, found[first], sigma["multi-pass"], Refinement())
        again = np.abs(signed_map(hidden, sigma["multi-pass"], scan.mask))
        first_score = np.abs(signed_map(residuals[first], sigma[first], scan.mask))
        both = np.where(where, first_score + again, first_score)
        found[f"{first} + refinement"] = normalised(both.astype(np.float32), scan.mask)
    found["repair + z"] = (found["repair"] + found["z"]) / 2
    found["repair × doubt"] = normalised(np.sqrt(found["repair"] * found["doubt"]), scan.mask)
    found["combined"] = normalised((found["repair"] + found["z"] + found["repair × doubt"]) / 3, scan.mask)
    found["combined + refinement"] = normalised(
        (found["repair + refinement"] + found["z"] + found["repair × doubt"]) / 3, scan.mask
    )
    return found


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two masks."""
    return float(2 * (found & truth).sum() / max(found.sum() + truth.sum(), 1))


def figures(spoilt: Sequence[tuple[np.ndarray, np.ndarray, list[np.ndarray]]], threshold: float) -> dict[str, float]:
    """Figures of one method: scores and truth inside the masks, and each lesion's scores.

    ``spoilt`` holds per scan: scores (n,), truth (n,), and the truth of each lesion (n,).
    """
    per_scan = [average_precision_score(truth, scores) for scores, truth, _ in spoilt]
    scores, truth = (np.concatenate([item[i] for item in spoilt]) for i in (0, 1))
    cuts = np.quantile(scores, 1 - np.geomspace(5e-4, 0.2, 60))
    hits = [(s[lesion] > threshold).mean() >= 0.1 for s, _, lesions in spoilt for lesion in lesions]
    return {
        "AP": float(average_precision_score(truth, scores)),
        "volume AP": float(np.mean(per_scan)),
        "best Dice": max(dice(scores > cut, truth) for cut in cuts),
        "Dice": dice(scores > threshold, truth),
        "lesions": float(np.mean(hits)),
        "FPR %": 100 * float((scores[~truth] > threshold).mean()),
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fitted", type=Path)
    parser.add_argument("denoiser", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--tune", action="store_true", help="on the scans held out in the fit, not on the test scans")
    parser.add_argument("--quick", action="store_true", help="one size of holes, as many healthy scans as test scans")
    options = parser.parse_args(argv)
    fitted, other = load_fitted(options.fitted), load_fitted(options.denoiser)
    residuals = residuals_of(fitted.painter, other.painter, quick=options.quick)
    start = time.process_time()
    known_pairs = scans_of(options.data, "train")[4::5]
    held_out = [fitted.scan(*pair) for pair in known_pairs[: options.count if options.quick else None]]
    known = [residuals(scan) for scan in held_out]
    sigma = {
        name: healthy_sigma([k[name] for k in known], [scan.mask for scan in held_out])
        for name in known[0]
        if name not in ("doubt", "mean intensity")
    }
    sigma["z"] = held_out[0].spread
    clean = [maps_of(fitted.painter, k, sigma, s) for k, s in zip(known, held_out, strict=True)]
    threshold = {}
    for name in clean[0]:
        scores = [maps[name][scan.mask] for maps, scan in zip(clean, held_out, strict=True)]
        threshold[name] = float(np.quantile(np.concatenate(scores), 1 - RATE))
    print(f"healthy scans: {len(held_out)}, {time.process_time() - start:.0f} CPU-seconds", flush=True)
    pairs = scans_of(options.data, "train")[4::5] if options.tune else scans_of(options.data, "validation")
    table = measure(fitted, residuals, sigma, threshold, pairs[: options.count])
    print(json.dumps(table, indent=1, ensure_ascii=False))
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row.values()) + " |")


def measure(
    fitted: Fitted, residuals: Residuals, sigma: Maps, threshold: dict[str, float], pairs: Sequence[tuple[Path, Path]]
) -> dict[str, dict[str, float]]:
    """The figures of every method on scans with painted lesions."""
    collected: dict[str, list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]] = {}
    for number, pair in enumerate(pairs):
        image, mask = aligned_scan(fitted, *pair)
        painted, lesions = paint_lesions(image, mask, fitted.grid.spacing, 1000 + number)
        scan = Scan(painted, mask, fitted.mean, fitted.spread)
        truth = np.any([lesion.mask for lesion in lesions], axis=0)
        for name, score in maps_of(fitted.painter, residuals(scan), sigma, scan).items():
            parts = [lesion.mask[mask] for lesion in lesions]
            collected.setdefault(name, []).append((score[mask], truth[mask], parts))
    return {name: figures(spoilt, threshold[name]) for name, spoilt in collected.items()}


if __name__ == "__main__":
    main()
