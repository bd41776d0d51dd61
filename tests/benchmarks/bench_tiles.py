"""Tiles on pictures of 1024² to 8192²: peak memory of ``fit`` and ``predict``, and a small defect on a 4096² picture.

The pictures are made here. A picture is decoded whole before it is cut, so what the decoder alone takes at
each size is measured in a process of its own and shown beside; the rest of the peak must not grow.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import MIB, ROOT, Report, child
from PIL import Image

SIDES = (1024, 2048, 4096, 8192)
TILE, OVERLAP = 512, 64
SPOT = 14
"""Pixels: a third of a percent of the side of a 4096² picture."""
FLAT = 1.1
DECODE = "import sys; from pathlib import Path; from ad_desktop.data.images import load; from ad_desktop.data.samples "
DECODE += "import Sample; import onnxruntime, scipy.special; load(Sample(Path(sys.argv[1])), hashed=True)"
NOTHING = "import onnxruntime, scipy.special; import ad_desktop.data.images"


def _texture(seed: int, side: int) -> np.ndarray:
    """Cast metal: soft clouds and grain, alike at every size."""
    rng = np.random.default_rng(seed)
    clouds = Image.fromarray(rng.normal(0, 12, (side // 64, side // 64)).astype(np.float32))
    soft = np.asarray(clouds.resize((side, side), Image.Resampling.BICUBIC))
    grain = Image.fromarray(rng.normal(0, 14, (side // 2, side // 2)).astype(np.float32))
    return np.clip(128 + soft + np.asarray(grain.resize((side, side))), 0, 255).astype(np.uint8)


def _write(path: str, seed: str, side: str, spot: str) -> None:
    pixels = _texture(int(seed), int(side))
    if spot:
        pixels[2900 : 2900 + SPOT, 1300 : 1300 + SPOT] = 255
    Image.fromarray(pixels).save(path, compress_level=1)


def _save(path: Path, seed: int, side: int, spot: bool = False) -> Path:
    """Made by a child: what this process ever held would count for every child that is measured."""
    child(__file__, "--write", path, str(seed), str(side), "spot" if spot else "")
    return path


def _tiles() -> tuple[str, ...]:
    return "--tile", str(TILE), "--overlap", str(OVERLAP)


def _memory(report: Report, folder: Path) -> None:
    bare = child("-c", NOTHING).peak
    rest: dict[str, list[int]] = {"fit": [], "predict": []}
    for side in SIDES:
        paths = [_save(folder / f"{side}_{seed}.png", seed, side) for seed in range(3)]
        model = folder / f"{side}.adm"
        decoding = child("-c", DECODE, paths[0]).peak - bare
        peaks = {
            "fit": child("-m", "ad_desktop", "fit", *paths[:2], "--groups", "none", "--out", model, *_tiles()).peak,
            "predict": child("-m", "ad_desktop", "predict", model, paths[2]).peak,
        }
        for what, peak in peaks.items():
            rest[what].append(peak - decoding)
            text = f"{peak / MIB:6.0f} MiB, of it decoding {decoding / MIB:5.0f}, the rest {rest[what][-1] / MIB:5.0f}"
            report.figure(f"{what}, {side}²", text)
        for path in (*paths, model):
            path.unlink()
    for what, found in rest.items():
        report.bar(f"{what}, rest at {SIDES[-1]}² over that at {SIDES[0]}²", found[-1] / found[0], FLAT)


def _judged(model: Path, *paths: Path) -> list[dict]:
    command = [sys.executable, "-m", "ad_desktop", "predict", str(model), *map(str, paths), "--json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def _defect(report: Report, folder: Path) -> None:
    side = 4096
    paths = [_save(folder / f"n{seed}.png", 100 + seed, side) for seed in range(8)]
    checked = [_save(folder / "clean.png", 200, side), _save(folder / "spoilt.png", 200, side, spot=True)]
    for name, options in (("with tiles", _tiles()), ("without", ())):
        model = folder / f"{name}.adm"
        child("-m", "ad_desktop", "fit", *paths, "--groups", "none", "--out", model, *options)
        good, bad = _judged(model, *checked)
        scores = f"{good['anomaly_score']:.2f} clean, {bad['anomaly_score']:.2f} spoilt"
        report.figure(f"{SPOT} px spot on {side}², {name}", f"{scores}, threshold {good['threshold']:.2f}")
        wrong = bad["pred_label"] is not (name == "with tiles") or good["pred_label"]
        report.bar(f"{name}: {'found' if options else 'missed'} (0: yes)", float(wrong), 0)


def main() -> int:
    """Measure, print, and return the exit code."""
    if sys.argv[1:2] == ["--write"]:
        _write(*sys.argv[2:])
        return 0
    report = Report(f"Tiles of {TILE} px, overlap {OVERLAP} px")
    with tempfile.TemporaryDirectory() as name:
        _memory(report, Path(name))
        _defect(report, Path(name))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
