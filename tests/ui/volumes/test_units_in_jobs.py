"""The unit told in the window is what jobs read scans with: the command line, told the same, gives the same scores."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from driving import wait_idle

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.volume import HU
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.settings import SliceSettings

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def write(path: Path, seed: int, lesion: float = 0.0) -> VolumeSample:
    """A ball of soft tissue on a table, in air: its body is found otherwise in HU than in values of no unit."""
    z, y, x = np.indices((14, 24, 24))
    inside = ((z - 7) / 6) ** 2 + ((y - 11) / 8) ** 2 + ((x - 12) / 9) ** 2 < 1
    values = np.where(inside, 40 + np.random.default_rng(seed).normal(0, 8, inside.shape), -1000)
    values[:, 20, :] = 300
    values[6:9, 9:13, 9:13] += lesion
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values.T.astype(np.int16), np.diag([3.0, 3, 4, 1])), path)
    return VolumeSample(path)


def test_window_and_command_line_score_alike(qtbot, window, tmp_path):
    normal = [write(tmp_path / "normal" / f"{n}.nii.gz", n) for n in range(6)]
    tested = write(tmp_path / "test" / "a.nii.gz", 50, lesion=150)
    items = [Item.of(sample, Label.NORMAL) for sample in normal] + [Item.of(tested, Label.TO_CHECK)]
    window.session.add(items)
    viewer = window.scan_viewer
    for item in (items[0], items[-1]):
        window.session.set_current(item)
        qtbot.waitUntil(lambda key=item.key: viewer._scan is not None and viewer._scan.key == key, timeout=30_000)
        assert viewer.unit_question.isVisible()
        assert viewer.unit_question.choice.currentData() == HU
        viewer.unit_question.use.click()
        assert item.sample.unit == HU
    assert all(item.sample.unit == HU for item in window.session.items.values())
    window.fit()
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: items[-1].prediction is not None, timeout=60_000)
    options = FitOptions(detector="toy", slices=SliceSettings(unit=HU))
    plain = [VolumeSample(sample.path) for sample in (*normal, tested)]
    outcome = fit(plain[:-1], options, Task())
    [result] = predict(outcome.model, plain[-1:], Task())
    assert window.session.model.scans == outcome.model.scans
    assert window.session.model.scans.settled.unit == HU
    assert items[-1].prediction.anomaly_score == result.prediction.anomaly_score
    unit_less = fit(plain[:-1], FitOptions(detector="toy"), Task())
    [other] = predict(unit_less.model, plain[-1:], Task())
    assert other.prediction.anomaly_score != result.prediction.anomaly_score


def test_scans_added_later_to_the_folder_have_its_unit(qtbot, window, tmp_path):
    first, second = (Item.of(write(tmp_path / f"{n}.nii.gz", n), Label.TO_CHECK) for n in (1, 2))
    window.session.add([first])
    window.session.set_current(first)
    viewer = window.scan_viewer
    qtbot.waitUntil(lambda: viewer._scan is not None, timeout=30_000)
    viewer.unit_question.use.click()
    window.session.add([second])
    assert second.sample.unit == HU
    assert second.key == VolumeSample(tmp_path / "2.nii.gz").key
