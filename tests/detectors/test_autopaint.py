"""The detector around the core: whole scans with a network, and pictures with one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fitting import calibrate, fit, normal_pictures, predict, spoilt_pictures
from heads import SHAPE, head

from ad_desktop.data.samples import VolumeSample
from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.detectors.base import NormalScan
from ad_desktop.detectors.painting.params import AutoPaintParams
from ad_desktop.detectors.painting.prediction import PaintedPrediction
from ad_desktop.errors import Cancelled, ModelFileError, UserError
from ad_desktop.task import Task

PARAMS = AutoPaintParams(stage="combined", steps=3, spacing=6.0, image_size=32)
COUNT = 8


def scan(seed: int, angle: float = 0.0) -> NormalScan:
    volume, mask = head(seed, angle)
    return NormalScan(VolumeSample(Path(f"/scans/{seed}.nii.gz")), volume, mask)


def normal(count: int = COUNT) -> list[NormalScan]:
    return [scan(seed) for seed in range(count)]


def fitted(params: AutoPaintParams = PARAMS) -> AutoPaint:
    detector = AutoPaint(params, "cpu")
    detector.load(Task())
    assert detector.fit_volumes(normal(), Task()) == []
    return detector


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> AutoPaint:
    return fitted(replace(PARAMS, checkpoint=str(tmp_path_factory.mktemp("fit") / "kept.safetensors")))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> AutoPaint:
    # Three steps do not teach a network which of its errors to expect, and refinement goes by them.
    checkpoint = tmp_path_factory.mktemp("fit") / "kept.safetensors"
    return fitted(replace(PARAMS, steps=40, checkpoint=str(checkpoint)))


def said(detector: AutoPaint, item: NormalScan) -> PaintedPrediction:
    found = detector.predict_volume(item.volume, item.examined, Task())
    assert isinstance(found, PaintedPrediction)
    return found


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_a_lesion_is_painted_over_on_the_scan_s_own_voxels(taught: AutoPaint, angle: float) -> None:
    healthy = scan(100, angle)
    block = np.zeros(SHAPE, bool)
    block[7:11, 10:17, 20:28] = True
    array = np.where(block, healthy.volume.array + 300, healthy.volume.array)
    spoilt = healthy._replace(volume=healthy.volume.with_array(array))
    found = said(taught, spoilt)
    assert found.anomaly_map.shape == SHAPE
    assert found.anomaly_map[block].mean() > 3 * found.anomaly_map[healthy.examined & ~block].mean()
    assert found.residual[block].mean() > 100
    painted = found.pseudo_healthy(spoilt.volume)
    truth = healthy.volume.array
    assert np.abs(painted - truth)[block].mean() < 0.5 * np.abs(array - truth)[block].mean()
    # Nothing outside the mask is touched.
    assert np.array_equal(painted[~healthy.examined], array[~healthy.examined])
    assert found.anomaly_score > said(taught, healthy).anomaly_score
    best = int(np.nanargmax(found.slice_scores))
    assert 7 <= best < 11
    assert np.isnan(found.slice_scores[0])


def test_a_state_predicts_the_same_to_the_last_bit(detector: AutoPaint) -> None:
    twin = AutoPaint(detector.params, "cpu")
    twin.restore(detector.state())
    assert twin.normal_set == detector.normal_set
    assert list(twin.held_out_scans) == list(detector.held_out_scans) == ["/scans/4.nii.gz"]
    found, expected = said(twin, scan(100)), said(detector, scan(100))
    assert np.array_equal(found.anomaly_map, expected.anomaly_map)
    assert np.array_equal(found.residual, expected.residual)
    other = AutoPaint(replace(detector.params, network="medium"), "cpu")
    state = detector.state()
    state.tensors.pop("net.enter.both.weight")
    with pytest.raises(ModelFileError, match="do not fit"):
        other.restore(state)


class CancelledAfter(Task):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def report(self, message: str, done: int = 0, total: int = 0) -> None:
        if message.startswith("Learning") and done == self.steps:
            self.cancel()
        super().report(message, done, total)


def test_a_cancelled_fit_goes_on_where_it_was(
    detector: AutoPaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AD_DESKTOP_CACHE", str(tmp_path))
    again = AutoPaint(PARAMS, "cpu")
    with pytest.raises(Cancelled):
        again.fit_volumes(normal(), CancelledAfter(2))
    kept = list((tmp_path / "autopaint").iterdir())
    assert len(kept) == 1
    again.fit_volumes(normal(), Task())
    assert not kept[0].exists()
    expected = detector.state().tensors
    assert all(np.array_equal(value, expected[name]) for name, value in again.state().tensors.items())


def test_scans_that_cannot_be_used_are_left_out_with_a_reason(tmp_path: Path) -> None:
    good = normal(4)
    bad = [
        scan(50)._replace(volume=replace(head(50)[0], modality="CT")),
        scan(51)._replace(volume=head(51)[0].with_array(np.zeros(SHAPE, np.float32))),
        scan(52)._replace(volume=head(52)[0].with_array(np.full(SHAPE, np.nan, np.float32))),
    ]
    detector = AutoPaint(replace(PARAMS, steps=1, checkpoint=str(tmp_path / "c")), "cpu")
    failures = detector.fit_volumes([good[0], *bad, *good[1:]], Task())
    assert [failure.path for failure in failures] == [f"/scans/{n}.nii.gz" for n in (50, 51, 52)]
    for failure, word in zip(failures, ("it is CT", "equal", "NaN"), strict=True):
        assert word in failure.reason
    assert len(detector.normal_set.keys) == 4
    with pytest.raises(UserError, match="at least three normal scans"):
        detector.fit_volumes([*good[:2], *bad], Task())


def test_a_network_on_pictures_finds_defects_and_calibrates_by_halves(tmp_path: Path) -> None:
    detector = AutoPaint(replace(PARAMS, steps=2, refine=False), "cpu")
    held_out = fit(detector, normal_pictures(tmp_path, 10))
    good, bad = (predict(detector, some) for some in (normal_pictures(tmp_path, 4, 500), spoilt_pictures(tmp_path, 6)))
    assert np.median([p.anomaly_score for p in bad]) > max(p.anomaly_score for p in good)
    assert held_out.scores.shape == (10,)
    twin = AutoPaint(detector.params, "cpu")
    twin.restore(detector.state())
    assert np.array_equal(calibrate(twin).scores, held_out.scores)


def test_a_running_fit_of_scans_can_be_cancelled(tmp_path: Path) -> None:
    task, ended = Task(), []
    detector = AutoPaint(replace(PARAMS, steps=100_000, checkpoint=str(tmp_path / "c")), "cpu")

    def scans() -> Iterator[NormalScan]:
        yield from normal(4)

    def run() -> None:
        try:
            detector.fit_volumes(list(scans()), task)
        except Cancelled:
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    while task.progress.done < 1 and thread.is_alive():
        thread.join(0.01)
    task.cancel()
    thread.join(timeout=60)
    assert ended == [True]
    assert (tmp_path / "c").is_file()
