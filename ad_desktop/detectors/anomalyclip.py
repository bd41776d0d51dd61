"""AnomalyCLIP: zero-shot detection with CLIP and object-agnostic prompts.

Source: Zhou et al., *AnomalyCLIP: Object-agnostic Prompt Learning for Zero-shot Anomaly Detection*
(ICLR 2024, arXiv 2310.18961), as its published code computes it; the optional memory of normal
patches is after WinCLIP+ and AnomalyDINO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ad_desktop.data.images import load, value_range_of
from ad_desktop.data.intensity import resize_square
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Sample, SliceSample
from ad_desktop.data.spool import TileSample
from ad_desktop.detectors.base import Array, HeldOut, Neighbour, NormalSet, Prediction, Prepared, State
from ad_desktop.detectors.blas import single_threaded
from ad_desktop.detectors.nets.clip import memory
from ad_desktop.detectors.nets.clip.graph_file import write_apart
from ad_desktop.detectors.nets.clip.hub import find_clip
from ad_desktop.detectors.nets.clip.normals import Normals
from ad_desktop.detectors.nets.clip.params import AnomalyCLIPParams
from ad_desktop.detectors.nets.clip.scores import abnormal_share, picture_score, unit
from ad_desktop.detectors.nets.clip.seen import NormalRow, Place, Seen
from ad_desktop.detectors.nets.detector import NetworkDetector
from ad_desktop.detectors.nets.devices import resolve_device
from ad_desktop.errors import InputError, ModelFileError, UserError
from ad_desktop.imports import imported
from ad_desktop.task import Task

if TYPE_CHECKING:
    from ad_desktop.detectors.nets.clip.network import ClipFile
    from ad_desktop.detectors.nets.engines import Engine

FILL = (123, 117, 104)
"""CLIP's mean colour, for what is not examined."""
HANDWRITTEN = "plain texts on damaged objects (no learned prompts were given)"


