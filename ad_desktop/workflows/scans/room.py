"""Room on the disk for the slices of a fit, which wait there until their height is learned."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator

from ad_desktop.detectors.base import Prepared
from ad_desktop.errors import UserError
from ad_desktop.task import Task
from ad_desktop.workflows.scans.slicer import volume_key

TOLD_FROM = 1e9
"""Bytes from which a user wants to know."""


def with_room(slices: Iterable[Prepared], scans: int, task: Task) -> Iterator[Prepared]:
    """Pass slices on, in the order of their scans; after the first scan ``UserError`` if all ``scans`` have no room.

    ``task`` gets a note of what they take where that is much.
    """
    first, taken, counted = "", 0, False
    for item in slices:
        owner = volume_key(item.sample.key)
        first = first or owner
        if owner == first:
            # All channels are alike, and one of them is kept.
            taken += item.pixels[..., 0].nbytes
        elif not counted:
            counted = True
            _check(taken, scans, task)
        yield item


def _check(of_one: int, scans: int, task: Task) -> None:
    folder, needed = tempfile.gettempdir(), of_one * scans
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"The slices of {scans} scans take about {needed / 1e9:.1f} GB in {folder} until they are learned, and "
            f"{free / 1e9:.1f} GB are free there: free some space, choose fewer slices (step, slices), or another "
            "folder with the variable TMPDIR."
        )
    if needed >= TOLD_FROM:
        task.note(f"The fit kept about {needed / 1e9:.1f} GB of slices in {folder} until they were learned.")
