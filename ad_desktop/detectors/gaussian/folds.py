"""Which normal samples are left out together where leaving out needs a new fit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

MAX_FOLDS = 20


def held_out_folds(groups: Sequence[int], sha256: Sequence[str]) -> list[int]:
    """One fold per group, or at most ``MAX_FOLDS`` of them, told by the group's smallest hash.

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
