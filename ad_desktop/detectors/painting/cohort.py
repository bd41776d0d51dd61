"""The normal scans of a fit, gone through more than once, without those that cannot be used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.samples import Failure
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.base import NormalScan
from ad_desktop.detectors.painting.intensity import Scaling
from ad_desktop.detectors.painting.laying import check
from ad_desktop.errors import UserError

Mask = NDArray[np.bool_]


class Cohort:
    """Pairs of volume and mask; after the first time through, ``keys`` and ``failures`` say which there are."""

    def __init__(self, scans: Iterable[NormalScan], window: tuple[float, float] | None = None) -> None:
        self._scans, self._window = scans, window
        self._like: Volume | None = None
        self.keys: list[str] = []
        self.sha256: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        self.failures: list[Failure] = []

    def __iter__(self) -> Iterator[tuple[Volume, Mask]]:
        first = not self.keys
        good = set(self.keys)
        for scan in self._scans:
            mask = np.ones(scan.volume.shape, bool) if scan.examined is None else scan.examined
            if first and not self._joins(scan, mask):
                continue
            if first or scan.sample.key in good:
                yield scan.volume, mask

    def _joins(self, scan: NormalScan, mask: Mask) -> bool:
        try:
            check(scan.volume, mask, self._like or scan.volume)
            Scaling.for_unit(scan.volume.unit, self._window).apply(scan.volume.array, mask)
            for partner in scan.volume.partners:
                Scaling.for_unit(partner.unit).apply(partner.array, np.ones(partner.shape, bool))
        except (UserError, ValueError) as error:
            self.failures.append(Failure(str(scan.sample.path), str(error)))
            return False
        self._like = self._like or scan.volume
        self.keys.append(scan.sample.key)
        told = hashlib.sha256()
        for volume in (scan.volume, *scan.volume.partners):
            told.update(np.ascontiguousarray(volume.array).data)
        self.sha256.append(told.hexdigest())
        self.sizes.append((scan.volume.shape[1], scan.volume.shape[2]))
        return True
