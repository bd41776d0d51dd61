"""Which normal samples are left out together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.loader import batched

MAX_FOLDS = 20


def equal_groups(groups: Sequence[int], most: int) -> Iterator[NDArray[np.intp]]:
    """Members (m, g) of m groups of the same size g, the smallest first; together at most ``most``, or one group."""
    numbers = np.asarray(groups)
    order = np.argsort(numbers, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    for size, same in groupby(sorted(members, key=len), key=len):
        yield from map(np.stack, batched(same, max(1, most // size)))


def held_out_folds(groups: Sequence[int], sha256: Sequence[str]) -> list[int]:
    """For each sample a fold, where leaving out needs a new fit: one per group, or at most ``MAX_FOLDS`` of them.

    By content and not by place, so that a fit does not depend on the order of its samples. Where a
    group would leave a single sample, every sample is a fold of its own.
    """
    if len(groups) - max(Counter(groups).values()) < 2:
        return list(range(len(groups)))
    if len(set(groups)) <= MAX_FOLDS:
        return list(groups)
    smallest: dict[int, str] = {}
    for group, digest in zip(groups, sha256, strict=True):
        smallest[group] = min(smallest.get(group, digest), digest)
    fold = {g: int(hashlib.sha256(d.encode()).hexdigest()[:8], 16) % MAX_FOLDS for g, d in smallest.items()}
    return [fold[group] for group in groups]
