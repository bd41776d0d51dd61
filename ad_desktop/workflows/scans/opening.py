"""Scans from disk, their unit named where their files do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.task import Task
from ad_desktop.workflows.scans.settings import SliceSettings
from ad_desktop.workflows.scans.slicer import Opener


def scan_opener(unit: str) -> Opener:
    """Reads scans; ``unit`` is that of files that name none (empty: it stays open)."""

    def opened(sample: VolumeSample, task: Task) -> Volume:
        from ad_desktop.data.volumes.opening import load_volume

        return load_volume(sample, task, unit or None)

    return opened


def with_told_unit(settings: SliceSettings, samples: Sequence[VolumeSample]) -> SliceSettings:
    """The settings with the unit that the user named for all the normal scans, so that the model keeps it."""
    told = {sample.unit for sample in samples}
    return replace(settings, unit=told.pop()) if not settings.unit and len(told) == 1 else settings
