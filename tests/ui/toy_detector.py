"""A detector that is quick enough to drive the window with: distance from the mean picture."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ad_desktop.data.images import load
from ad_desktop.data.intensity import resize_square
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Array, Detector, HeldOut, Neighbour, NormalSet, Prediction, Prepared, State
from ad_desktop.detectors.params import param
from ad_desktop.errors import UserError
from ad_desktop.task import Task

SIDE = 16


@dataclass(frozen=True)
class ToyParams:
    """Parameters of every kind a form has to show."""

    delay: float = param(0.0, "Seconds that each picture takes", minimum=0.0, maximum=5.0)
    power: int = param(2, "Power of the difference", minimum=1, maximum=4)
    fail: bool = param(False, "Fail as a device without memory does")
    kind: str = param("mean", "What a picture is compared with", choices=("mean", "median"))
    note: str = param("", "A text", advanced=True)
    levels: tuple[int, ...] = param((1, 2), "Whole numbers", minimum=1, maximum=9, advanced=True)


class ToyDetector(Detector):
    """Distance of each pixel of a tiny grey picture from the mean of the normal ones."""

    name = "toy"
    title = "Toy"
    summary = "Compares a tiny picture with the mean of the normal ones."
    Params = ToyParams
    seen_pixels = 0

    def load(self, task: Task) -> None:
        task.check()

    def prepare(self, sample: Sample) -> Prepared:
        picture = load(sample, hashed=True)
        small = resize_square(picture.pixels, SIDE, (0, 65535), sample.path).mean(axis=2)
        return Prepared(sample, small.astype(np.float32) / 255, picture.size, picture.sha256)

    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        if self.params.fail:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self._known: list[tuple[Prepared, Array]] = []
        self.update(prepared, (), task)

    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        self._known = [known for known in self._known if known[0].sample.key not in set(remove)]
        for one in add:
            task.check()
            time.sleep(self.params.delay)
            self._known.append((one, one.pixels))
        if len(self._known) < 2:
            raise UserError("At least two normal pictures are needed.")
        self.mean_ = np.mean([pixels for _, pixels in self._known], axis=0)

    @property
    def normal_set(self) -> NormalSet:
        known = [one for one, _ in self._known]
        return NormalSet(
            tuple(o.sample.key for o in known), tuple(o.sha256 for o in known), tuple(o.size for o in known)
        )

    def embeddings(self) -> Array | None:
        return None

    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        rows = np.stack([pixels for _, pixels in self._known])
        others = (rows.sum(axis=0) - rows) / (len(rows) - 1)
        peaks = (np.abs(rows - others) ** self.params.power).max(axis=(1, 2)).astype(np.float64)
        return HeldOut(peaks, peaks)

    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        time.sleep(self.params.delay * len(batch))
        self.seen_pixels += len(batch)
        return [self._score(one.pixels, one.size) for one in batch]

    def rescore(self, features: Sequence[Any]) -> list[Prediction]:
        return [self._score(pixels, size) for pixels, size in features]

    def _score(self, pixels: Array, size: tuple[int, int]) -> Prediction:
        grid = (np.abs(pixels - self.mean_) ** self.params.power).astype(np.float32)
        peak, whole = float(grid.max()), float(grid.mean())
        return Prediction(peak, grid, size, {"local": peak - whole, "global": whole}, (pixels, size))

    def nearest(self, features: Any, count: int) -> list[Neighbour]:
        found = [Neighbour(one.sample.key, float(np.abs(row - features[0]).mean())) for one, row in self._known]
        return sorted(found, key=lambda neighbour: neighbour.distance)[:count]

    def state(self) -> State:
        keys, sha, sizes = self.normal_set
        return State(
            {"mean": self.mean_, "rows": np.stack([p for _, p in self._known])},
            {"keys": list(keys), "sha256": list(sha), "sizes": [list(size) for size in sizes]},
        )

    def restore(self, state: State) -> None:
        self.mean_ = state.tensors["mean"]
        meta = state.meta
        self._known = [
            (Prepared(_sample(key), row, tuple(size), sha), row)
            for key, sha, size, row in zip(
                meta["keys"], meta["sha256"], meta["sizes"], state.tensors["rows"], strict=True
            )
        ]  # fmt: skip

    @property
    def batch_size(self) -> int:
        return 4

    def describe(self) -> dict[str, Any]:
        return {"engine": "numpy", "image_size": SIDE}


def _sample(key: str) -> Sample:
    from pathlib import Path

    return Sample(Path(key))
