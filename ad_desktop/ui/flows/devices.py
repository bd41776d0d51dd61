"""What the machine can compute on: asked for once the window is on screen, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task
from ad_desktop.ui.problems import ProblemList

if TYPE_CHECKING:
    from ad_desktop.workflows.info import DeviceInfo


def ask_devices(runner: JobRunner, problems: ProblemList, *takers: Callable[[list[DeviceInfo]], None]) -> Job:
    """Hand the list of devices to each of ``takers``; torch, and what else work needs, is loaded on the way."""
    job = runner.submit("Devices", _list, LaneName.FILES, quiet=True)
    for take in takers:
        job.succeeded.connect(take)
    job.failed.connect(lambda error: problems.error("Looking for devices", error))
    return job


def _list(task: Task) -> list[DeviceInfo]:
    # Imported for whoever asks for them later, on the thread that paints.
    from ad_desktop.ui.volumes import viewer  # noqa: F401
    from ad_desktop.workflows import export, fit, info, update  # noqa: F401

    return info.list_devices()
