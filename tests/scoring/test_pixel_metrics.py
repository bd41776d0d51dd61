from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from ad_desktop.errors import UserError
from ad_desktop.scoring.pixel_metrics import PixelMetrics, PixelResult


def measure(maps: NDArray[np.float32], masks: NDArray[np.bool_], limit: float = 0.3) -> PixelResult:
    metrics = PixelMetrics(limit)
    for anomaly_map, mask in zip(maps, masks, strict=True):
        metrics.add(anomaly_map, mask)
    return metrics.result()


def images(seed: int, n: int = 8, size: int = 40, lift: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Noise with lifted blobs; every other image is normal."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.normal(size=(n, size, size)), (0, 2, 2))
    masks = blobs > np.quantile(blobs, 0.93)
    masks[::2] = False
    maps = rng.normal(size=(n, size, size)) + lift * masks
    return maps.astype(np.float32), masks


def aupro_by_hand(maps: NDArray[np.float32], masks: NDArray[np.bool_], limit: float) -> float:
    """The mean over regions of the share above each threshold, thresholds taken one by one; limit < 1."""
    regions = []
    for anomaly_map, mask in zip(maps, masks, strict=True):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        regions += [anomaly_map[labels == i] for i in range(1, count + 1)]
    normal = maps[~masks]
    fpr, pro = [0.0], [0.0]
    for threshold in np.unique(maps)[::-1]:
        fpr.append(float(np.mean(normal >= threshold)))
        pro.append(float(np.mean([np.mean(r >= threshold) for r in regions])))
    inside = sum(x <= limit for x in fpr)
    before, after = inside - 1, inside
    end = pro[before] + (pro[after] - pro[before]) * (limit - fpr[before]) / (fpr[after] - fpr[before])
    return float(np.trapezoid([*pro[:inside], end], [*fpr[:inside], limit])) / limit


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (60, 20), (1e-6, -3e-6)])
@pytest.mark.parametrize("suffix", ["", "_tied"])
def test_published_values_at_any_scale(shared: Path, suffix: str, scale: float, offset: float) -> None:
    oracle = np.load(shared / "oracles" / "metrics_oracle.npz")
    maps = oracle[f"maps{suffix}"] * np.float32(scale) + np.float32(offset)
    for limit in (0.3, 0.05):
        found = measure(maps, oracle["masks"], limit)
        assert found.auroc == pytest.approx(float(oracle[f"pixel_auroc{suffix}"]), abs=1e-6)
        assert found.ap == pytest.approx(float(oracle[f"pixel_ap{suffix}"]), abs=1e-6)
        assert found.aupro == pytest.approx(float(oracle[f"aupro_{limit}{suffix}"]), abs=1e-6)
        assert found.aupro == pytest.approx(float(oracle[f"ref_aupro_{limit}_8conn{suffix}"]), abs=1e-6)
        assert found.n_regions == int(oracle["regions_8conn"])
        assert found.aupro_limit == limit


@pytest.mark.parametrize("decimals", [8, 1])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_equal_to_other_implementations_on_random_maps(decimals: int, limit: float) -> None:
    maps, masks = images(0)
    maps = np.round(maps, decimals)
    found = measure(maps, masks, limit)
    assert found.auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-12)
    assert found.ap == pytest.approx(average_precision_score(masks.ravel(), maps.ravel()), abs=1e-12)
    if limit < 1:
        assert found.aupro == pytest.approx(aupro_by_hand(maps, masks, limit), abs=1e-12)


def test_whole_area_counts_small_regions_as_much_as_large_ones() -> None:
    # One region of 1 pixel found at once, one of 99 never found before any normal pixel.
    mask = np.zeros((20, 20), bool)
    mask[0, 0] = mask[10:19, 5:16] = True
    anomaly_map = np.where(mask, 0.0, 1.0).astype(np.float32)
    anomaly_map[0, 0] = 2.0
    found = measure(anomaly_map[None], mask[None], 0.3)
    assert found.n_regions == 2
    assert found.aupro == pytest.approx(0.5)


def test_a_mask_without_a_defect_makes_all_pixels_normal() -> None:
    maps, masks = images(1)
    empty = np.zeros(maps[0].shape, bool)
    alone = measure(maps[1:], masks[1:])
    more = measure(np.append(maps[1:], maps[:1], 0), np.append(masks[1:], empty[None], 0))
    flat_maps, flat_masks = maps.ravel(), np.append(masks[1:].ravel(), empty.ravel())
    assert more.auroc == pytest.approx(
        roc_auc_score(flat_masks, np.append(flat_maps[1600:], flat_maps[:1600])), abs=1e-12
    )
    assert more.n_regions == alone.n_regions


