"""Which pictures count as normal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pictures import save, textured
from world import make_dataset

from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.gather import scan_normal, scan_to_check


def found(*paths: Path) -> tuple[list[str], tuple[str, ...]]:
    task = Task()
    scan = scan_normal(list(paths), task)
    return [str(sample.path) for sample in scan.samples], task.notes


def test_folders_and_files_are_taken_as_they_are(world: Path) -> None:
    paths, notes = found(world / "good", world / "check" / "ok 0.png")
    assert (len(paths), notes) == (21, ())


def test_of_a_data_set_only_training_pictures_count(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "set")
    paths, notes = found(root)
    assert paths == [str(root / "train" / "good" / f"{number:03}.png") for number in range(8)]
    assert notes == (f"{root} is a data set: only {root / 'train' / 'good'} counts as normal.",)


def test_every_name_for_normal_counts(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "set")
    shutil.move(root / "train", root / "Train")
    save(root / "Train" / "OK" / "line 1" / "a.png", textured(50, 64))
    save(root / "Train" / "other" / "b.png", textured(51, 64))
    paths, [note] = found(root)
    assert len(paths) == 9
    assert not any("other" in path for path in paths)
    assert f"{root / 'Train' / 'good'} and {root / 'Train' / 'OK'}" in note


def test_defects_without_training_pictures_are_refused(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "set")
    shutil.rmtree(root / "train")
    with pytest.raises(UserError, match=r"known defects \(spot\).*Name the folder"):
        found(root)


def test_test_pictures_without_defects_are_normal_enough(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "set", masks=False)
    for name in ("train", "test/spot", "test/stain"):
        shutil.rmtree(root / name)
    paths, notes = found(root)
    assert (len(paths), notes) == (5, ())


def test_what_cannot_be_used_is_a_failure(world: Path) -> None:
    scan = scan_normal([world / "nowhere", world / "empty", world / "good" / "000.png"], Task())
    assert len(scan.samples) == 1
    assert [Path(failure.path).name for failure in scan.failures] == ["nowhere", "empty"]


def test_masks_of_a_data_set_are_not_checked(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "set")
    task = Task()
    checked = [sample.path for sample in scan_to_check([root], task).samples]
    assert len(checked) == 8 + 5 + 6
    assert not any("ground_truth" in path.parts for path in checked)
    assert task.notes == (f"{root / 'ground_truth'} holds the masks of a data set: what lies there is not checked.",)


def test_a_folder_named_by_itself_is_checked_whatever_its_name(tmp_path: Path) -> None:
    masks = make_dataset(tmp_path / "set") / "ground_truth"
    task = Task()
    assert len(scan_to_check([masks], task).samples) == 6
    assert task.notes == ()