class AnomalyCLIP(NetworkDetector):
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
        self.text_: Array | None = None
        self.prompts_: dict[str, Array] = {}
        self.history_: list[list[float]] = []
        self.facts_: dict[str, Any] = {}
        self.normals_ = Normals()

    def _make_engine(self, task: Task) -> Engine:
        """The engine, and on the way the prompts, if a fit has not made the text vectors."""
        chosen = self.params
        path, sha256 = self._find_weights(task, chosen.download)
        task.report("Loading torch")
        imported(("ad_desktop.detectors.nets.clip.network",), task)
        from ad_desktop.detectors.nets.clip.network import ClipFile

        device = resolve_device(self.device)
        task.report("Reading the weights")
        file = ClipFile(path, chosen.activation)
        self.facts_ = {**self.facts_, **_facts_of(file), "weights_sha256": sha256}
        self.facts_["image_size"] = self._side(file.shape.patch, task)
        if self.text_ is None and not chosen.train_on:
            self._read_prompts(file, task)
        task.report("Preparing the network")
        engine = file.engine(
            self.side, chosen.second_path, chosen.layers, device, chosen.mixed_precision, self.text_, task
        )
        self.facts_["precision"] = engine.precision
        return engine

    def _find_weights(self, task: Task, allow_download: bool = False) -> tuple[Path, str]:
        """The weights file and its hash; ``ModelFileError`` if it is not the one of the fit."""
        path, sha256 = find_clip(self.params.model, self.params.weights, allow_download, task)
        expected = self.facts_.get("weights_sha256", sha256)
        if sha256 != expected:
            raise ModelFileError(
                f"The model was fitted with other weights than {path} (SHA-256 {expected[:12]}… and {sha256[:12]}…), "
                "so its scores would be wrong. Fit again, or restore the weights it was fitted with."
            )
        return path, sha256

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

    def prepare(self, sample: Sample) -> Prepared:
        """Decode, squash bicubically as the published code does, and fill what is not examined with the mean colour."""
        picture = load(sample, hashed=True)
        # Parts of a scan or picture come with the black and white of the whole; their own would differ.
        given = sample.value_range if isinstance(sample, SliceSample | TileSample) else None
        value_range = self.value_range_ or given or value_range_of(picture.pixels)
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
        self.normals_ = Normals()
        for item in prepared:
            self._join(self.normals_, item)
        self.normals_.check("At least two normal pictures are needed, or none at all.")

    def _learn(self, task: Task) -> None:
        from ad_desktop.detectors.nets.clip.training import learn

        chosen = self.params
        path, _ = self._find_weights(task)
        found = learn(path, self.facts_["weights_sha256"], self.engine, chosen, task)
        self.text_, self.prompts_, self.history_ = found.text, found.prompts, found.history
        self.facts_["prompts"] = f"learned on {Path(chosen.train_on).name}"

    def _join(self, normals: Normals, item: Prepared) -> None:
        seen, patches = self._look(item)
        normals.join(NormalRow(item.sample.key, item.sha256, seen), patches if self.params.memory else None)

    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Let samples leave and join; the others' pixels are not read. An error changes nothing."""
        normals = self.normals_.without(remove)
        for item in add:
            task.check()
            self._join(normals, item)
        if len(normals) < 2:
            raise UserError("At least two normal pictures have to remain.")
        normals.check("")
        self.normals_ = normals

    @property
    def normal_set(self) -> NormalSet:
        """The normal samples, in the order they joined."""
        return self.normals_.normal_set

    def embeddings(self) -> Array | None:
        """Global features (n, d) at length one."""
        return self.normals_.embeddings()

    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Scores of the normal samples; with a memory, each compared with those of other groups only."""
        if len(groups) != len(self.normals_) or len(set(groups)) < 2:
            raise ValueError(
                f"{len(self.normals_)} normal samples in {len(set(groups))} groups: two or more are needed"
            )
        far: Sequence[Array | None] = [None] * len(groups)
        if self.normals_.patches is not None:
            far = list(memory.held_out(self.normals_.patches, len(self._text[0]), groups, task))
        found = [self._judge(row.seen, one) for row, one in zip(self.normals_.rows, far, strict=True)]
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

    @single_threaded
    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Score prepared pictures."""
        if not batch:
            return []
        patches, wholes = self.engine.run(np.stack([item.pixels for item in batch]))
        found, known = [], self.normals_.patches
        for item, mine, whole in zip(batch, patches, wholes, strict=True):
            far = memory.distances(memory.kept(mine[-1]), known) if known is not None else None
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
        features = seen if self.normals_.patches is None else None
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
        return [Neighbour(self.normals_.rows[i].key, float(far[i])) for i in np.argsort(far, kind="stable")[:count]]

    def state(self) -> State:
        """Text vectors, prompts, and what is kept of every normal sample."""
        tensors, meta = self.normals_.state()
        tensors |= {"text": self._text, **{f"prompts.{n}": t for n, t in self.prompts_.items()}}
        facts = {**self.facts_, **self._ran_on()}
        return State(tensors, {**meta, "value_range": self.value_range_, "facts": facts, "history": self.history_})

    def restore(self, state: State) -> None:
        """Take back a state; the network is loaded on first use, the text tower never."""
        try:
            meta, tensors = state.meta, dict(state.tensors)
            self.text_, self.facts_, self.history_ = tensors["text"], dict(meta["facts"]), list(meta["history"])
            self.value_range_ = tuple(meta["value_range"]) if meta["value_range"] else None
            self.prompts_ = {n[8:]: t for n, t in tensors.items() if n.startswith("prompts.")}
            self.normals_ = Normals.restored(tensors, meta)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelFileError(f"The model's contents do not fit its parameters: {error}.") from error

    def write_prompts(self, target: Path, task: Task) -> None:
        """Save learned prompts in the published format; ``UserError`` if there are none."""
        if not self.prompts_:
            raise UserError("This model has no learned prompts: its text vectors come from plain texts.")
        path, _ = self._find_weights(task)
        task.report("Loading torch")
        imported(("ad_desktop.detectors.nets.clip.published",), task)
        from ad_desktop.detectors.nets.clip.network import ClipFile
        from ad_desktop.detectors.nets.clip.published import write_published

        write_published(target, self.prompts_, ClipFile(path, self.params.activation))

    def write_onnx(self, target: Path, facts: Mapping[str, Any], task: Task) -> dict[str, float]:
        """Save the image path as an ONNX graph with ``facts`` in its metadata; differences of score and map from torch.

        ``UserError`` with a region of interest, which no graph knows, and where the graph cannot be made.
        """
        if not self.roi.everything:
            raise UserError("The graph sees whole pictures: a model with a region of interest cannot be exported.")
        path, _ = self._find_weights(task)
        return write_apart(target, path, self.params, self._text, self.normals_.patches, {**self.facts_, **facts}, task)

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