def test_more_distinct_values_than_bins_stay_close_to_exact() -> None:
    maps, masks = images(2, n=40, size=160, lift=1.5)
    found = measure(maps, masks)
    assert len(np.unique(maps)) > 1 << 19
    assert found.auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-6)
    assert found.ap == pytest.approx(average_precision_score(masks.ravel(), maps.ravel()), abs=1e-4)
    thousand_and = measure(maps * np.float32(0.01) + np.float32(1000), masks)
    assert thousand_and.auroc == pytest.approx(found.auroc, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(6)), st.integers(0, 3))
def test_order_of_images_does_not_matter(seed: int, order: list[int], decimals: int) -> None:
    maps, masks = images(seed, n=6, size=12)
    maps = np.round(maps, decimals)
    first, second = measure(maps, masks), measure(maps[order], masks[order])
    for name in ("auroc", "ap", "aupro"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-12)


def test_memory_does_not_grow_with_the_images() -> None:
    def kept(n: int) -> int:
        rng = np.random.default_rng(0)
        metrics = PixelMetrics()
        mask = np.zeros((256, 256), bool)
        mask[:20, :20] = True
        metrics.add(rng.normal(size=(256, 256)).astype(np.float32), mask)
        tracemalloc.start()
        for _ in range(n):
            metrics.add(rng.normal(size=(256, 256)).astype(np.float32), mask)
        metrics.result()
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    few, many = kept(30), kept(90)
    assert many < 1.2 * few
    assert many < 30e6


@pytest.mark.parametrize("mask", [np.zeros((4, 4), bool), np.ones((4, 4), bool)])
def test_one_class_has_no_metrics(mask: NDArray[np.bool_]) -> None:
    found = measure(np.zeros((1, 4, 4), np.float32), mask[None])
    assert (found.auroc, found.ap, found.aupro) == (None, None, None)


def test_nothing_added_has_no_metrics() -> None:
    assert PixelMetrics().result() == PixelResult(None, None, None, 0.3, 0)


def test_result_may_be_read_and_more_added() -> None:
    maps, masks = images(3)
    metrics = PixelMetrics()
    for i, (anomaly_map, mask) in enumerate(zip(maps, masks, strict=True)):
        metrics.add(anomaly_map, mask)
        so_far, at_once = metrics.result(), measure(maps[: i + 1], masks[: i + 1])
        for name in ("auroc", "ap", "aupro", "n_regions"):
            assert getattr(so_far, name) == pytest.approx(getattr(at_once, name), abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_maps_that_are_not_finite_are_refused(bad: float) -> None:
    anomaly_map = np.zeros((3, 3), np.float32)
    anomaly_map[1, 1] = bad
    with pytest.raises(UserError, match="not finite"):
        PixelMetrics().add(anomaly_map, np.zeros((3, 3), bool))


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(UserError, match="3×5 pixels and the anomaly map 3×4"):
        PixelMetrics().add(np.zeros((3, 4), np.float32), np.zeros((3, 5), bool))


@pytest.mark.parametrize("limit", [0, -0.1, 1.01])
def test_limit_must_be_a_rate(limit: float) -> None:
    with pytest.raises(ValueError, match="AUPRO limit"):
        PixelMetrics(limit)


def test_pixels_that_were_not_seen_do_not_count() -> None:
    rng = np.random.default_rng(4)
    found, truth = rng.normal(size=(30, 40)).astype(np.float32), np.zeros((30, 40), bool)
    truth[5:12, 15:30] = True
    found[truth] += 1
    seen = np.zeros((30, 40), bool)
    seen[2:28, 3:22] = True
    cropped, masked, blind = PixelMetrics(), PixelMetrics(), PixelMetrics()
    cropped.add(found[2:28, 3:22], truth[2:28, 3:22])
    masked.add(found, truth, seen)
    assert masked.result() == cropped.result()
    blind.add(np.where(seen, found, np.float32(0)), truth)
    assert blind.result() != cropped.result()
    masked.add(found, truth, np.zeros((30, 40), bool))
    assert masked.result() == cropped.result()
