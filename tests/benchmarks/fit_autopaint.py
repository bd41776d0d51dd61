"""Fits AutoPaint's network, or the plain denoiser it is compared with, on healthy brain scans.

Usage: fit_autopaint.py OUT --data FOLDER --steps N [--plain]

Run again after a cancel, it goes on from the checkpoint in OUT. Every fifth scan is held out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from autopaint_data import aligned, read, scans_of
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from ad_desktop.data.volumes.placement import place
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Recipe, Scan, leave_one_out
from ad_desktop.detectors.painting.grid import common_grid
from ad_desktop.detectors.painting.template import Template
from ad_desktop.task import Task

WIDTHS = (16, 32, 64, 96)
PLAIN = Recipe(holes=0.0, corruption=1.0, blots=0.0, prior=False)
HELD_OUT = slice(4, None, 5)


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and write weights, template and settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--plain", action="store_true", help="coarse noise only, without healthy mean and spread")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    pairs = scans_of(options.data, "train")
    grid = common_grid(
        [place(values > 0, affine) for values, affine in (read(labels) for _, labels in pairs)], 2.0, "moments"
    )
    images, masks = zip(*(aligned(grid, *pair) for pair in pairs), strict=True)
    fitting = [i for i in range(len(pairs)) if i not in range(len(pairs))[HELD_OUT]]
    scans = leave_one_out([images[i] for i in fitting], [masks[i] for i in fitting])
    mean, spread = Template.of([images[i] for i in fitting], [masks[i] for i in fitting]).statistics()
    held_out = [Scan(image, mask, mean, spread) for image, mask in zip(images[HELD_OUT], masks[HELD_OUT], strict=True)]
    recipe = PLAIN if options.plain else Recipe()
    torch.manual_seed(0)
    net = Inpainter(recipe.inputs, widths=WIDTHS)
    schedule = Schedule(options.steps, batch=16, validate=100)
    trainer = Trainer(net, recipe, schedule, grid.spacing, checkpoint=options.out / "fit.safetensors")
    start = time.process_time()
    best = trainer.fit(
        scans, held_out, Task(),
        lambda step, loss: print(f"{step} {loss:.4f} {time.process_time() - start:.0f} CPU-seconds", flush=True),
    )  # fmt: skip
    save_file(best, options.out / "weights.safetensors")
    save_arrays({"mean": mean, "spread": spread}, options.out / "template.safetensors")
    told = {"grid": grid.to_json(), "recipe": asdict(recipe), "widths": WIDTHS, "schedule": asdict(schedule)}
    (options.out / "fitted.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
