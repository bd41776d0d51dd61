"""Any detector on the tiles of large pictures; from outside it knows pictures only.

All tiles feed one model: what a tile shows is compared with all tiles of all normal pictures, wherever
they lie, as textures need it. Where a method has statistics for places, they are places within a tile.
A picture's score is that of its highest tile. Its held-out score is made in the same way, with all tiles of
its whole group left out, so that the threshold keeps its promise for pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.images import info, load
from ad_desktop.data.loader import prefetch
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Sample
from ad_desktop.data.spool import SpooledPicture, TileSample
from ad_desktop.data.tiles import Tile, Tiling, cut, split_key
from ad_desktop.detectors.base import Array, Detector, HeldOut, Neighbour, NormalSet, Prediction, Prepared, State
from ad_desktop.detectors.tiled.prediction import TileFeatures, combined
from ad_desktop.detectors.tiled.region import TileRegion
from ad_desktop.errors import InputError, ModelFileError, UserError
from ad_desktop.task import Task

WORKERS = 2
AHEAD = 8
"""Tiles that are made ready ahead; no more of one picture are in memory at a time, beside a batch."""


@dataclass(frozen=True)
class PreparedTiles(Prepared):
    """A picture on the disk and where its tiles lie; ``pixels`` stays empty."""

    tiles: tuple[TileSample, ...] = ()


def make_detector(
    kind: type[Detector], params: Any, device: str, roi: RegionOfInterest, tiling: Tiling | None = None
) -> Detector:
    """A detector that has learned nothing yet, on tiles if there are to be any."""
    if tiling is None or not tiling.size:
        return kind(params, device, roi)
    return TiledDetector(kind(params, device, TileRegion(roi.shapes, roi.border)), tiling, roi)


class TiledDetector(Detector):
    """Runs ``inner`` on every tile; pictures that are not larger than a tile go to it whole."""

    most_ahead = 2

    def __init__(self, inner: Detector, tiling: Tiling, roi: RegionOfInterest) -> None:
        super().__init__(inner.params, inner.device, roi)
        # Name, title and whatever else a class says of its method.
        vars(self).update({name: getattr(inner, name) for name in Detector.__annotations__ if hasattr(inner, name)})
        self.most_ahead = TiledDetector.most_ahead
        self.inner, self.tiling = inner, tiling
        self._pictures: dict[str, tuple[str, tuple[int, int]]] = {}
        self._decoding = threading.Lock()

    def load(self, task: Task) -> None:
        """Make the network ready."""
        self.inner.load(task)

    def survey(self, samples: Sequence[Sample], task: Task) -> None:
        """Look at the normal pictures as the method does."""
        self.inner.survey(samples, task)

    def prepare(self, sample: Sample) -> Prepared:
        """Decode a large picture onto the disk, one at a time; ``InputError`` if nothing of it is examined."""
        if type(sample) is not Sample or (not sample.page and max(_size(sample)) <= self.tiling.size):
            return self.inner.prepare(sample)
        with self._decoding:
            source = SpooledPicture(load(sample, hashed=True))
        tiles = cut(source.size, self.tiling, self.roi.bounds(sample.path, source.size))
        if not tiles:
            return self.inner.prepare(sample)
        seen = [TileSample.of(sample.key, tile, source) for tile in tiles if self._examines(sample.path, tile)]
        if not seen:
            raise InputError(sample.path, "nothing of it lies in the region of interest; draw a larger one")
        return PreparedTiles(sample, np.empty(0, np.uint8), source.size, source.sha256, None, tuple(seen))

    def _examines(self, path: Path, tile: Tile) -> bool:
        mask = self.roi.mask(path, tile.of, tile)
        return mask is None or bool(mask.any())

    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        """Learn from all tiles of normal pictures; ``UserError`` for a single picture."""
        found: dict[str, tuple[str, tuple[int, int]]] = {}
        self.inner.fit(self._all_tiles(prepared, found, task), task)
        if len(found) == 1:
            raise UserError("At least two normal pictures are needed for a fit; twenty or more for a useful threshold.")
        self._pictures = found

    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Let pictures join and leave with all their tiles; an error changes nothing."""
        unknown = sorted(set(remove) - set(self._pictures))
        if unknown:
            raise UserError(f"{unknown[0]} is not among the normal pictures of this model.")
        added, gone = list(add), set(remove)
        kept = {key: said for key, said in self._pictures.items() if key not in gone}
        twice = [item.sample.key for item in added if item.sample.key in kept]
        if twice:
            raise UserError(f"{twice[0]} is among the normal pictures already.")
        if len(kept) + len(added) < 2:
            raise UserError("At least two normal pictures have to remain.")
        leaving = [key for key in self.inner.normal_set.keys if split_key(key)[0] in gone]
        self.inner.update(self._all_tiles(added, kept, task), leaving, task)
        self._pictures = kept

    def _all_tiles(
        self, prepared: Iterable[Prepared], found: dict[str, tuple[str, tuple[int, int]]], task: Task
    ) -> Iterator[Prepared]:
        """What the method takes, tile by tile; the pictures they belong to are put into ``found``."""
        for item in prepared:
            found[item.sample.key] = (item.sha256, item.size)
            if isinstance(item, PreparedTiles):
                yield from self._tiles(item, task)
            else:
                yield item

    def _tiles(self, item: PreparedTiles, task: Task | None = None) -> Iterator[Prepared]:
        for _, made in prefetch(item.tiles, self.inner.prepare, workers=WORKERS, ahead=AHEAD, task=task):
            if isinstance(made, InputError):
                raise InputError(item.sample.path, made.reason)
            yield made

    @property
    def normal_set(self) -> NormalSet:
        """The normal pictures, in the order they joined."""
        said = [self._pictures[key] for key in self._keys()]
        return NormalSet(tuple(self._keys()), tuple(sha for sha, _ in said), tuple(size for _, size in said))

    def _keys(self) -> list[str]:
        return list(dict.fromkeys(split_key(key)[0] for key in self.inner.normal_set.keys))

    def _owners(self) -> Array:
        """Of each tile in the method's normal set, the number of its picture, (n,)."""
        number = {key: index for index, key in enumerate(self._keys())}
        return np.array([number[split_key(key)[0]] for key in self.inner.normal_set.keys], np.intp)

    def embeddings(self) -> Array | None:
        """The mean over each picture's tiles, (n, d)."""
        vectors = self.inner.embeddings()
        if vectors is None:
            return None
        owners = self._owners()
        total = np.zeros((len(self._pictures), vectors.shape[1]))
        np.add.at(total, owners, vectors)
        return np.asarray(total / np.bincount(owners)[:, None])

    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Held-out scores of the normal pictures: of each the highest tile, its group's tiles all left out.

        The same for the peaks of the maps, which blending can only lower.
        """
        owners = self._owners()
        held_out = self.inner.calibrate(np.asarray(groups)[owners].tolist(), task)
        peaks = held_out.map_peaks
        count = len(self._pictures)
        return HeldOut(
            _highest(held_out.scores, owners, count), None if peaks is None else _highest(peaks, owners, count)
        )

    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Score pictures, the tiles of each in batches of the method's own size."""
        whole = [item for item in batch if not isinstance(item, PreparedTiles)]
        said = iter(self.inner.predict(whole) if whole else [])
        return [self._predict(item) if isinstance(item, PreparedTiles) else next(said) for item in batch]

    def _predict(self, item: PreparedTiles) -> Prediction:
        said: list[Prediction] = []
        waiting: list[Prepared] = []
        size = max(1, self.inner.batch_size)
        for made in self._tiles(item):
            waiting.append(made)
            if len(waiting) == size or len(said) + len(waiting) == len(item.tiles):
                said += self.inner.predict(waiting)
                waiting = []
        tiles = [sample.tile for sample in item.tiles]
        return combined(item.sample.key, item.size, tiles, said, self._region_of(item.sample.key, item.size))

    def _region_of(self, key: str, size: tuple[int, int]) -> Callable[[], Array | None] | None:
        return None if self.roi.everything else partial(self.roi.mask, Path(key), size)

    def rescore(self, features: Sequence[Any]) -> Sequence[Prediction | None] | None:
        """Score again; None for pictures with too many tiles for their features to be kept."""
        found: list[Prediction | None] = []
        for one in features:
            if not isinstance(one, TileFeatures):
                said = self.inner.rescore([one])
            elif one.features is None:
                found.append(None)
                continue
            else:
                said = self.inner.rescore(one.features)
            if said is None:
                return None
            found.append(self._together(one, said) if isinstance(one, TileFeatures) else said[0])
        return found

    def _together(self, kept: TileFeatures, said: Sequence[Prediction | None]) -> Prediction | None:
        whole = [one for one in said if one is not None]
        if len(whole) < len(said):
            return None
        return combined(kept.key, kept.size, kept.tiles, whole, self._region_of(kept.key, kept.size))

    def nearest(self, features: Any, count: int) -> list[Neighbour]:
        """The normal pictures with the tiles closest to the highest tile of a picture."""
        asked = features.highest if isinstance(features, TileFeatures) else features
        every = len(self.inner.normal_set.keys)
        wanted = min(4 * count, every)
        while True:
            near: dict[str, float] = {}
            for key, distance in self.inner.nearest(asked, wanted):
                near.setdefault(split_key(key)[0], distance)
            if len(near) >= count or wanted == every:
                return [Neighbour(key, distance) for key, distance in near.items()][:count]
            wanted = min(4 * wanted, every)

    def state(self) -> State:
        """The method's own state, and the pictures behind its tiles."""
        tensors, meta = self.inner.state()
        pictures = [[key, sha, *size] for key, (sha, size) in self._pictures.items()]
        return State(tensors, {"inner": meta, "pictures": pictures})

    def restore(self, state: State) -> None:
        """Take back a state; ``ModelFileError`` if tiles and pictures do not fit together."""
        self.inner.restore(State(state.tensors, state.meta["inner"]))
        self._pictures = {key: (sha, (int(h), int(w))) for key, sha, h, w in state.meta["pictures"]}
        if set(self._keys()) != set(self._pictures):
            raise ModelFileError("The model's tiles do not fit its list of normal pictures. Fit and save it again.")

    @property
    def batch_size(self) -> int:
        """One picture, which is a batch of tiles."""
        return 1

    def describe(self) -> dict[str, Any]:
        """What the method says of itself, and the tiles."""
        return {**self.inner.describe(), "tiles": self.tiling.to_json()}


def _size(sample: Sample) -> tuple[int, int]:
    found = info(sample.path)
    return found.height, found.width


def _highest(values: Array, owners: Array, count: int) -> Array:
    found = np.full(count, -np.inf)
    np.maximum.at(found, owners, values)
    return found
