"""Gaussian-AD: multivariate Gaussians on the features of a pretrained network.

Source: Rippel, Mertens, Merhof, *Modeling the Distribution of Normal Data in Pre-Trained Deep
Features for Anomaly Detection* (ICPR 2020, arXiv 2005.14140), for the image scores; the anomaly
map is a local Gaussian on the same features, after PaDiM (arXiv 2011.08785).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy, deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from ad_desktop.data.images import load
from ad_desktop.data.intensity import resize_square
from ad_desktop.data.loader import batched, prefetch
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Array, HeldOut, Neighbour, NormalSet, Prediction, Prepared, State
from ad_desktop.detectors.blas import single_threaded
from ad_desktop.detectors.gaussian.augment import augmented
from ad_desktop.detectors.gaussian.folds import held_out_folds
from ad_desktop.detectors.gaussian.layout import Features, Layout, LevelShape
from ad_desktop.detectors.gaussian.params import GaussianADParams
from ad_desktop.detectors.gaussian.pooled import Reduction
from ad_desktop.detectors.gaussian.pyramid import BLOCK, MAX_WORKERS, LocalPyramid
from ad_desktop.detectors.gaussian.scores import ImageScore, top_mean
from ad_desktop.detectors.gaussian.standardise import ScoreStandard
from ad_desktop.detectors.nets.backbones import find_backbone
from ad_desktop.detectors.nets.detector import NetworkDetector
from ad_desktop.detectors.nets.devices import worker_count
from ad_desktop.detectors.nets.engines import Engine, make_engine
from ad_desktop.detectors.nets.weights import Weights, find_weights
from ad_desktop.detectors.rows import RowStore
from ad_desktop.detectors.upsample import map_peak
from ad_desktop.errors import InputError, ModelFileError, UserError
from ad_desktop.task import Task

Value = TypeVar("Value")

SMOOTHING = 0.25
"""Blur of the map, in cells of its grid: enough to hide the cells' edges, too little to spread a defect."""


