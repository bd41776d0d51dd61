"""AnomalyCLIP: zero-shot detection with CLIP and object-agnostic prompts.

Source: Zhou et al., *AnomalyCLIP: Object-agnostic Prompt Learning for Zero-shot Anomaly Detection*
(ICLR 2024, arXiv 2310.18961), as its published code computes it; the optional memory of normal
patches is after WinCLIP+ and AnomalyDINO.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ad_desktop.data.images import load, suggest_range, value_range_of
from ad_desktop.data.intensity import resize_square
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Array, Detector, HeldOut, Neighbour, NormalSet, Prediction, Prepared, State
from ad_desktop.detectors.gaussian.params import parse_range
from ad_desktop.detectors.nets.clip import memory
from ad_desktop.detectors.nets.clip.hub import find_clip
from ad_desktop.detectors.nets.clip.params import AnomalyCLIPParams
from ad_desktop.detectors.nets.clip.scores import abnormal_share, picture_score, unit
from ad_desktop.detectors.nets.clip.seen import NormalRow, Place, Seen
from ad_desktop.detectors.nets.devices import resolve_device
from ad_desktop.detectors.rows import RowStore
from ad_desktop.errors import InputError, ModelFileError, UserError
from ad_desktop.task import Task

if TYPE_CHECKING:
    from ad_desktop.detectors.nets.clip.network import ClipFile
    from ad_desktop.detectors.nets.torch_engine import TorchEngine

FILL = (123, 117, 104)
"""CLIP's mean colour, for what is not examined."""
HANDWRITTEN = "plain texts on damaged objects (no learned prompts were given)"


