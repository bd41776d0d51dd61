from __future__ import annotations

import hashlib

import numpy as np
import pytest

from ad_desktop.detectors.gaussian.folds import MAX_FOLDS, held_out_folds


def hashes(n: int) -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(n)]


def as_sets(folds: list[int], names: list[str]) -> set[frozenset[str]]:
    return {frozenset(name for name, fold in zip(names, folds, strict=True) if fold == f) for f in folds}


@pytest.mark.parametrize("n_groups", [2, 7, 20])
def test_few_groups_are_the_folds(n_groups: int) -> None:
    groups = [i % n_groups for i in range(40)]
    assert as_sets(held_out_folds(groups, hashes(40)), hashes(40)) == as_sets(groups, hashes(40))


def test_many_groups_share_twenty_folds_and_none_is_torn() -> None:
    groups = [i // 3 for i in range(600)]
    folds = held_out_folds(groups, hashes(600))
    assert len(set(folds)) == MAX_FOLDS
    assert all(len(set(folds[i : i + 3])) == 1 for i in range(0, 600, 3))
    assert max(np.bincount(folds)) <= 60


def test_folds_do_not_depend_on_the_order_or_the_groups_numbers() -> None:
    names = hashes(120)
    groups = [i // 2 for i in range(120)]
    order = np.random.default_rng(0).permutation(120)
    mixed = held_out_folds([1000 - groups[i] for i in order], [names[i] for i in order])
    assert as_sets(mixed, [names[i] for i in order]) == as_sets(held_out_folds(groups, names), names)


def test_a_group_that_leaves_one_sample_is_taken_apart() -> None:
    assert len(set(held_out_folds([0, 0, 0, 0, 1], hashes(5)))) == 5
    assert len(set(held_out_folds([0, 1], hashes(2)))) == 2
    assert len(set(held_out_folds([0, 0, 0, 1, 1], hashes(5)))) == 2
