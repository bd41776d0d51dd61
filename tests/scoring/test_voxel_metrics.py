"""Voxel and lesion metrics against scikit-learn and SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from ad_desktop.errors import UserError
from ad_desktop.scoring.voxel_metrics import VoxelMetrics

SHAPE = (12, 14, 16)


def scans(seed: int, n: int = 5, lift: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth noise lifted in lesions, where they are, and what was looked at; the first scan is normal."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.normal(size=(n, *SHAPE)), (0, 1.5, 1.5, 1.5))
    truth = blobs > np.quantile(blobs, 0.97)
    truth[0] = False
    noise = ndimage.gaussian_filter(rng.normal(size=(n, *SHAPE)), (0, 0.7, 0.7, 0.7))
    maps = noise / noise.std() + lift * truth
    seen = np.ones_like(truth)
    seen[:, :2] = False
    return maps.astype(np.float32), truth, seen


def components(mask: np.ndarray) -> tuple[np.ndarray, int]:
    labels = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    array = sitk.GetArrayFromImage(labels)
    return array, int(array.max())


@pytest.mark.parametrize("threshold", [1.5, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_as_scikit_learn_and_simpleitk_say(seed: int, threshold: float) -> None:
    maps, truth, seen = scans(seed)
    metrics = VoxelMetrics(threshold)
    lesions = found = false = 0
    dices = []
    for anomaly_map, mask, looked in zip(maps, truth, seen, strict=True):
        metrics.add(anomaly_map, mask, looked)
        marked = (anomaly_map > threshold) & looked
        labels, count = components(mask)
        lesions += count
        found += sum(bool(marked[labels == i].any()) for i in range(1, count + 1))
        labels, count = components(marked)
        false += sum(not mask[labels == i].any() for i in range(1, count + 1))
        if mask.any():
            overlap = sitk.LabelOverlapMeasuresImageFilter()
            overlap.Execute(*(sitk.GetImageFromArray(a.astype(np.uint8)) for a in (mask, marked)))
            dices.append(overlap.GetDiceCoefficient())
    told = metrics.result()
    assert told.auroc == pytest.approx(roc_auc_score(truth[seen], maps[seen]), abs=1e-9)
    assert told.ap == pytest.approx(average_precision_score(truth[seen], maps[seen]), abs=1e-9)
    assert (told.lesions, told.lesions_found, told.false_regions, told.scans) == (lesions, found, false, 5)
    assert 0 < found < lesions
    assert told.dice_mean == pytest.approx(np.mean(dices), abs=1e-12)
    marked = (maps > threshold) & seen
    assert told.dice == pytest.approx(2 * (marked & truth).sum() / (marked.sum() + truth.sum()), abs=1e-12)
    # Lesions that were not looked at are misses.
    hidden = np.where(seen, maps, -np.inf)
    precision, recall, _ = precision_recall_curve(truth.ravel(), np.maximum(hidden, -1e9).ravel())
    use = precision + recall > 0
    f1 = 2 * (precision * recall)[use] / (precision + recall)[use]
    assert told.best_dice == pytest.approx(f1.max(), abs=1e-9)
    assert told.dice is not None
    assert told.best_dice >= told.dice


def test_without_lesions_or_threshold_figures_stay_open() -> None:
    maps, truth, _ = scans(0)
    normal = VoxelMetrics(1.5)
    normal.add(maps[0], truth[0])
    told = normal.result()
    assert (told.auroc, told.ap, told.dice, told.dice_mean, told.best_dice) == (None,) * 5
    assert (told.lesions, told.lesions_found) == (0, 0)
    assert told.false_regions == components(maps[0] > 1.5)[1] > 0
    without = VoxelMetrics(None)
    without.add(maps[1], truth[1])
    told = without.result()
    assert (told.dice, told.dice_mean, told.lesions_found, told.false_regions) == (None,) * 4
    assert told.auroc is not None
    assert told.best_dice is not None
    assert VoxelMetrics(1.0).result().scans == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="truth"):
        VoxelMetrics(0).add(np.zeros((2, 2, 2), np.float32), np.zeros((2, 2, 3), bool))
    with pytest.raises(UserError, match="finite"):
        VoxelMetrics(0).add(np.full((2, 2, 2), np.nan, np.float32), np.zeros((2, 2, 2), bool))


def test_what_is_marked_can_be_told() -> None:
    maps, truth, seen = scans(1, n=2)
    found = (maps[1] > 1.5) & seen[1]
    labels, count = components(found)
    sizes = np.bincount(labels.ravel())[1:]
    least = int(np.median(sizes)) + 1
    kept = np.isin(labels, 1 + np.flatnonzero(sizes >= least))
    assert 0 < kept.sum() < found.sum()
    metrics = VoxelMetrics(1.5)
    metrics.add(maps[1], truth[1], seen[1], kept)
    told = metrics.result()
    assert told.dice == pytest.approx(2 * (kept & truth[1]).sum() / (kept.sum() + truth[1].sum()))
    lesions, _ = components(truth[1])
    assert told.lesions_found == len(np.unique(lesions[kept & truth[1]]))
    assert told.false_regions == sum(
        not truth[1][labels == i].any() for i in range(1, count + 1) if sizes[i - 1] >= least
    )
