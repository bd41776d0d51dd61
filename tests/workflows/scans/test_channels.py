"""Scans that come together: found by frame of reference or by name, fitted, checked, and missed with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heads import head
from phantoms import save_nifti

from ad_desktop.cli import predictions
from ad_desktop.data.folders import Scan
from ad_desktop.data.samples import Sample, VolumeSample
from ad_desktop.data.volumes.opening import find_volumes
from ad_desktop.data.volumes.volume import flipped_lps_ras
from ad_desktop.errors import InputError, UnsuitedError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.model import Result
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.scans.channels import Channels, channel_names, without_partners
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings
from ad_desktop.workflows.store import load_model, save_model

PARAMS = {"stage": "z", "spacing": "6", "voxel_fpr": "0.01"}
LESION = (slice(8, 10), slice(11, 15), slice(21, 26))
SETTINGS = SliceSettings(channels="T1,FLAIR")


def save_pair(folder: Path, number: int, *, lesion: bool = False, alone: bool = False) -> list[VolumeSample]:
    """A head's T1, and its FLAIR on other voxels, which shows a lesion."""
    volume, mask = head(number)
    affine = flipped_lps_ras(volume.affine)
    array = np.where(mask, np.maximum(volume.array, 1), 0)
    paths = [save_nifti(array, folder / f"p{number:03}_T1.nii.gz", affine)]
    if not alone:
        flair = np.where(mask, 700 - volume.array, 0).astype(np.float32)
        if lesion:
            # Less than 1 % of the head, which would move its 99th percentile.
            flair[LESION] += 400
        # Every second slice along x: other voxels at the same place.
        paths.append(
            save_nifti(flair[:, :, ::2], folder / f"p{number:03}_FLAIR.nii.gz", affine @ np.diag([2, 1, 1, 1]))
        )
    return [VolumeSample(path) for path in paths]


@pytest.mark.parametrize("text", ["PT", "PT,PET", "T1,,FLAIR"])
def test_what_is_no_list_of_channels_is_said_so(text: str) -> None:
    with pytest.raises(UserError, match="channels="):
        channel_names(text)
    assert channel_names(" ") == ()
    assert channel_names("PT, CT") == ("PT", "CT")


def test_sequences_are_paired_by_name_fitted_and_checked(tmp_path: Path) -> None:
    samples = [sample for number in range(6) for sample in save_pair(tmp_path / "in", number)]
    samples += save_pair(tmp_path / "in", 6, alone=True)
    samples += [VolumeSample(save_nifti(head(7)[0].array, tmp_path / "in" / "other.nii.gz"))]
    options = FitOptions(detector="autopaint", params=PARAMS, slices=SETTINGS)
    outcome = fit(samples, options, Task())
    told = {Path(failure.path).name: failure.reason for failure in outcome.failures}
    assert sorted(told) == ["other.nii.gz", "p006_T1.nii.gz"]
    assert "no FLAIR comes with it" in told["p006_T1.nii.gz"]
    assert "none of the channels T1, FLAIR" in told["other.nii.gz"]
    assert [Path(key).name for key in outcome.model.normal_keys] == [f"p{number:03}_T1.nii.gz" for number in range(6)]
    save_model(outcome.model, tmp_path / "model.adm")
    model = load_model(tmp_path / "model.adm", "cpu")
    # The partner is found beside the scan, though it was not given.
    healthy, spoilt = save_pair(tmp_path / "out", 100), save_pair(tmp_path / "out", 100 + 1, lesion=True)
    gone = save_pair(tmp_path / "gone", 102, alone=True)
    results = list(predict(model, [healthy[0], *spoilt, *gone], Task()))
    assert [result.error is None for result in results] == [True, True, False, False]
    assert results[2].unsuited
    assert "which others only come with" in str(results[2].error)
    assert "no FLAIR comes with it" in str(results[3].error)
    task = Task()
    assert without_partners(model, [*healthy, *spoilt], task) == [healthy[0], spoilt[0]]
    assert "Not scored by themselves, but with the T1 scans that they belong to: 2." in task.notes[0]
    well, ill = (result.prediction.anomaly_map[LESION] for result in results[:2])
    assert ill.mean() > 3 * well.mean()


def test_methods_for_one_channel_say_so(tmp_path: Path) -> None:
    samples = [sample for number in range(2) for sample in save_pair(tmp_path, number)]
    with pytest.raises(UserError, match="AutoPaint"):
        fit(samples, FitOptions(slices=SETTINGS), Task())


def test_pet_and_ct_belong_together_by_their_frame_of_reference(shared: Path) -> None:
    folders = [shared / "data" / "dicom" / f"petct_crop_STS_00{number}" for number in (1, 2)]
    infos = [info for info in find_volumes(folders).series if info.modality]
    given = [info.sample for info in infos]
    channels = Channels(("PET", "CT", "MR"), given, Task())
    scored, failures = channels.scored(given, Task())
    assert (len(scored), failures) == (2, [])
    frames = {info.sample.key: (info.modality, info.frame_of_reference) for info in infos}
    for sample in scored:
        own = frames[sample.key][1]
        assert [frames[p.key] for p in channels.partners(sample, Task())] == [("CT", own), ("MR", own)]

    # On the command line partners are given along, and have no line of their own.
    class Asked:
        scans = ScanView(SliceSettings(channels="PET,CT,MR"))

    asked: list[list[Sample]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            predictions, "predict", lambda model, samples, *_, **__: asked.append(samples) or map(Result, samples)
        )
        told = list(predictions._results(Asked(), Scan(given), Task()))
    assert asked == [given]
    assert [result.sample for result in told] == scored
    [ct] = [info.sample for info in infos if info.modality == "CT" and "001" in str(info.sample.path)]
    with pytest.raises(UnsuitedError, match="model is of PET scans"):
        channels.partners(ct, Task())
    with pytest.raises(InputError, match="no CT comes with it"):
        Channels(("PET", "CT"), [ct], Task()).partners(scored[1], Task())
