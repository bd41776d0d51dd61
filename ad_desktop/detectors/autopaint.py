"""AutoPaint: healthy anatomy is learned by painting it, and what differs from it is found.

After Astaraki et al., *AutoPaint: A Self-Inpainting Method for Unsupervised Anomaly Detection* (arXiv 2305.12358).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ad_desktop.data.images import load, resize_square, suggest_range
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Failure, Sample
from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.base import (
    Array,
    Detector,
    FloatArray,
    HeldOut,
    NormalScan,
    NormalSet,
    Prediction,
    Prepared,
    State,
)
from ad_desktop.detectors.nets.cache import cache_dir
from ad_desktop.detectors.nets.devices import resolve_device
from ad_desktop.detectors.nets.inpainting.sizes import SIZES, SQUARES, multiple_of
from ad_desktop.detectors.painting.names import DISCS, Z
from ad_desktop.detectors.painting.params import AutoPaintParams
from ad_desktop.errors import InputError, ModelFileError, UserError
from ad_desktop.imports import imported
from ad_desktop.task import Task

if TYPE_CHECKING:
    from ad_desktop.detectors.nets.inpainting.training import Schedule
    from ad_desktop.detectors.painting.model import PaintModel, Plan
    from ad_desktop.detectors.painting.pictures import PictureModel
    from ad_desktop.detectors.painting.stages import Stage

BATCH = 16
LEAST_PIXELS = 32
"""Side of training squares where scans are not aligned, whatever their spacing: what a hole needs around it."""
PART = re.compile(r"#\d+:\d+$")
"""How the key of a part of a scan ends."""


class AutoPaint(Detector):
    """AutoPaint on whole scans, or on pictures that show the same thing in the same place."""

    name = "autopaint"
    title = "AutoPaint"
    summary = "Learns what healthy anatomy looks like and paints it over what does not belong. For scans; slow to fit."
    volumetric = True
    paints = True
    libraries = (
        "scipy.ndimage",
        "ad_desktop.detectors.painting.model",
        "ad_desktop.detectors.painting.pictures",
    )
    Params = AutoPaintParams

    def __init__(
        self, params: AutoPaintParams | None = None, device: str = "auto", roi: RegionOfInterest | None = None
    ) -> None:
        super().__init__(params, device, roi)
        self.params: AutoPaintParams
        self.multiple = multiple_of(SIZES[self.params.network])
        self.side = -(-self.params.image_size // self.multiple) * self.multiple
        self.value_range_: tuple[float, float] | None = None
        self.history_: list[tuple[int, float]] = []
        self._device = "cpu"
        self._reset()

    def _reset(self) -> None:
        self.keys_: list[str] = []
        self.sha256_: list[str] = []
        self.sizes_: list[tuple[int, int]] = []
        self.pictures_: PictureModel | None = None
        self.scans_: PaintModel | None = None
        self.held_out_: list[str] = []

    def load(self, task: Task) -> None:
        """Settle the device; there are no weights to be found."""
        task.report("Preparing the network")
        imported((*self.libraries, "timm") if self.params.perceptual else self.libraries, task)
        self._device = resolve_device(self.device)

    @property
    def batch_size(self) -> int:
        """Pictures are looked at one by one."""
        return 8

    # Scans

    @property
    def voxel_rate(self) -> float:
        """As the user chose."""
        return self.params.voxel_fpr

    @property
    def held_out_scans(self) -> Sequence[str]:
        """Every fifth normal scan."""
        return self.held_out_

    @property
    def learns_parts(self) -> bool:
        """Where scans are not laid over each other."""
        return self.params.align == "none"

    def fit_volumes(
        self, scans: Iterable[NormalScan], task: Task, window: tuple[float, float] | None = None
    ) -> list[Failure]:
        """Learn from normal scans; ``UserError`` below three that can be used."""
        from ad_desktop.detectors.painting.cohort import Cohort
        from ad_desktop.detectors.painting.model import PaintModel, held_out

        self._reset()
        self.history_ = []
        if self.learns_parts and self.params.stage == Z:
            raise UserError("The stage z compares places, and align=none knows none: choose another of the two.")
        cohort = Cohort(scans, window)
        kept = partial(self._checkpoint, cohort.sha256, window)
        self.scans_ = PaintModel.fit(
            cohort,
            replace(self._plan(), window=window),
            task,
            self._device,
            kept,
            lambda step, loss: self.history_.append((step, loss)),
        )
        self.keys_, self.sha256_, self.sizes_ = cohort.keys, cohort.sha256, cohort.sizes
        self.held_out_ = [self.keys_[index] for index in held_out(len(self.keys_))]
        if not self.params.checkpoint:
            kept().unlink(missing_ok=True)
        return cohort.failures

    def predict_volume(self, volume: Volume, examined: Array | None, task: Task) -> Prediction:
        """Score a scan; ``UserError`` for one that cannot be used, or of another kind than the normal ones."""
        from ad_desktop.detectors.painting.prediction import PaintedPrediction, slice_scores

        if self.scans_ is None:
            raise UserError("this model was fitted on pictures. Fit one on normal scans.")
        mask = np.ones(volume.shape, bool) if examined is None else examined
        seen = self.scans_.examine(volume, mask, task)
        prediction = PaintedPrediction(
            0.0, seen.found.score, seen.found.score.shape[1:], axis="axial", shape=volume.shape, affine=volume.affine,
            examined_bits=np.packbits(mask), difference=seen.found.difference, signed=seen.found.signed,
            grid_affine=seen.affine, contrast=seen.contrast, remark=seen.remark,
        )  # fmt: skip
        turned = (planes(part, volume.affine, "axial") for part in (prediction.anomaly_map, mask))
        prediction.slice_scores = slice_scores(*turned)
        prediction.scored = tuple(int(i) for i in np.flatnonzero(np.isfinite(prediction.slice_scores)))
        prediction.anomaly_score = float(np.nanmax(prediction.slice_scores))
        prediction.parts = {"highest slice": prediction.anomaly_score}
        return prediction

    def paint_over(self, volume: Volume, examined: Array | None, region: Array, task: Task) -> FloatArray:
        """Hide a region whole and paint it; ``UserError`` where it lies outside what is examined."""
        from ad_desktop.detectors.painting.by_hand import painted_over

        if self.scans_ is None:
            raise UserError("this model was fitted on pictures. Fit one on normal scans.")
        if self.params.stage == Z:
            raise UserError("The stage z has no network that could paint: choose another one and fit again.")
        mask = np.ones(volume.shape, bool) if examined is None else examined
        return painted_over(self.scans_, volume, mask, region, task)

    def _checkpoint(self, hashes: Sequence[str], window: tuple[float, float] | None) -> Path:
        """Where an interrupted fit of these very scans with these very parameters is kept."""
        if self.params.checkpoint:
            return Path(self.params.checkpoint).expanduser()
        told = json.dumps([asdict(self.params), window, *hashes], sort_keys=True)
        folder = cache_dir() / "autopaint"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.safetensors"

    # Pictures

    def survey(self, samples: Sequence[Sample], task: Task) -> None:
        """Settle the value range of pictures with more than 8 bits."""
        self.value_range_ = suggest_range(samples, task)

    def prepare(self, sample: Sample) -> Prepared:
        """Decode, make grey, squash to a square, and put NaN where it is not examined."""
        side = self.side
        picture = load(sample, at_least=side, hashed=True)
        grey = resize_square(picture.pixels, side, self.value_range_, sample.path).mean(axis=2, dtype=np.float32) / 255
        seen = self.roi.cells(sample.path, picture.size, side)
        if seen is not None:
            if not seen.any():
                raise InputError(sample.path, "nothing of it lies in the region of interest; draw a larger one")
            grey = np.where(seen, grey, np.nan)
        pixels = grey.astype(np.float16).astype(np.float32)
        return Prepared(sample, pixels, picture.size, picture.sha256, seen)

    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        """Learn from normal pictures; ``UserError`` below two."""
        self._reset()
        self.load(task)
        self._learn(list(prepared), task, "At least two normal pictures are needed for a fit; twenty or more for a "
                    "useful threshold.")  # fmt: skip

    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Fit anew on the changed set, from the pictures that the model keeps. An error changes nothing."""
        unknown = sorted(set(remove) - set(self.keys_))
        if unknown:
            raise UserError(f"{unknown[0]} is not among the normal pictures of this model.")
        known = zip(self.keys_, self.sha256_, self.sizes_, self._fitted().pictures, strict=True)
        kept = [
            Prepared(Sample(Path(key)), picture, size, sha256)
            for key, sha256, size, picture in known if key not in set(remove)
        ]  # fmt: skip
        names = [*(key for key in self.keys_ if key not in set(remove))]
        added = list(add)
        twice = [item.sample.key for i, item in enumerate(added)
                 if item.sample.key in {*names, *(a.sample.key for a in added[:i])}]  # fmt: skip
        if twice:
            raise UserError(f"{twice[0]} is among the normal pictures already.")
        before = dict(vars(self))
        try:
            self._learn([*kept, *added], task, "At least two normal pictures have to remain.", names)
        except BaseException:
            vars(self).update(before)
            raise

    def _learn(self, prepared: Sequence[Prepared], task: Task, too_few: str, keys: Sequence[str] = ()) -> None:
        from ad_desktop.detectors.painting.pictures import PictureModel

        if len(prepared) < 2:
            raise UserError(too_few)
        names = [*keys, *(item.sample.key for item in prepared[len(keys) :])]
        model = PictureModel(self._stage(divided=False), self._schedule(), SIZES[self.params.network], self._device)
        model.fit([item.pixels for item in prepared], [item.sha256 for item in prepared], task)
        self.pictures_ = model
        self.keys_, self.sha256_ = names, [item.sha256 for item in prepared]
        self.sizes_ = [item.size for item in prepared]

    @property
    def normal_set(self) -> NormalSet:
        """The normal pictures or scans; a scan's key ends in ``#scan``, as its slices (or parts) end in numbers."""
        keys = tuple(self.keys_)
        if self.scans_ is not None:
            keys = tuple(key if PART.search(key) else f"{key}#scan" for key in keys)
        return NormalSet(keys, tuple(self.sha256_), tuple(self.sizes_))

    def embeddings(self) -> Array | None:
        """None: nothing here says how alike two pictures are."""
        return None

    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Each picture's score by statistics and a network that know nothing of its group."""
        from ad_desktop.detectors.painting.pictures import picture_score

        if len(groups) != len(self.keys_) or len(set(groups)) < 2:
            raise ValueError(f"{len(self.keys_)} normal samples in {len(set(groups))} groups: two or more are needed")
        model = self._fitted()
        maps = model.held_out(groups, task)
        pairs = list(zip(maps, model.pictures, strict=True))
        scores = [picture_score(found, np.isfinite(picture)) for found, picture in pairs]
        return HeldOut(np.array(scores, np.float64), np.array([found.max() for found in maps], np.float64))

    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Score prepared pictures."""
        return [self._judge(item) for item in batch]

    def _judge(self, item: Prepared) -> Prediction:
        from ad_desktop.detectors.painting.pictures import picture_score

        found = self._fitted().examine(item.pixels, Task())
        examined: Callable[[], Array | None] | None = None
        if item.examined is not None:
            examined = partial(self.roi.mask, item.sample.path, item.size)
        return Prediction(picture_score(found, np.isfinite(item.pixels)), found, item.size, examined=examined)

    def _fitted(self) -> PictureModel:
        if self.pictures_ is None:
            raise UserError("This model was fitted on scans. Fit one on normal pictures.")
        return self.pictures_

    # Both

    def _stage(self, *, divided: bool = True) -> Stage:
        from ad_desktop.detectors.painting.refine import Refinement
        from ad_desktop.detectors.painting.stages import Stage

        chosen = self.params
        refined = chosen.refine and chosen.stage not in (DISCS, Z)
        refinement = Refinement() if refined else None
        return Stage(chosen.stage, refinement=refinement, divided=divided, smoothing=chosen.smoothing)

    def _schedule(self) -> Schedule:
        from ad_desktop.detectors.nets.inpainting.training import Schedule

        chosen = self.params
        return Schedule(chosen.steps, batch=BATCH, seed=chosen.seed, perceptual=chosen.perceptual)

    def _plan(self) -> Plan:
        from ad_desktop.detectors.painting.batches import Recipe
        from ad_desktop.detectors.painting.model import Plan

        chosen = self.params
        recipe = Recipe(multiple=self.multiple, aligned=not self.learns_parts, prior=not self.learns_parts)
        # Scans that are not aligned differ in spacing more than heads do: as many pixels as those have.
        least = max(self.multiple, LEAST_PIXELS if self.learns_parts else SQUARES.get(chosen.network, 0))
        recipe = replace(recipe, crop_mm=max(recipe.crop_mm, least * chosen.spacing))
        return Plan(
            self._schedule(),
            chosen.spacing,
            chosen.align,
            recipe,
            SIZES[chosen.network],
            self._stage(),
            even=chosen.even,
        )

    def state(self) -> State:
        """What was learned, and of which pictures or scans."""
        meta: dict[str, Any] = {
            "keys": list(self.keys_), "sha256": list(self.sha256_), "sizes": [list(size) for size in self.sizes_],
            "value_range": self.value_range_, "history": self.history_, "held_out": list(self.held_out_),
        }  # fmt: skip
        if self.scans_ is not None:
            return State(self.scans_.tensors(), {**meta, "scans": self.scans_.meta()})
        return State(self._fitted().tensors(), meta)

    def restore(self, state: State) -> None:
        """Take back a state; ``ModelFileError`` if it does not fit."""
        from ad_desktop.detectors.painting.model import PaintModel
        from ad_desktop.detectors.painting.pictures import PictureModel

        self._reset()
        self._device = resolve_device(self.device)
        try:
            meta = state.meta
            self.keys_, self.sha256_ = list(meta["keys"]), list(meta["sha256"])
            self.sizes_ = [(int(rows), int(columns)) for rows, columns in meta["sizes"]]
            self.value_range_ = tuple(meta["value_range"]) if meta["value_range"] else None
            self.history_ = [(int(step), float(loss)) for step, loss in meta["history"]]
            self.held_out_ = list(meta["held_out"])
            if "scans" in meta:
                self.scans_ = PaintModel.from_state(state.tensors, meta["scans"], self._plan(), self._device)
                return
            model = PictureModel(self._stage(divided=False), self._schedule(), SIZES[self.params.network], self._device)
            model.restore(state.tensors, self.sha256_)
            if not len(model.pictures) == len(self.keys_) == len(self.sha256_) == len(self.sizes_):
                raise ValueError("keys, hashes and sizes of the normal pictures differ in number")
            self.pictures_ = model
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(f"The model's contents do not fit its parameters: {error}.") from error

    def describe(self) -> dict[str, Any]:
        """Stage, device, preprocessing and how the fit went."""
        found: dict[str, Any] = {"stage": self.params.stage, "device": self._device, "params": asdict(self.params)}
        if self.scans_ is not None:
            found |= {"values": self.scans_.describe(), "preprocessing": self.scans_.meta()}
        if self.history_:
            found["validation_loss"] = [list(pair) for pair in self.history_]
        return found