class AnomalyCLIP(Detector):
    """AnomalyCLIP on whole pictures, with or without normal samples."""

    name = "anomalyclip"
    title = "AnomalyCLIP"
    summary = "Compares pictures with words for normal and damaged. Needs no normal pictures, and slow on a CPU."
    Params = AnomalyCLIPParams
    needs_normal_samples = False

    def __init__(
        self, params: AnomalyCLIPParams | None = None, device: str = "auto", roi: RegionOfInterest | None = None
    ) -> None:
        super().__init__(params, device, roi)
        self.params: AnomalyCLIPParams
        self.value_range_ = parse_range(self.params.value_range)
        self.text_: Array | None = None
        self.prompts_: dict[str, Array] = {}
        self.history_: list[list[float]] = []
        self.facts_: dict[str, Any] = {}
        self.normals_: list[NormalRow] = []
        self.rows_: RowStore | None = None
        self._engine: TorchEngine | None = None
        self._lock = threading.Lock()

    def load(self, task: Task) -> None:
        """Find the weights, check them against the fitted ones, read the prompts, and make the engine."""
        with self._lock:
            if self._engine is None:
                self._load(task)

    def _load(self, task: Task) -> None:
        chosen = self.params
        path, sha256 = find_clip(chosen.model, chosen.weights, chosen.download, task)
        expected = self.facts_.get("weights_sha256", sha256)
        if sha256 != expected:
            raise ModelFileError(
                f"The model was fitted with other weights than {path} (SHA-256 {expected[:12]}… and {sha256[:12]}…), "
                "so its scores would be wrong. Fit again, or restore the weights it was fitted with."
            )
        task.report("Loading torch")
        from ad_desktop.detectors.nets.clip.network import ClipFile

        device = resolve_device(self.device)
        task.report("Reading the weights")
        file = ClipFile(path, chosen.activation)
        self.facts_ = {**self.facts_, **_facts_of(file), "weights_sha256": sha256}
        self.facts_["image_size"] = self._side(file.shape.patch, task)
        if self.text_ is None and not chosen.train_on:
            self._read_prompts(file, task)
        task.report("Preparing the network")
        self._engine = file.engine(self.side, chosen.second_path, chosen.layers, device, chosen.mixed_precision, task)

    def _side(self, patch: int, task: Task) -> int:
        side = max(1, round(self.params.image_size / patch)) * patch
        if side != self.params.image_size:
            task.note(f"Pictures are resized to {side} pixels: {self.params.image_size} is not a multiple of {patch}.")
        return side

    def _read_prompts(self, file: ClipFile, task: Task) -> None:
        from ad_desktop.detectors.nets.cache import file_sha256
        from ad_desktop.detectors.nets.clip.prompts import read_prompts

        task.report("Reading the prompts")
        prompts = None
        if self.params.prompts:
            path = Path(self.params.prompts).expanduser()
            prompts = read_prompts(path)
            self.facts_ |= {"prompts": f"learned, from {path.name}", "prompts_sha256": file_sha256(path)}
        else:
            self.facts_["prompts"] = HANDWRITTEN
            task.note(f"Text vectors come from {HANDWRITTEN}: learned prompts find more.")
        self.text_ = file.vectors(prompts, self.params.half_prompts)
        self.prompts_ = {n: t.numpy() for n, t in prompts.learned.items()} if prompts else {}

    @property
    def side(self) -> int:
        """Side of the network's input, in pixels; reads the weights if need be."""
        if "image_size" not in self.facts_:
            self.load(Task())
        return int(self.facts_["image_size"])

    @property
    def _grid(self) -> int:
        return self.side // int(self.facts_["patch"])

    @property
    def _smoothing(self) -> float:
        return self.params.smoothing / float(self.facts_["patch"])

    @property
    def engine(self) -> TorchEngine:
        """The engine that ``load`` made."""
        self.load(Task())
        assert self._engine is not None  # noqa: S101 - load either sets it or raises
        return self._engine

    @property
    def batch_size(self) -> int:
        """The engine's own."""
        return self.engine.batch_size

    def survey(self, samples: Sequence[Sample], task: Task) -> None:
        """Settle the value range of pictures with more than 8 bits."""
        if self.params.value_range == "auto" and samples:
            self.value_range_ = suggest_range(samples, task)

    def prepare(self, sample: Sample) -> Prepared:
        """Decode, squash bicubically as the published code does, and fill what is not examined with the mean colour."""
        picture = load(sample, hashed=True)
        value_range = self.value_range_ or value_range_of(picture.pixels)
        pixels = resize_square(picture.pixels, self.side, value_range, sample.path, bicubic=True)
        seen = self.roi.cells(sample.path, picture.size, self.side)
        if seen is None:
            return Prepared(sample, pixels, picture.size, picture.sha256)
        pixels = np.where(seen[..., None], pixels, np.asarray(FILL, pixels.dtype))
        examined = self.roi.cells(sample.path, picture.size, self._grid)
        if examined is None or not (examined.any() and seen.any()):
            raise InputError(sample.path, "nothing of it lies in the region of interest; draw a larger one")
        return Prepared(sample, pixels, picture.size, picture.sha256, examined)

    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        """Learn prompts if asked to, and take the normal samples in; ``UserError`` for a single one."""
        self.load(task)
        if self.params.train_on:
            self._learn(task)
        self.normals_, self.rows_ = [], None
        for item in prepared:
            self._join(item)
        self._check_normals("At least two normal pictures are needed, or none at all.")

    def _learn(self, task: Task) -> None:
        from ad_desktop.detectors.nets.clip.training import learn

        chosen = self.params
        path, _ = find_clip(chosen.model, chosen.weights, False, task)
        found = learn(path, self.facts_["weights_sha256"], self.engine, chosen, task)
        self.text_, self.prompts_, self.history_ = found.text, found.prompts, found.history
        self.facts_["prompts"] = f"learned on {Path(chosen.train_on).name}"

    def _join(self, item: Prepared) -> None:
        if item.sample.key in {row.key for row in self.normals_}:
            raise UserError(f"{item.sample.key} is among the normal pictures already.")
        seen, patches = self._look(item)
        if self.params.memory:
            row = memory.kept(patches).ravel()
            self.rows_ = self.rows_ or RowStore(row.shape, "<f2")
            self.rows_.append(row)
        self.normals_.append(NormalRow(item.sample.key, item.sha256, seen))

    def _check_normals(self, message: str) -> None:
        if len(self.normals_) == 1:
            raise UserError(message)
        if self.normals_ and all(np.array_equal(r.seen.whole, self.normals_[0].seen.whole) for r in self.normals_):
            raise UserError("The normal pictures look identical to the network. Add pictures that differ.")

    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Let samples leave and join; the others' pixels are not read. An error changes nothing."""
        keys = [row.key for row in self.normals_]
        unknown = sorted(set(remove) - set(keys))
        if unknown:
            raise UserError(f"{unknown[0]} is not among the normal pictures of this model.")
        before = list(self.normals_), self.rows_.snapshot() if self.rows_ else None
        try:
            gone = sorted(keys.index(key) for key in set(remove))
            self.normals_ = [row for index, row in enumerate(self.normals_) if index not in gone]
            self.rows_ = self.rows_.without(gone) if self.rows_ else None
            for item in add:
                task.check()
                self._join(item)
            if len(self.normals_) < 2:
                raise UserError("At least two normal pictures have to remain.")
            self._check_normals("")
        except BaseException:
            self.normals_, self.rows_ = before
            raise

    @property
    def normal_set(self) -> NormalSet:
        """The normal samples, in the order they joined."""
        rows = self.normals_
        return NormalSet(
            tuple(r.key for r in rows), tuple(r.sha256 for r in rows), tuple(r.seen.place.size for r in rows)
        )

    def embeddings(self) -> Array | None:
        """Global features (n, d) at length one."""
        return np.stack([unit(row.seen.whole) for row in self.normals_]) if self.normals_ else None

    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Scores of the normal samples; with a memory, each compared with those of other groups only."""
        if len(groups) != len(self.normals_) or len(set(groups)) < 2:
            raise ValueError(
                f"{len(self.normals_)} normal samples in {len(set(groups))} groups: two or more are needed"
            )
        far: Sequence[Array | None] = [None] * len(groups)
        if self.rows_ is not None:
            far = list(memory.held_out(self.rows_, len(self._text[0]), groups, task))
        found = [self._judge(row.seen, one) for row, one in zip(self.normals_, far, strict=True)]
        peaks = [float(prediction.anomaly_map.max()) for prediction in found]
        return HeldOut(np.array([prediction.anomaly_score for prediction in found]), np.array(peaks))

    @property
    def _text(self) -> Array:
        assert self.text_ is not None  # noqa: S101 - a fit or a state gives it
        return self.text_

    def _look(self, item: Prepared) -> tuple[Seen, Array]:
        """What the network says of one picture: a grid of probabilities, the global feature; and patch features."""
        [patches], [whole] = self.engine.run(item.pixels[None])
        return self._seen(item, patches, whole), patches[-1]

    def _seen(self, item: Prepared, patches: Array, whole: Array) -> Seen:
        grid = abnormal_share(patches, self._text).mean(axis=0).reshape(self._grid, self._grid)
        return Seen(grid, whole, Place(item.sample.path, item.size, item.examined))

    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Score prepared pictures."""
        if not batch:
            return []
        patches, wholes = self.engine.run(np.stack([item.pixels for item in batch]))
        found = []
        for item, mine, whole in zip(batch, patches, wholes, strict=True):
            far = memory.distances(memory.kept(mine[-1]), self.rows_) if self.rows_ is not None else None
            found.append(self._judge(self._seen(item, mine, whole), far))
        return found

    def _judge(self, seen: Seen, far: Array | None) -> Prediction:
        """Map and score; ``far`` (t,) are distances to the memory, each half of the sum."""
        words = float(abnormal_share(seen.whole, self._text))
        grid: Array = seen.grid
        whole, parts = words, {"words": words}
        if far is not None:
            distant = far.reshape(grid.shape)
            examined = distant if seen.place.examined is None else distant[seen.place.examined]
            whole, grid = (words + float(examined.max())) / 2, (grid + distant) / 2
            parts = {"words": words / 2, "memory": whole - words / 2}
        if seen.place.examined is not None:
            grid = np.where(seen.place.examined, grid, np.float32(0))
        grid = np.asarray(grid, np.float32)
        chosen = self.params
        score = picture_score(chosen.score, whole, grid, self.side, self._smoothing, chosen.top_share)
        if chosen.score != "image":
            parts["map"] = float(grid.max())
        features = seen if self.rows_ is None else None
        return Prediction(
            score, grid, seen.place.size, parts, features, self._smoothing, self._region_of(seen.place), True
        )

    def _region_of(self, place: Place) -> Callable[[], Array | None] | None:
        return None if place.examined is None else partial(self.roi.mask, place.path, place.size)

    def rescore(self, features: Sequence[Any]) -> list[Prediction] | None:
        """Score again; unsupported with a memory, for which all patches of a picture would have to be kept."""
        if self.params.memory:
            return None
        return [self._judge(seen, None) for seen in features]

    def nearest(self, features: Any, count: int) -> list[Neighbour]:
        """The normal samples closest in global features."""
        normal = self.embeddings()
        if normal is None or features is None:
            return []
        far = np.linalg.norm(normal - unit(features.whole), axis=1)
        return [Neighbour(self.normals_[i].key, float(far[i])) for i in np.argsort(far, kind="stable")[:count]]

    def state(self) -> State:
        """Text vectors, prompts, and what is kept of every normal sample."""
        tensors: dict[str, Any] = {"text": self._text, **{f"prompts.{n}": t for n, t in self.prompts_.items()}}
        if self.normals_:
            tensors["grids"] = np.stack([row.seen.grid for row in self.normals_])
            tensors["wholes"] = np.stack([row.seen.whole for row in self.normals_])
            masks = [row.seen.place.examined for row in self.normals_]
            if any(mask is not None for mask in masks):
                tensors["examined"] = np.stack([np.ones_like(self.normals_[0].seen.grid) if m is None else m
                                                for m in masks]).astype(np.float32)  # fmt: skip
        if self.rows_ is not None:
            tensors["rows"] = self.rows_.snapshot()
        keys, sha256, sizes = self.normal_set
        return State(tensors, {
            "keys": list(keys), "sha256": list(sha256), "sizes": [list(size) for size in sizes],
            "value_range": self.value_range_, "facts": {**self.facts_, **self._ran_on()}, "history": self.history_,
        })  # fmt: skip

    def restore(self, state: State) -> None:
        """Take back a state; the network is loaded on first use, the text tower never."""
        try:
            meta, tensors = state.meta, dict(state.tensors)
            self.text_, self.facts_, self.history_ = tensors["text"], dict(meta["facts"]), list(meta["history"])
            self.value_range_ = tuple(meta["value_range"]) if meta["value_range"] else None
            self.prompts_ = {n[8:]: t for n, t in tensors.items() if n.startswith("prompts.")}
            self.rows_ = tensors["rows"].snapshot() if "rows" in tensors else None
            self.normals_ = []
            for index, (key, sha256, size) in enumerate(zip(meta["keys"], meta["sha256"], meta["sizes"], strict=True)):
                examined = tensors["examined"][index] > 0 if "examined" in tensors else None
                place = Place(Path(key), (int(size[0]), int(size[1])), examined)
                seen = Seen(tensors["grids"][index], tensors["wholes"][index], place)
                self.normals_.append(NormalRow(str(key), str(sha256), seen))
            if self.rows_ is not None and len(self.rows_) != len(self.normals_):
                raise ValueError("the memory and the list of normal pictures differ in number")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelFileError(f"The model's contents do not fit its parameters: {error}.") from error

    def write_prompts(self, target: Path, task: Task) -> None:
        """Save learned prompts in the published format; ``UserError`` if there are none."""
        if not self.prompts_:
            raise UserError("This model has no learned prompts: its text vectors come from plain texts.")
        self.load(task)
        from ad_desktop.detectors.nets.clip.network import ClipFile
        from ad_desktop.detectors.nets.clip.published import write_published

        path, _ = find_clip(self.params.model, self.params.weights, False, task)
        write_published(target, self.prompts_, ClipFile(path, self.params.activation))

    def _ran_on(self) -> dict[str, Any]:
        return {"engine": self._engine.name, "device": self._engine.device} if self._engine else {}

    def describe(self) -> dict[str, Any]:
        """CLIP, weights, prompts and preprocessing."""
        last = self.history_[-1][0] if self.history_ else None
        learned = {"history": self.history_, "loss": f"{self.history_[0][0]:.3f} to {last:.3f}"} if last else {}
        return {
            **self.facts_, **self._ran_on(), **learned, "memory": self.params.memory,
            "preprocessing": {"resize": self.facts_.get("image_size"), "interpolation": "bicubic (Pillow)"},
            "params": asdict(self.params),
        }  # fmt: skip


def _facts_of(file: ClipFile) -> dict[str, Any]:
    shape = file.shape
    return {
        "backbone": f"ViT CLIP, {shape.layers} blocks of width {shape.width}, patches of {shape.patch}",
        "patch": shape.patch, "dimensions": shape.embed, "activation": "QuickGELU" if shape.quick_gelu else "GELU",
    }  # fmt: skip
