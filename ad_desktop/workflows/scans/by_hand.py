"""Painting healthy appearance into a region of a scan that a user drew."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.samples import VolumeSample
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.scans.slicer import Opener
from ad_desktop.workflows.scans.stream import slicers


def paint_over(
    model: FittedModel, sample: VolumeSample, region: NDArray[np.bool_], opener: Opener, task: Task
) -> NDArray[np.float32]:
    """What a scan differs in from healthy appearance where ``region`` (z, y, x), on its own voxels, is hidden.

    In the scan's unit, 0 elsewhere. ``UserError`` for a model that paints nothing, ``InputError`` for a scan that
    cannot be used.
    """
    if model.scans is None or not model.detector.paints:
        raise UserError(f"{model.title} paints no healthy appearance: open or fit a model of AutoPaint on scans.")
    task.report("Painting over the region")
    model.detector.load(task)
    ((_, slicer),) = slicers([sample], model.scans, opener, task)
    if isinstance(slicer, InputError):
        raise slicer
    if region.shape != slicer.volume.shape:
        raise InputError(sample.path, "it is not the scan any more that was drawn on: open it again")
    painted: NDArray[Any] = model.detector.paint_over(slicer.volume, slicer.examined, region, task)
    return painted
