"""Normal scans cut into parts without lesions, wherever the scanner put their slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heads import head
from phantoms import save_nifti

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions
from ad_desktop.workflows.model import Result
from ad_desktop.workflows.scans.fit import fit_scans
from ad_desktop.workflows.scans.parts import parts_of
from ad_desktop.workflows.scans.predict import predict_scans
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.store import load_model, read_metadata, save_model

SAMPLE = VolumeSample(Path("/scans/body.nii.gz"))
PARAMS = {
    "align": "none", "stage": "denoise", "refine": "false", "steps": "2", "spacing": "6",
    "voxel_fpr": "0.01", "seed": "1",
}  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_parts_lie_where_they_were_and_show_no_lesion(turned: bool) -> None:
    columns = np.array([[0, 1, 0], [0, 0, 1], [-1, 0, 0]]) if turned else np.diag([1, 1, -1])
    shape = (40, 30, 60) if turned else (60, 40, 30)
    volume = Volume(np.random.default_rng(0).normal(size=shape), make_affine((5, 5, 5), (3, 4, 5), columns))
    across = 2 if turned else 0
    lesion, examined = np.zeros(shape, bool), np.ones(shape, bool)
    index = [slice(10, 12)] * 3
    index[across] = slice(20, 25)
    lesion[tuple(index)] = True
    parts = list(parts_of(SAMPLE, volume, examined, lesion))
    assert [part.sample.key.rpartition("#")[2] for part in parts][:3] == ["1:7", "8:14", "15:20"]
    shown = np.zeros(shape[across], int)
    for part in parts:
        first = part.sample.first
        shown[first : part.sample.last + 1] += 1
        corner = np.zeros(3)
        corner[2 - across] = first
        assert np.allclose(part.volume.position((0, 0, 0)), volume.position(corner))
        assert part.volume.shape[across] * 5 <= 45
    assert (shown == [*[1] * 20, *[0] * 5, *[1] * 35]).all()
    assert next(parts_of(SAMPLE, volume, examined & False, None), None) is None


def opener(sample: VolumeSample, task: Task) -> Volume:
    """Heads in HU; some have a lesion."""
    name = sample.path.name.partition(".")[0]
    volume, mask = head(int(name[-3:]))
    array = np.where(mask, volume.array - 300, -1000)
    if "lesion" in name:
        array[7:11, 10:16, 20:27] += 400
    affine = volume.affine @ np.diag([1, 1, 4.0, 1])
    return Volume(array.astype(np.float32), affine, HU, "CT")


def test_one_scan_with_a_known_lesion_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AD_DESKTOP_CACHE", str(tmp_path))
    sample = VolumeSample(Path("/scans/lesion000.nii.gz"))
    volume = opener(sample, Task())
    drawn = np.zeros(volume.shape, np.uint8)
    drawn[7:11, 10:16, 20:27] = 1
    lesion = save_nifti(drawn, tmp_path / "lesion.nii.gz", np.diag([-1, -1, 1, 1]) @ volume.affine)
    settings = SliceSettings(lesions=str(lesion), window="-400,400")
    outcome = fit_scans([sample], FitOptions(detector="autopaint", params=PARAMS), settings, opener, Task())
    model = outcome.model
    assert outcome.failures == []
    assert model.normal_keys == ("/scans/lesion000.nii.gz",)
    assert all(not set(range(8, 12)) & set(range(*ends(key))) for key in model.detector.normal_set.keys)
    assert len(model.calibration.scores) == len(model.held_out_keys) >= 1
    assert "parts" in model.calibration.rule
    path = tmp_path / "model.adm"
    save_model(model, path)
    told = read_metadata(path)
    assert "-400 and 400 HU became 0 and 1" in told["description"]["values"]
    assert "above -500 HU" in told["scans"]["words"]
    assert "squares" not in " ".join(outcome.notes)
    again = load_model(path, "cpu")
    results = [result for result, _ in predict_scans(again, [sample], opener, Task())]
    assert [result.error for result in results] == [None]
    assert isinstance(results[0], Result)
    found = results[0].prediction.anomaly_map
    assert found.shape == volume.shape


def ends(key: str) -> tuple[int, int]:
    first, last = key.rpartition("#")[2].split(":")
    return int(first), int(last) + 1


def test_aligned_scans_cannot_leave_slices_out(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    samples = [VolumeSample(Path(f"/scans/normal{n:03}.nii.gz")) for n in range(4)]
    options = FitOptions(detector="autopaint", params={"stage": "z", "spacing": "6"})
    with pytest.raises(UserError, match="align=none"):
        fit_scans(samples, options, SliceSettings(lesions=str(tmp_path / "masks")), opener, Task())
    options = FitOptions(detector="autopaint", params={**PARAMS, "stage": "z"})
    with pytest.raises(UserError, match="The stage z compares places"):
        fit_scans(samples, options, SliceSettings(), opener, Task())