class GaussianAD(NetworkDetector):
    """Gaussian-AD on whole pictures, with a map from local Gaussians."""

    name = "gaussian-ad"
    title = "Gaussian-AD"
    summary = "Compares pretrained features with the Gaussian they have on normal pictures. Fits in seconds."
    learns_places = True
    Params = GaussianADParams

    def __init__(
        self, params: GaussianADParams | None = None, device: str = "auto", roi: RegionOfInterest | None = None
    ) -> None:
        super().__init__(params, device, roi)
        self.params: GaussianADParams
        self.backbone = find_backbone(self.params.backbone)
        self.side = self.params.image_size or self.backbone.side
        self.levels = tuple(sorted(self.params.levels))
        self.backbone.check(self.levels, self.side)
        shapes = [self.backbone.levels[level - 1] for level in self.levels]
        sides = [min(shape.side(self.side), 16) for shape in shapes]
        self.layout = Layout([LevelShape(s.channels, side) for s, side in zip(shapes, sides, strict=True)])
        self._weights: Weights | None = None
        self._expected_hash = ""
        self._fitted_with: dict[str, str | None] = {"engine": None, "device": None}
        self._reset()

    def _reset(self) -> None:
        self.keys_: list[str] = []
        self.sha256_: list[str] = []
        self.sizes_: list[tuple[int, int]] = []
        self.pooled_: list[Array] = []
        self.rows_ = RowStore((self.layout.row,), "<f2")
        self.pyramid_ = LocalPyramid(self.layout, self.roi)
        ends = np.cumsum([0, *(shape.channels for shape in self.layout.levels)])
        names = [f"level {level}" for level in self.levels]
        slices = {name: slice(int(a), int(b)) for name, a, b in zip(names, ends[:-1], ends[1:], strict=True)}
        reduction, copies = Reduction(self.params.reduction, self.params.variance), 1 + self.params.augmentations
        self.image_score_ = ImageScore(self.params.score, slices, reduction, copies, self.plain_scores)

    def _make_engine(self, task: Task) -> Engine:
        task.report("Preparing the network")
        weights = find_weights(self.backbone, self.params.weights, task)
        if self._expected_hash and weights.sha256 != self._expected_hash:
            raise ModelFileError(
                f"The model was fitted with other weights of {self.backbone.name} than {weights.path} (SHA-256 "
                f"{self._expected_hash[:12]}… and {weights.sha256[:12]}…), so its scores would be wrong. "
                "Fit again, or restore the weights it was fitted with."
            )
        self._weights = weights
        return make_engine(
            self.backbone, weights, self.levels, self.side, self.device, self.params.engine,
            mixed=self.params.mixed_precision, task=task,
        )  # fmt: skip

    def share_network(self, other: Self) -> None:
        """Take over engine and weights."""
        super().share_network(other)
        self._weights = other._weights

    def prepare(self, sample: Sample) -> Prepared:
        """Decode, squash to the network's square input, and fill what is not examined with the network's mean."""
        picture = load(sample, at_least=self.side, hashed=True)
        pixels = resize_square(picture.pixels, self.side, self.value_range_, sample.path)
        seen = self.roi.cells(sample.path, picture.size, self.side)
        if seen is None:
            return Prepared(sample, pixels, picture.size, picture.sha256)
        pixels = np.where(seen[..., None], pixels, np.asarray(self.backbone.mean, pixels.dtype))
        examined = self.roi.cells(sample.path, picture.size, self.pyramid_.side)
        if examined is None or not (examined.any() and seen.any()):
            raise InputError(sample.path, "nothing of it lies in the region of interest; draw a larger one")
        return Prepared(sample, pixels, picture.size, picture.sha256, examined)

    @single_threaded
    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        """Collect every normal sample's features and factorise; ``UserError`` below two samples."""
        self._reset()
        self.load(task)
        for batch in batched(prepared, self.batch_size):
            self._join(batch)
        self._finish()

    @single_threaded
    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Let samples leave and join the statistics; the others' pixels are not read. An error changes nothing."""
        unknown = sorted(set(remove) - set(self.keys_))
        if unknown:
            raise UserError(f"{unknown[0]} is not among the normal pictures of this model.")
        added = list(add)
        twice = _repeated([*(set(self.keys_) - set(remove)), *(item.sample.key for item in added)])
        if twice:
            raise UserError(f"{twice[0]} is among the normal pictures already.")
        if len(self.keys_) - len(set(remove)) + len(added) < 2:
            raise UserError("At least two normal pictures have to remain.")
        before = self._learned()
        try:
            self._leave({self.keys_.index(key) for key in set(remove)})
            for batch in batched(added, self.batch_size):
                self._join(batch)
            self._finish()
        except BaseException:
            vars(self).update(before)
            raise

    def _learned(self) -> dict[str, Any]:
        """All that ``update`` changes."""
        lists = {name: list(getattr(self, name)) for name in ("keys_", "sha256_", "sizes_", "pooled_")}
        parts = {"pyramid_": deepcopy(self.pyramid_), "image_score_": copy(self.image_score_)}
        return {**lists, **parts, "rows_": self.rows_.snapshot()}

    def _leave(self, gone: set[int]) -> None:
        if not gone:
            return
        stay = [index for index in range(len(self.keys_)) if index not in gone]
        if len(gone) > len(stay):
            # Adding up those that stay is less work, and no difference of large numbers.
            self.pyramid_.forget()
            for index in stay:
                self.pyramid_.add(self.rows_.read(index, index + 1)[0])
        else:
            for index in sorted(gone):
                self.pyramid_.remove(self.rows_.read(index, index + 1)[0])
        self.rows_ = self.rows_.without(sorted(gone))
        self.keys_, self.sha256_ = _kept(self.keys_, gone), _kept(self.sha256_, gone)
        self.sizes_, self.pooled_ = _kept(self.sizes_, gone), _kept(self.pooled_, gone)

    def _join(self, batch: Sequence[Prepared]) -> None:
        for item, features in zip(batch, self._features(batch), strict=True):
            pictures = augmented(item.pixels, item.sha256, self.params.augmentations)
            copies = [self.layout.features(self.engine.run(p[None]))[0].pooled for p in pictures]
            self.keys_.append(item.sample.key)
            self.sha256_.append(item.sha256)
            self.sizes_.append(item.size)
            self.pooled_.append(np.stack([features.pooled, *copies]))
            self.rows_.append(features.local)
            self.pyramid_.add(features.local)

    def _features(self, batch: Sequence[Prepared]) -> list[Features]:
        return self.layout.features(self.engine.run(np.stack([item.pixels for item in batch])))

    def _finish(self) -> None:
        if len(self.keys_) < 2:
            raise UserError("At least two normal pictures are needed for a fit; twenty or more for a useful threshold.")
        if all(np.array_equal(rows[0], self.pooled_[0][0]) for rows in self.pooled_):
            # Told from the statistics alone, what is left after others were removed would look like a difference.
            raise UserError("The normal pictures look identical to the network. Add pictures that differ.")
        self.pyramid_.factorise()
        self.image_score_.fit(np.concatenate(self.pooled_), len(self.keys_))

    @property
    def normal_set(self) -> NormalSet:
        """The normal samples, in the order they joined."""
        return NormalSet(tuple(self.keys_), tuple(self.sha256_), tuple(self.sizes_))

    def embeddings(self) -> Array:
        """Pooled features (n, d), each divided by its standard deviation over the normal samples."""
        return np.asarray(np.stack([rows[0] for rows in self.pooled_]) / self._deviation())

    def _deviation(self) -> Array:
        deviation = np.stack([rows[0] for rows in self.pooled_]).astype(np.float64).std(axis=0)
        return np.where(deviation > 0, deviation, 1.0)

    @single_threaded
    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Held-out distances of every normal sample, and the standards they give; at least two groups are needed."""
        if len(groups) != len(self.keys_) or len(set(groups)) < 2:
            raise ValueError(f"{len(self.keys_)} normal samples in {len(set(groups))} groups: two or more are needed")
        distances = self.pyramid_.held_out(self.rows_, groups, task)
        z = self.pyramid_.standardise(distances, groups)
        side = self.pyramid_.side
        masks: list[Array | None] = [None] * len(self.keys_)
        if not self.roi.everything:
            masks = [self.roi.cells(Path(k), size, side) for k, size in zip(self.keys_, self.sizes_, strict=True)]
        top = top_mean(z, masks)
        folds = held_out_folds(groups, self.sha256_)
        scores = self.image_score_.calibrate(np.concatenate(self.pooled_), top, groups, folds)
        grids = within(z if self.params.map == "z" else self.pyramid_.raw_grid(distances), masks)
        peaks = np.array([map_peak(grid, size, SMOOTHING) for grid, size in zip(grids, self.sizes_, strict=True)])
        return HeldOut(scores, peaks, grids if self.plain_scores else None, SMOOTHING)

    @single_threaded
    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Score prepared pictures."""
        places = [Place(item.sample.path, item.size, item.examined) for item in batch]
        return self._predict(self._features(batch), places)

    @single_threaded
    def rescore(self, features: Sequence[tuple[Features, Place]]) -> list[Prediction]:
        """Score features seen before with the model as it is now."""
        blocks = [features[start : start + BLOCK] for start in range(0, len(features), BLOCK)]
        found: list[Prediction] = []
        workers = min(MAX_WORKERS, worker_count())
        for _, predictions in prefetch(blocks, self._rescore_block, workers=workers, ahead=2 * workers):
            if isinstance(predictions, InputError):
                raise predictions
            found.extend(predictions)
        return found

    def _rescore_block(self, block: Sequence[tuple[Features, Place]]) -> list[Prediction]:
        return self._predict([features for features, _ in block], [place for _, place in block])

    def _predict(self, features: Sequence[Features], places: Sequence[Place]) -> list[Prediction]:
        distances = self.pyramid_.distances(np.stack([f.local for f in features]))
        masks = [place.examined for place in places]
        z = self.pyramid_.z_grid(distances)
        grids = within(z if self.params.map == "z" else self.pyramid_.raw_grid(distances), masks)
        scores, parts = self.image_score_.score(np.stack([f.pooled for f in features]), top_mean(z, masks))
        return [
            Prediction(float(score), grid, place.size, part, (kept, place), SMOOTHING, self._region_of(place))
            for score, grid, place, part, kept in zip(scores, grids, places, parts, features, strict=True)
        ]

    def _region_of(self, place: Place) -> Callable[[], Array | None] | None:
        return None if place.examined is None else partial(self.roi.mask, place.path, place.size)

    @single_threaded
    def nearest(self, features: tuple[Features, Place], count: int) -> list[Neighbour]:
        """The normal samples closest in pooled features, each divided by its standard deviation."""
        normal, deviation = self.embeddings(), self._deviation()
        distances = np.linalg.norm(normal - features[0].pooled / deviation, axis=1)
        order = np.argsort(distances, kind="stable")[:count]
        return [Neighbour(self.keys_[index], float(distances[index])) for index in order]

    @property
    def has_theoretical_threshold(self) -> bool:
        """Only the distance to a single Gaussian has a known distribution."""
        return self.params.score == "global" or (self.params.score == "sum" and len(self.levels) == 1)

    def theoretical_threshold(self, fpr: float) -> float | None:
        """√χ²_d⁻¹(1−fpr) where the score is the distance to a single Gaussian (the paper's rule)."""
        if not self.has_theoretical_threshold:
            return None
        from scipy.special import chdtri

        return float(np.sqrt(chdtri(self.image_score_.models[0].dof_, fpr)))

    def state(self) -> State:
        """Statistics, standards, and what is kept of every normal sample."""
        standards = {name: [s.mean, s.deviation] for name, s in self.image_score_.standards.items()}
        own = {"pooled": np.stack(self.pooled_), "rows": self.rows_.snapshot()}
        tensors: dict[str, Any] = {**self.pyramid_.state(), **own}
        meta = {
            "keys": list(self.keys_), "sha256": list(self.sha256_), "sizes": list(self.sizes_),
            "value_range": self.value_range_, "standards": standards,
        }  # fmt: skip
        return State(tensors, {**meta, "weights_sha256": self._weights_sha256(), "fitted_with": self._ran_on()})

    @single_threaded
    def restore(self, state: State) -> None:
        """Take back a state; the network is loaded on first use."""
        try:
            self._reset()
            meta = state.meta
            self.keys_, self.sha256_ = list(meta["keys"]), list(meta["sha256"])
            self.sizes_ = [(int(h), int(w)) for h, w in meta["sizes"]]
            self.value_range_ = tuple(meta["value_range"]) if meta["value_range"] else None
            self._expected_hash, self._fitted_with = str(meta["weights_sha256"]), dict(meta["fitted_with"])
            pooled, rows = state.tensors["pooled"], state.tensors["rows"]
            shape = (len(self.keys_), 1 + self.params.augmentations, self.layout.pooled)
            if pooled.shape != shape or rows.shape != (len(self.keys_), self.layout.row):
                raise ValueError(f"features of shape {pooled.shape} and {rows.shape}, not {shape}")
            if not len(self.keys_) == len(self.sha256_) == len(self.sizes_):
                raise ValueError("keys, hashes and sizes of the normal pictures differ in number")
            self.rows_ = rows.snapshot()
            self.pooled_ = list(pooled)
            self.pyramid_.restore(dict(state.tensors), len(self.keys_))
            self.image_score_.fit(pooled.reshape(-1, pooled.shape[-1]), len(self.keys_))
            self.image_score_.standards = {name: ScoreStandard(*pair) for name, pair in meta["standards"].items()}
        except (KeyError, TypeError, ValueError, IndexError, np.linalg.LinAlgError) as error:
            raise ModelFileError(f"The model's contents do not fit its parameters: {error}.") from error

    def describe(self) -> dict[str, Any]:
        """Backbone, weights, engine and preprocessing."""
        return {
            "backbone": self.backbone.name,
            "levels": list(self.levels),
            "weights_sha256": self._weights_sha256(),
            **self._ran_on(),
            "preprocessing": {
                "resize": [self.side, self.side], "interpolation": "bilinear, antialiased",
                "value_range": self.value_range_ or [0, 255],
                "mean": list(self.backbone.mean), "std": list(self.backbone.std),
            },
            "params": asdict(self.params),
        }  # fmt: skip

    def _weights_sha256(self) -> str:
        return self._weights.sha256 if self._weights else self._expected_hash

    def _ran_on(self) -> dict[str, str | None]:
        """What runs the network; before it is loaded, what did when the model was saved."""
        return {"engine": self._engine.name, "device": self._engine.device} if self._engine else self._fitted_with


class Place(NamedTuple):
    """Where features come from: the file, its height and width, and the examined cells (None: all)."""

    path: Path
    size: tuple[int, int]
    examined: Array | None = None


def within(grids: Array, masks: Sequence[Array | None]) -> Array:
    """The grids (n, S, S) with 0 where a mask (S, S) says that nothing was examined."""
    return np.stack([g if m is None else np.where(m, g, np.float32(0)) for g, m in zip(grids, masks, strict=True)])


def _kept(column: list[Value], gone: set[int]) -> list[Value]:
    return [value for index, value in enumerate(column) if index not in gone]


def _repeated(keys: Iterable[str]) -> list[str]:
    return sorted(key for key, count in Counter(keys).items() if count > 1)
