"""Learns prompts from pictures of other objects whose defects are known. Importing this imports torch.

The vision tower is frozen and nothing is augmented, so every picture goes through it once; each step runs the
text tower alone. Loss and steps as published (arXiv 2310.18961).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from ad_desktop.data.atomic import atomic_path
from ad_desktop.data.datasets import MvtecDataset, TestItem, find_mvtec, load_mask
from ad_desktop.data.images import load, value_range_of
from ad_desktop.data.intensity import resize_square
from ad_desktop.detectors.base import Array
from ad_desktop.detectors.nets.clip.network import ClipFile
from ad_desktop.detectors.nets.clip.prompts import Prompts, fresh_prompts, read_prompts, text_vectors
from ad_desktop.detectors.nets.clip.scores import TEMPERATURE
from ad_desktop.detectors.rows import RowStore
from ad_desktop.errors import InputError, UserError
from ad_desktop.imports import OPTIMISER, imported
from ad_desktop.task import Task

WEIGHT = 4.0
BETAS = (0.5, 0.999)


class Learned(NamedTuple):
    """Unit text vectors 2×D, the learned tensors, and for each epoch the mean losses.

    A row of ``history`` holds the total, cross-entropy, focal, and dice of abnormal and of normal.
    """

    text: Array
    prompts: dict[str, Array]
    history: list[list[float]]


class Batch(NamedTuple):
    """Features of pictures: patches N×T×D, whole N×D; labels N (1: abnormal); masks N×S×S, NaN where not known."""

    patches: torch.Tensor
    whole: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor


def losses(text: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Total, cross-entropy, focal, dice of abnormal, dice of normal, for unit vectors ``text`` 2×D."""
    entropy = functional.cross_entropy(_cosines(batch.whole, text) / TEMPERATURE, batch.labels)
    known = ~batch.masks.flatten(1).isnan().any(dim=1)
    if not known.any():
        zero = torch.zeros(())
        return torch.stack([entropy, entropy, zero, zero, zero])
    masks, side = batch.masks[known], batch.masks.shape[-1]
    shares = (_cosines(batch.patches[known], text) / TEMPERATURE).softmax(dim=-1).transpose(1, 2)
    grid = round(shares.shape[-1] ** 0.5)
    maps = functional.interpolate(
        shares.reshape(len(shares), 2, grid, grid), size=(side, side), mode="bilinear", align_corners=False
    )
    focal = _focal(maps, masks)
    dice = [_dice(maps[:, 1], masks), _dice(maps[:, 0], 1 - masks)]
    return torch.stack([entropy + WEIGHT * (focal + dice[0] + dice[1]), entropy, focal, *dice])


