"""A detector for scans: one for each height of the body where slices are compared by height."""

from __future__ import annotations

from ad_desktop.detectors.banded.detector import BandedDetector
from ad_desktop.detectors.base import Detector
from ad_desktop.workflows.scans.settings import ScanView


def by_height(detector: Detector, view: ScanView) -> Detector:
    """A detector that has learned nothing yet, as ``view`` has it."""
    if view.heights is None or detector.volumetric:
        return detector
    return BandedDetector(detector, view.heights.count)
