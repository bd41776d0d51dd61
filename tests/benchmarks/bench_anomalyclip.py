"""AnomalyCLIP at full size with random weights: processor time and peak memory per picture, against the published way.

The network has the shapes of ViT-L-14-336 (QuickGELU) and runs at 518 pixels on one thread. What it is compared
with computes the same numbers in the pattern of the published code (``published_pattern.py``), from the same
weights and in the same run. The weights mean nothing, so neither do the maps.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import MIB, Report, cheapest, child

SIDE = 518
ROUNDS = 2
SHARE = 0.7
TOLERANCE = 1e-4
"""Of scores and maps: both ways are float32, and 24 blocks of width 1024 leave about 1e-6."""


def write_weights(path: Path) -> None:
    """A random CLIP of the published one's shapes, in half precision as OpenAI's, and nothing left in memory."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    config: Any = open_clip.get_model_config("ViT-L-14-336-quickgelu")
    with torch.device("meta"):
        model = open_clip.CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"], quick_gelu=True)
    tensors = {}
    for name, wanted in model.state_dict().items():
        drawn = torch.randn(wanted.shape) * 0.02 if wanted.ndim else torch.zeros(())
        tensors[name] = ((drawn + 1) if wanted.ndim == 1 and name.endswith("weight") else drawn).half().contiguous()
    save_file(tensors, path)


def picture(folder: Path) -> Path:
    """A picture of 800 by 600 pixels."""
    from PIL import Image

    path = folder / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)).save(path)
    return path


def detector(weights: Path) -> Any:
    """A zero-shot detector with plain texts, loaded."""
    from ad_desktop.detectors.anomalyclip import AnomalyCLIP
    from ad_desktop.detectors.nets.clip.params import AnomalyCLIPParams
    from ad_desktop.task import Task

    made = AnomalyCLIP(AnomalyCLIPParams(weights=str(weights), image_size=SIDE), "cpu")
    made.load(Task())
    return made


def ours(made: Any, path: Path) -> tuple[float, Any]:
    """Score and map at the input's size of a file."""
    from ad_desktop.data.samples import Sample

    [found] = made.predict([made.prepare(Sample(path))])
    return found.anomaly_score, found.map_at((SIDE, SIDE))


def theirs(visual: Any, text: Any, path: Path) -> tuple[float, Any]:
    """The same in the published way."""
    import torch
    from PIL import Image
    from published_pattern import published

    from ad_desktop.detectors.nets.clip.vision import MEAN, STD, resized_positions

    pixels = np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    tensor = torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)
    tensor = (tensor - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    patch = visual.conv1.kernel_size[0]
    with torch.no_grad():
        positions = resized_positions(visual.positional_embedding, SIDE // patch)
        return published(visual, positions, text, tensor[None])


def once(way: str, weights: Path, path: Path) -> None:
    """Load and look at one picture, for the peak memory of this process."""
    import torch

    torch.set_num_threads(1)
    if way == "ours":
        ours(detector(weights), path)
        return
    # As published, both towers are in memory, in float32.
    import open_clip
    from safetensors.torch import load_file

    config: Any = open_clip.get_model_config("ViT-L-14-336-quickgelu")
    model = open_clip.CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"], quick_gelu=True)
    model.load_state_dict(load_file(weights), strict=False)
    theirs(model.eval().visual, torch.nn.functional.normalize(torch.randn(2, config["embed_dim"]), dim=-1), path)


def shares(work: Callable[[], object]) -> dict[str, float]:
    """What part of the network's time goes into what, by torch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    kinds = {"matrix products": ("addmm", "::mm", "bmm", "convolution"), "attention": ("attention",)}
    found = dict.fromkeys([*kinds, "the rest"], 0.0)
    for event in profiler.key_averages():
        kind = next((k for k, words in kinds.items() if any(word in event.key for word in words)), "the rest")
        found[kind] += event.self_cpu_time_total
    return {kind: taken / sum(found.values()) for kind, taken in found.items()}


def main() -> int:
    """Measure, print, and return the exit code."""
    if len(sys.argv) > 1:
        once(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
        return 0
    report = Report(f"AnomalyCLIP, shapes of ViT-L-14-336 at {SIDE} pixels, one thread (least of {ROUNDS} rounds)")
    with tempfile.TemporaryDirectory(prefix="bench-clip-") as name:
        folder = Path(name)
        weights, path = folder / "random.safetensors", picture(folder)
        child("-c", f"import sys, pathlib; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
              f"import bench_anomalyclip as b; b.write_weights(pathlib.Path({str(weights)!r}))")  # fmt: skip
        peaks = {way: child(__file__, way, weights, path).peak for way in ("ours", "published")}
        measure(report, weights, path)
    for way, peak in peaks.items():
        report.figure(f"peak memory, {way}, with loading", f"{peak / MIB:9.0f} MiB")
    return report.finish()


def measure(report: Report, weights: Path, path: Path) -> None:
    """Time both ways in turn, in this process, and compare what they say."""
    import torch

    torch.set_num_threads(1)
    made = detector(weights)
    visual, text = made.engine._module.visual, torch.from_numpy(made.text_)
    (score, found), (wanted_score, wanted) = ours(made, path), theirs(visual, text, path)
    difference = max(abs(score - wanted_score), float(np.abs(found - wanted).max()))
    report.figure("largest difference of score and map", f"{difference:9.1e}")
    report.bar("the same, of what is allowed", difference / TOLERANCE, 1)
    costs = cheapest({"ours": lambda: ours(made, path), "published way": lambda: theirs(visual, text, path)}, ROUNDS)
    for way, taken in costs.items():
        report.milliseconds(f"one picture, file to map, {way}", taken)
    for kind, share in shares(lambda: ours(made, path)).items():
        report.figure(f"  share of {kind}", f"{share:9.1%}")
    report.bar("ours over the published way, CPU", costs["ours"].cpu / costs["published way"].cpu, SHARE)


if __name__ == "__main__":
    sys.exit(main())
