"""The map from all grids against its parts put together by torch."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import torch

from ad_desktop.detectors.gaussian.layout import Layout, LevelShape
from ad_desktop.detectors.gaussian.pyramid import LocalPyramid
from ad_desktop.detectors.rows import RowStore
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task

LAYOUT = Layout([LevelShape(3, 16), LevelShape(5, 8), LevelShape(4, 6)])
CELLS = [256, 64, 36, 16]


def rows(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spread = np.concatenate([np.tile(np.geomspace(1, 0.2, level.channels), level.side**2) for level in LAYOUT.levels])
    centre = np.random.default_rng(9).normal(size=LAYOUT.row)
    return (rng.normal(size=(n, LAYOUT.row)) * spread + centre).astype(np.float16)


def fitted(samples: np.ndarray) -> LocalPyramid:
    pyramid = LocalPyramid(LAYOUT)
    for row in samples:
        pyramid.add(row)
    pyramid.factorise()
    return pyramid


def store_of(samples: np.ndarray) -> RowStore:
    store = RowStore((LAYOUT.row,), "<f2")
    store.extend(samples)
    return store


def whole(grids: np.ndarray) -> np.ndarray:
    """Grids (n, P) of P square cells, brought to 16×16."""
    side = round(grids.shape[1] ** 0.5)
    given = torch.from_numpy(grids.astype(np.float64)).reshape(-1, 1, side, side)
    return torch.nn.functional.interpolate(given, size=(16, 16), mode="bilinear", align_corners=False)[:, 0].numpy()


def calibrated(n: int = 14) -> tuple[LocalPyramid, list[np.ndarray], np.ndarray]:
    pyramid = fitted(rows(n))
    groups = [i // 2 for i in range(n)]
    held_out = pyramid.held_out(store_of(rows(n)), groups, Task())
    return pyramid, held_out, pyramid.standardise(held_out, groups)


def test_the_map_is_the_weighted_mean_of_all_grids() -> None:
    pyramid, held_out, _ = calibrated()
    distances = pyramid.distances(rows(5, seed=1))
    assert [d.shape for d in distances] == [(5, cells) for cells in CELLS]
    z, raw = pyramid.z_grid(distances), pyramid.raw_grid(distances)
    assert z.shape == raw.shape == (5, 16, 16)
    assert z.dtype == raw.dtype == np.float32
    weight = 14 / 24
    z_parts, raw_parts = [], []
    for given, usual in zip(distances, held_out, strict=True):
        mean = weight * usual.mean(axis=0) + (1 - weight) * usual.mean()
        deviation = weight * usual.std(axis=0) + (1 - weight) * usual.std()
        z_parts.append(whole((given - mean) / deviation))
        raw_parts.append(whole(given / usual.std()))
    np.testing.assert_allclose(raw, 0.6 * np.mean(raw_parts[:3], axis=0) + 0.4 * raw_parts[3], rtol=1e-4)
    fine = np.mean(z_parts[:3], axis=0)
    # Coarse evidence counts up to two deviations beyond the fine evidence at the same place.
    coarse = np.minimum(z_parts[3], np.maximum(fine, 0) + 2)
    assert (coarse < z_parts[3]).any()
    np.testing.assert_allclose(z, 0.6 * fine + 0.4 * coarse, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("group", [range(1), range(2), range(16), range(17), range(5, 38), range(38)])
def test_held_out_maps_come_from_models_that_have_not_seen_the_group(group: range) -> None:
    samples, pyramid = rows(40), fitted(rows(40))
    groups = [-1 if index in group else index for index in range(40)]
    held_out = pyramid.held_out(store_of(samples), groups, Task())
    assert [d.shape for d in held_out] == [(40, cells) for cells in CELLS]
    others = fitted(np.delete(samples, group, axis=0))
    for gaussian, other in zip(pyramid.gaussians, others.gaussians, strict=True):
        # A refit but for its amount of shrinkage, which stays.
        covariance = np.linalg.inv(other.whitener.T.astype(np.float64) @ other.whitener)
        covariance = (covariance - other.rho * other.mu * np.eye(len(covariance))) / (1 - other.rho)
        covariance = (1 - gaussian.rho) * covariance + gaussian.rho * gaussian.mu * np.eye(len(covariance))
        other.whitener = np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)
    for found, expected in zip(held_out, others.distances(samples[group]), strict=True):
        np.testing.assert_allclose(found[group], expected, rtol=2e-5)


def test_held_out_maps_are_usual_on_the_whole() -> None:
    _, _, z = calibrated()
    assert abs(float(z.mean())) < 0.2
    assert 0.2 < float(z.std()) < 1.2


def test_samples_that_joined_and_left_leave_nothing_behind() -> None:
    pyramid = fitted(rows(10))
    for row in rows(3, seed=5):
        pyramid.add(row)
    for row in rows(3, seed=5):
        pyramid.remove(row)
    pyramid.factorise()
    new = rows(4, seed=1)
    for found, expected in zip(pyramid.distances(new), fitted(rows(10)).distances(new), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_forgetting_leaves_the_standards_alone() -> None:
    pyramid, _, _ = calibrated()
    standards = list(pyramid.standards)
    pyramid.forget()
    assert pyramid.gaussians[0].n == 0
    assert pyramid.standards == standards
    for row in rows(14):
        pyramid.add(row)
    pyramid.factorise()
    new = rows(4, seed=1)
    fresh, _, _ = calibrated()
    assert np.array_equal(pyramid.z_grid(pyramid.distances(new)), fresh.z_grid(fresh.distances(new)))


def test_a_state_taken_back_gives_the_same_maps_and_is_not_changed_by_what_follows() -> None:
    pyramid, _, _ = calibrated()
    new = rows(4, seed=1)
    expected = [pyramid.z_grid(pyramid.distances(new)), pyramid.raw_grid(pyramid.distances(new))]
    state = pyramid.state()
    pyramid.add(new[0])
    restored = LocalPyramid(LAYOUT)
    restored.restore(state, 14)
    assert np.array_equal(restored.z_grid(restored.distances(new)), expected[0])
    assert np.array_equal(restored.raw_grid(restored.distances(new)), expected[1])


def test_a_state_that_does_not_fit_is_refused() -> None:
    state = calibrated()[0].state()
    with pytest.raises(ValueError, match="has the shape"):
        LocalPyramid(Layout([LevelShape(3, 16), LevelShape(6, 8), LevelShape(4, 6)])).restore(state, 14)
    del state["local.3.usual"]
    with pytest.raises(KeyError, match=r"local\.3\.usual"):
        LocalPyramid(LAYOUT).restore(state, 14)


@pytest.mark.parametrize("groups", [range(30), [i // 3 for i in range(30)], [0] * 20 + [1] * 10])
def test_progress_and_cancel(groups: list[int]) -> None:
    pyramid, task = fitted(rows(30)), Task()
    pyramid.held_out(store_of(rows(30)), groups, task)
    assert (task.progress.done, task.progress.total) == (30, 30)

    class Impatient(Task):
        """Cancelled at the second report."""

        def report(self, message: str, done: int = 0, total: int = 0) -> None:
            if self.progress.done:
                self.cancel()
            super().report(message, done, total)

    before = set(threading.enumerate())
    with pytest.raises(Cancelled):
        pyramid.held_out(store_of(rows(30)), groups, Impatient())
    gc.collect()
    assert set(threading.enumerate()) <= before
