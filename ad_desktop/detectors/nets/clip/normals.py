"""The normal samples of a model, and the memory of their patches. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.detectors.base import Array, NormalSet
from ad_desktop.detectors.nets.clip import memory
from ad_desktop.detectors.nets.clip.scores import unit
from ad_desktop.detectors.nets.clip.seen import NormalRow, Place, Seen
from ad_desktop.detectors.rows import RowStore
from ad_desktop.errors import UserError


class Normals:
    """Normal samples in the order they joined; ``patches`` holds a row for each, None where nothing remembers them."""

    def __init__(self) -> None:
        self.rows: list[NormalRow] = []
        self.patches: RowStore | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def join(self, row: NormalRow, patches: Array | None) -> None:
        """Take a sample in, with its patch features (t, d) if they are to be kept; ``UserError`` if it is there."""
        if row.key in {one.key for one in self.rows}:
            raise UserError(f"{row.key} is among the normal pictures already.")
        if patches is not None:
            kept = memory.kept(patches).ravel()
            self.patches = self.patches or RowStore(kept.shape, "<f2")
            self.patches.append(kept)
        self.rows.append(row)

    def without(self, keys: Sequence[str]) -> Normals:
        """The others, to which samples can be added without a change here; ``UserError`` for a key that is unknown."""
        known = [row.key for row in self.rows]
        unknown = sorted(set(keys) - set(known))
        if unknown:
            raise UserError(f"{unknown[0]} is not among the normal pictures of this model.")
        gone = sorted(known.index(key) for key in set(keys))
        found = Normals()
        found.rows = [row for index, row in enumerate(self.rows) if index not in gone]
        found.patches = self.patches.without(gone) if self.patches else None
        return found

    def check(self, fewest: str) -> None:
        """``UserError``: ``fewest`` for a single sample, and in any case if all look identical."""
        if len(self.rows) == 1:
            raise UserError(fewest)
        if self.rows and all(np.array_equal(row.seen.whole, self.rows[0].seen.whole) for row in self.rows):
            raise UserError("The normal pictures look identical to the network. Add pictures that differ.")

    @property
    def normal_set(self) -> NormalSet:
        """Keys, hashes and sizes."""
        rows = self.rows
        return NormalSet(
            tuple(r.key for r in rows), tuple(r.sha256 for r in rows), tuple(r.seen.place.size for r in rows)
        )

    def embeddings(self) -> Array | None:
        """Global features (n, d) at length one."""
        return np.stack([unit(row.seen.whole) for row in self.rows]) if self.rows else None

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays by name, and JSON-able values."""
        tensors: dict[str, Any] = {}
        if self.rows:
            tensors["grids"] = np.stack([row.seen.grid for row in self.rows])
            tensors["wholes"] = np.stack([row.seen.whole for row in self.rows])
            masks = [row.seen.place.examined for row in self.rows]
            if any(mask is not None for mask in masks):
                everywhere = np.ones_like(self.rows[0].seen.grid)
                tensors["examined"] = np.stack([everywhere if m is None else m for m in masks]).astype(np.float32)
        if self.patches is not None:
            tensors["rows"] = self.patches.snapshot()
        keys, sha256, sizes = self.normal_set
        return tensors, {"keys": list(keys), "sha256": list(sha256), "sizes": [list(size) for size in sizes]}

    @classmethod
    def restored(cls, tensors: Mapping[str, Any], meta: Mapping[str, Any]) -> Normals:
        """What ``state`` gave; ``ValueError`` if samples and memory differ in number."""
        found = cls()
        found.patches = tensors["rows"].snapshot() if "rows" in tensors else None
        for index, (key, sha256, size) in enumerate(zip(meta["keys"], meta["sha256"], meta["sizes"], strict=True)):
            examined = tensors["examined"][index] > 0 if "examined" in tensors else None
            place = Place(Path(key), (int(size[0]), int(size[1])), examined)
            seen = Seen(tensors["grids"][index], tensors["wholes"][index], place)
            found.rows.append(NormalRow(str(key), str(sha256), seen))
        if found.patches is not None and len(found.patches) != len(found.rows):
            raise ValueError("the memory and the list of normal pictures differ in number")
        return found