def _cosines(features: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    return functional.normalize(features, dim=-1) @ text.T


def _focal(maps: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    smooth = 1e-5
    wanted = torch.stack([1 - masks, masks], dim=1).clamp(smooth, 1 - smooth)
    hit = (wanted * maps).sum(dim=1) + smooth
    return (-((1 - hit) ** 2) * hit.log()).mean()


def _dice(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    a, b = found.flatten(1), wanted.flatten(1)
    return 1 - ((2 * (a * b).sum(1) + 1) / (a.sum(1) + b.sum(1) + 1)).mean()


class Trainer:
    """Prompts, their optimiser, and a frozen text tower."""

    def __init__(self, model: Any, prompts: Prompts, shape: Any, *, rate: float, half: bool) -> None:
        self._model, self._shape, self._half = model, shape, half
        self.prompts = prompts
        learned = prompts.learned
        for tensor in learned.values():
            tensor.requires_grad_(True)
        self.names = list(learned)
        self.optimiser = torch.optim.Adam(learned.values(), lr=rate, betas=BETAS)

    def text(self) -> torch.Tensor:
        """Unit vectors 2×D as the prompts are now."""
        return functional.normalize(text_vectors(self._model, self.prompts, self._shape, half=self._half), dim=-1)

    def step(self, batch: Batch) -> list[float]:
        """One step; the losses before it."""
        found = losses(self.text(), batch)
        self.optimiser.zero_grad()
        found[0].backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return [float(value) for value in found.detach()]

    def save(self, path: Path, history: list[list[float]], mark: str) -> None:
        """Write prompts and optimiser as they are after a whole epoch."""
        from safetensors.torch import save_file

        tensors = {name: t.detach().contiguous() for name, t in self.prompts.tensors.items()}
        state = self.optimiser.state_dict()["state"]
        for index, name in enumerate(self.names):
            for part, value in state[index].items():
                tensors[f"adam.{part}.{name}"] = value.clone()
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, {"history": json.dumps(history), "mark": mark})

    def resume(self, path: Path, mark: str) -> list[list[float]]:
        """Take back what ``save`` wrote and return its history; ``UserError`` if it belongs to other settings."""
        with _opened(path) as file:
            told = file.metadata() or {}
            if told.get("mark") != mark:
                raise UserError(f"{path} was learned with other pictures, weights or settings: name another file.")
            state = self.optimiser.state_dict()
            for index, name in enumerate(self.names):
                self.prompts.tensors[name].data.copy_(file.get_tensor(name))
                state["state"][index] = {
                    part: file.get_tensor(f"adam.{part}.{name}") for part in ("step", "exp_avg", "exp_avg_sq")
                }
        self.optimiser.load_state_dict(state)
        return list(json.loads(told["history"]))


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, "pt")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a whole checkpoint ({error}): remove it, or name another file.") from error


def learn(weights: Path, sha256: str, engine: Any, params: Any, task: Task) -> Learned:
    """Learn prompts as ``params`` say; ``engine`` gives features of pictures. ``UserError`` without defects."""
    file = ClipFile(weights, params.activation)
    model: Any = file.text_model()
    side = max(1, round(params.image_size / file.shape.patch)) * file.shape.patch
    items = _items(Path(params.train_on).expanduser(), task)
    features = _look(items, engine, side, task)
    prompts = read_prompts(Path(params.prompts).expanduser()) if params.prompts else None
    imported((OPTIMISER,), task)
    trainer = Trainer(
        model, prompts or fresh_prompts(model, file.shape, seed=params.seed), file.shape,
        rate=params.learning_rate, half=params.half_prompts,
    )  # fmt: skip
    kept = Path(params.checkpoint).expanduser() if params.checkpoint else None
    count = len(features.labels)
    mark = _mark(sha256, features, trainer, params)
    history = trainer.resume(kept, mark) if kept and kept.is_file() else []
    steps = -(-count // params.train_batch)
    for epoch in range(len(history), params.epochs):
        order = np.random.default_rng([params.seed, epoch]).permutation(count)
        rows: list[list[float]] = []
        so_far = tuple(row[0] for row in history)
        for step in range(steps):
            task.report("Learning prompts", epoch * steps + step, params.epochs * steps, so_far)
            chosen = order[step * params.train_batch : (step + 1) * params.train_batch]
            rows.append(trainer.step(features.batch(chosen.tolist())))
        history.append([float(value) for value in np.mean(rows, axis=0)])
        if kept:
            trainer.save(kept, history, mark)
    task.note(f"Prompts were learned: loss {history[0][0]:.3f} in the first epoch, {history[-1][0]:.3f} in the last.")
    with torch.inference_mode():
        text = trainer.text().numpy()
    return Learned(text, {n: t.detach().numpy() for n, t in trainer.prompts.learned.items()}, history)


def _mark(weights: str, features: Features, trainer: Trainer, params: Any) -> str:
    """What a checkpoint depends on but the number of epochs: weights, pictures, masks, first prompts and settings."""
    first = [tensor.detach().numpy().tobytes() for tensor in trainer.prompts.learned.values()]
    masks = [b"" if mask is None else mask.tobytes() for mask in features.masks]
    seen = hashlib.sha256(b"|".join([*features.files, *masks, *first])).hexdigest()
    settings = (
        features.side, params.train_batch, params.learning_rate, params.seed, params.layers, params.second_path,
        params.activation, params.half_prompts,
    )  # fmt: skip
    return json.dumps([weights, seen, settings])


def _items(folder: Path, task: Task) -> list[TestItem]:
    datasets: list[MvtecDataset | None] = [find_mvtec(folder, task)]
    if datasets[0] is None and folder.is_dir():
        datasets = [find_mvtec(path, task) for path in sorted(folder.iterdir()) if path.is_dir()]
    items = [item for dataset in datasets if dataset is not None for item in dataset.test]
    if len({item.is_anomalous for item in items}) < 2:
        raise UserError(
            f"{folder}: good and defective pictures are needed to learn prompts from, in the layout of MVTec AD "
            "(test/good, test/<defect>, ground_truth/<defect>), or a folder of such data sets."
        )
    return items


class Features:
    """What the vision tower says of all pictures, on the disk."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.rows: RowStore | None = None
        self.whole: list[Array] = []
        self.labels: list[int] = []
        self.masks: list[Array | None] = []
        self.files: list[bytes] = []

    def batch(self, chosen: Sequence[int]) -> Batch:
        """The features of some pictures."""
        assert self.rows is not None  # noqa: S101 - there is at least one picture
        masks = []
        for index in chosen:
            mask = self.masks[index]
            whole = np.full((self.side, self.side), np.nan, np.float32)
            masks.append(whole if mask is None else np.unpackbits(mask, count=self.side**2).reshape(whole.shape))
        return Batch(
            torch.from_numpy(self.rows.take(chosen)),
            torch.from_numpy(np.stack([self.whole[i] for i in chosen])),
            torch.tensor([self.labels[i] for i in chosen]),
            torch.from_numpy(np.stack(masks).astype(np.float32)),
        )


def _look(items: Sequence[TestItem], engine: Any, side: int, task: Task) -> Features:
    found = Features(side)
    for done, item in enumerate(items):
        task.report("Looking at pictures of other objects", done, len(items))
        try:
            picture = load(item.sample, hashed=True)
            pixels = resize_square(picture.pixels, side, value_range_of(picture.pixels), item.sample.path, bicubic=True)
            mask = _mask(item, picture.size, side)
        except InputError as error:
            task.note(f"{error.path} was passed over: {error.reason}")
            continue
        [patches], [whole] = engine.run(pixels[None])
        found.rows = found.rows if found.rows is not None else RowStore(patches[-1].shape, "<f4")
        found.rows.append(patches[-1])
        found.whole.append(whole)
        found.labels.append(int(item.is_anomalous))
        found.masks.append(mask)
        found.files.append(picture.sha256.encode())
    if not any(label and mask is not None for label, mask in zip(found.labels, found.masks, strict=True)):
        # Good pictures alone would teach that every patch is normal.
        found.masks = [None] * len(found.masks)
    return found


def _mask(item: TestItem, size: tuple[int, int], side: int) -> Array | None:
    """Packed bits of where the defect is; None where that is not drawn."""
    if not item.is_anomalous:
        return np.packbits(np.zeros((side, side), bool))
    if item.mask is None:
        return None
    drawn = Image.fromarray(load_mask(item.mask, size).astype(np.uint8) * 255)
    return np.packbits(np.asarray(drawn.resize((side, side), Image.Resampling.BILINEAR)) > 127.5)
