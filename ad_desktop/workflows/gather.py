"""The pictures that a user calls normal or wants checked; of a data set not all that its folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ad_desktop.data.datasets import MvtecDataset, find_mvtec, masks_folder
from ad_desktop.data.folders import Scan, scan
from ad_desktop.errors import UserError
from ad_desktop.task import Task


def scan_normal(paths: Sequence[Path], task: Task) -> Scan:
    """List the normal pictures of files and folders.

    Of a folder laid out as a data set only the normal training pictures count, and ``task`` gets a
    note. ``UserError`` for one whose pictures are all for testing: its defects would be learned as normal.
    """
    chosen: list[Path] = []
    for path in paths:
        dataset = find_mvtec(path, task)
        if dataset is None:
            chosen.append(path)
        else:
            chosen += _training_folders(dataset, task)
    return scan(chosen, task)


def scan_to_check(paths: Sequence[Path], task: Task) -> Scan:
    """List the pictures and scans of files and folders; the masks of a data set are none, and ``task`` gets a note."""
    found = scan(paths, task)
    for masks in filter(None, map(masks_folder, paths)):
        kept = [sample for sample in found.samples if not sample.path.is_relative_to(masks)]
        if len(kept) < len(found.samples):
            task.note(f"{masks} holds the masks of a data set: what lies there is not checked.")
        found.samples = kept
    return found


def _training_folders(dataset: MvtecDataset, task: Task) -> list[Path]:
    root = dataset.folder
    if not dataset.normal:
        defect = next((item.defect for item in dataset.test if item.defect is not None), None)
        if defect is None:
            return [root]
        raise UserError(
            f"{root} holds pictures with known defects ({defect}), and they would be learned as normal. "
            "Name the folder with the normal pictures inside it."
        )
    folders = [root.joinpath(*sample.path.relative_to(root).parts[:2]) for sample in dataset.normal]
    named = list(dict.fromkeys(folders))
    task.note(f"{root} is a data set: only {' and '.join(map(str, named))} counts as normal.")
    return named
