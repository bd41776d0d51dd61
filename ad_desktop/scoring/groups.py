"""Groups of normal samples that belong together, and are left out together when the threshold is calibrated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.errors import UserError
from ad_desktop.scoring.group_table import groups_by_table, is_table

MIN_GROUPS = 3
LARGEST_RATIO = 100.0
ALIKE_RATIO = 2.0
ALL_ALIKE = (
    "The normal pictures are near-duplicates of each other: expect more false alarms than asked for. "
    "Add pictures of other parts or sessions."
)
BLOCK_VALUES = 4_000_000
"""How many distances are held at once: 32 MB of them."""
WARN_RATIO = 1.15
"""From this ratio on, samples are suspiciously close to some others."""


@dataclass(frozen=True)
class Grouping:
    """``groups`` holds one integer per sample; ``rule`` says in words where they come from.

    ``duplicate_ratio``: see the function of that name.
    """

    groups: tuple[int, ...]
    rule: str
    duplicate_ratio: float | None = None
    warnings: tuple[str, ...] = ()


def check_spec(spec: str) -> None:
    """``UserError`` unless ``spec`` is auto, none, folder, regex:PATTERN, or an existing CSV file."""
    if spec in ("auto", "none", "folder"):
        return
    if spec.startswith("regex:"):
        _pattern(spec)
    elif is_table(spec):
        if not Path(spec).is_file():
            raise UserError(f"{spec}: there is no such file of groups.")
    else:
        raise UserError(f"groups={spec}: choose auto, none, folder, regex:PATTERN, or a CSV file (path,group).")


def assign_groups(spec: str, keys: Sequence[str], embeddings: NDArray[Any] | None) -> Grouping:
    """Group samples by ``spec``; ``keys`` are absolute paths, ``embeddings`` (n, d) the detector's own vectors.

    ``UserError`` for a pattern or table that does not cover the samples.
    """
    check_spec(spec)
    if spec == "auto":
        return _automatic(keys, embeddings)
    if spec == "none":
        names: list[str] = list(keys)
        rule = "every picture by itself"
    elif spec == "folder":
        names, rule = [str(Path(key).parent) for key in keys], "one group per folder"
    elif spec.startswith("regex:"):
        names, rule = _by_pattern(keys, _pattern(spec)), f"by the pattern {spec[len('regex:') :]}"
    else:
        names, rule = groups_by_table(keys, Path(spec)), f"by {Path(spec).name}"
    return _finished(_numbers(names), rule, embeddings)


def _finished(groups: Sequence[int], rule: str, embeddings: NDArray[Any] | None) -> Grouping:
    warnings = []
    if len(set(groups)) < 2 and len(groups) > 1:
        warnings.append("All normal pictures are in one group, so every picture was left out by itself instead.")
        groups = range(len(groups))
    ratio = None if embeddings is None else duplicate_ratio(embeddings, groups)
    if ratio is not None and ratio > WARN_RATIO:
        warnings.append(
            f"Some normal pictures look like near-duplicates across groups (ratio {ratio:.2f}): more false alarms than "
            "asked for are likely. Group pictures of the same part or session (by folder, file-name pattern or CSV)."
        )
    return Grouping(tuple(int(g) for g in groups), rule, ratio, tuple(warnings))


def _numbers(names: Sequence[str]) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(name, len(known)) for name in names]


def _pattern(spec: str) -> re.Pattern[str]:
    try:
        return re.compile(spec[len("regex:") :])
    except re.error as error:
        raise UserError(f"groups={spec}: this is not a regular expression ({error}).") from None


def _by_pattern(keys: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    """The capture groups of the pattern (or its whole match) in each path; no match is a group of its own."""
    names = []
    matched = False
    for key in keys:
        match = pattern.search(Path(key).as_posix())
        matched |= match is not None
        names.append(f"no match: {key}" if match is None else "|".join(match.groups("") or [match[0]]))
    if keys and not matched:
        raise UserError(f"The pattern {pattern.pattern} matches none of the files, such as {keys[0]}.")
    return names


def _automatic(keys: Sequence[str], embeddings: NDArray[Any] | None) -> Grouping:
    """Near-duplicates in feature space grouped, if there are any; every sample by itself otherwise."""
    alone = range(len(keys))
    if embeddings is None or len(keys) < 3:
        return Grouping(tuple(alone), "every picture by itself")
    distances = _Distances(embeddings)
    ratio, groups, cutoff = _ratio(distances, np.arange(len(keys)))
    if ratio is None:
        return Grouping(tuple(alone), "every picture by itself")
    if ratio <= WARN_RATIO:
        return Grouping(tuple(alone), "every picture by itself; no near-duplicates were found", ratio)
    count = len(set(groups))
    if count < MIN_GROUPS:
        # A handful of pictures says little; that nearly all are copies of each other has to be said all the same.
        warnings = (ALL_ALIKE,) if ratio > ALIKE_RATIO else ()
        return Grouping(tuple(alone), "every picture by itself", ratio, warnings)
    groups = _joined(distances, groups, cutoff)
    count = len(set(groups))
    warning = (
        f"Near-duplicates were found among the normal pictures (ratio {ratio:.2f}) and grouped into {count} groups. "
        "If you know which pictures belong to one part or session, say so (by folder, pattern or CSV): it is safer."
    )
    return Grouping(tuple(groups), "near-duplicates found in feature space", ratio, (warning,))


def duplicate_ratio(embeddings: NDArray[Any], groups: Sequence[int]) -> float | None:
    """How much closer the nearest sample of another group is than the nearest one beyond its neighbourhood.

    The median over the samples; about 1 where samples are independent, larger where there are
    near-duplicates across groups. ``embeddings`` (n, d). None for fewer than three groups, and where all
    samples are one neighbourhood.
    """
    return _ratio(_Distances(embeddings), np.asarray(groups)).ratio if len(set(groups)) >= 3 else None


class _Distances:
    """Squared Euclidean distances between vectors (n, d), in blocks of rows.

    All at once would take gigabytes for ten thousand samples. A single block is kept for the next time.
    """

    def __init__(self, embeddings: NDArray[Any]) -> None:
        vectors = np.asarray(embeddings, np.float64)
        self._vectors = vectors - vectors.mean(axis=0)
        self._squares = np.einsum("ij,ij->i", self._vectors, self._vectors)
        self._kept: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self._vectors)

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Which rows, and their squared distances (rows, n), which are not to be changed."""
        step = max(1, BLOCK_VALUES // len(self))
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            yield rows, self._whole() if step >= len(self) else self._block(rows)

    def _whole(self) -> NDArray[np.float64]:
        if self._kept is None:
            self._kept = self._block(slice(None))
        return self._kept

    def _block(self, rows: slice) -> NDArray[np.float64]:
        squared = self._vectors[rows] @ self._vectors.T
        squared *= -2
        squared += self._squares[rows, None]
        squared += self._squares
        return np.asarray(np.maximum(squared, 0.0, out=squared))


class _Duplicates(NamedTuple):
    """The ratio, each sample's neighbourhood (samples joined to their nearest one of another group), and a cutoff.

    The cutoff is the distance halfway, by ratio, between a neighbour and what lies beyond.
    """

    ratio: float | None
    neighbourhoods: list[int]
    cutoff: float


def _ratio(distances: _Distances, groups: NDArray[np.int_]) -> _Duplicates:
    nearest, farthest, index = _neighbours(distances, groups)
    near = _components(np.arange(len(index)), index, len(index))
    beyond, _, _ = _neighbours(distances, groups, np.asarray(near))
    known = np.isfinite(beyond)
    if not known.any():
        # A handful of samples hang together by chance. Exact copies among them are certain all the same.
        return _Duplicates(LARGEST_RATIO if np.median(nearest) * LARGEST_RATIO <= farthest else None, near, 0.0)
    # Exact copies have distance 0.
    ratios = beyond[known] / np.maximum(nearest[known], beyond[known] / LARGEST_RATIO)
    cutoff = float(np.sqrt(np.median(nearest) * np.median(beyond[known])))
    return _Duplicates(float(np.median(ratios)), near, cutoff)


def _joined(distances: _Distances, groups: list[int], cutoff: float) -> list[int]:
    """The groups, those with a pair of samples closer than ``cutoff`` made one.

    Neighbourhoods alone split what belongs together, and a split group lets the threshold down. Groups
    too large only make it cautious, unless they run together: then the groups stay as they are.
    """
    first, second = [np.arange(len(groups))], [np.unique(groups, return_index=True)[1][np.asarray(groups)]]
    for rows, squared in distances.blocks():
        close = np.nonzero(squared < cutoff**2)
        first.append(close[0] + rows.start)
        second.append(close[1])
    merged = _components(np.concatenate(first), np.concatenate(second), len(groups))
    sizes = np.bincount(merged)
    return groups if len(sizes) < MIN_GROUPS or sizes.max() > len(groups) / 2 else merged


def _neighbours(
    distances: _Distances, *labels: NDArray[np.int_]
) -> tuple[NDArray[np.float64], float, NDArray[np.int_]]:
    """The Euclidean distance (n,) and index (n,) of each sample's nearest one that differs in all labels.

    Between them stands the largest distance of any two. Infinite where there is none.
    """
    nearest, index, farthest = np.empty(len(distances)), np.empty(len(distances), np.int_), 0.0
    for rows, squared in distances.blocks():
        farthest = max(farthest, float(squared.max()))
        same = np.zeros(squared.shape, np.bool_)
        for label in labels:
            same |= label[rows, None] == label
        others = np.where(same, np.inf, squared)
        index[rows] = others.argmin(axis=1)
        nearest[rows] = np.take_along_axis(others, index[rows, None], axis=1)[:, 0]
    return np.sqrt(nearest), float(np.sqrt(farthest)), index


def _components(first: NDArray[np.int_], second: NDArray[np.int_], n: int) -> list[int]:
    """Component numbers (n,) of the graph that joins the samples ``first`` with the samples ``second``.

    Each sample takes the smallest number it is joined with until nothing changes. Not by scipy, whose import
    takes longer than a model to update.
    """
    labels, before = np.arange(n), np.empty(0, np.int_)
    while not np.array_equal(labels, before):
        before = labels.copy()
        smaller = np.minimum(labels[first], labels[second])
        # The label as well as the sample, so that whole components join at once.
        for joined in (first, second, before[first], before[second]):
            np.minimum.at(labels, joined, smaller)
        labels = labels[labels]
    return [int(label) for label in np.unique(labels, return_inverse=True)[1]]
