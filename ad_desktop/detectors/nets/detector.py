"""What detectors share that run one network on pictures."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from ad_desktop.data.images import suggest_range
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Detector
from ad_desktop.detectors.nets.engines import Engine
from ad_desktop.detectors.params import parse_range
from ad_desktop.task import Task


class NetworkDetector(Detector):
    """A detector with an engine, made at its first use, and one value range for all pictures (``value_range``)."""

    def __init__(self, params: Any = None, device: str = "auto", roi: RegionOfInterest | None = None) -> None:
        super().__init__(params, device, roi)
        self.value_range_ = parse_range(self.params.value_range)
        self._engine: Engine | None = None
        self._loading = threading.Lock()

    def load(self, task: Task) -> None:
        """Find the weights, check them against the fitted ones, and make the engine."""
        with self._loading:
            if self._engine is None:
                self._engine = self._make_engine(task)

    def share_network(self, other: Self) -> None:
        """Take over the engine."""
        self._engine = other._engine

    @abstractmethod
    def _make_engine(self, task: Task) -> Engine: ...

    @property
    def engine(self) -> Engine:
        """The engine that ``load`` makes."""
        self.load(Task())
        assert self._engine is not None  # noqa: S101 - load either sets it or raises
        return self._engine

    @property
    def batch_size(self) -> int:
        """The engine's own."""
        return self.engine.batch_size

    def survey(self, samples: Sequence[Sample], task: Task) -> None:
        """Settle the value range of pictures with more than 8 bits."""
        if self.params.value_range == "auto" and samples:
            self.value_range_ = suggest_range(samples, task)
            if self.value_range_ is not None:
                low, high = self.value_range_
                task.note(f"Pictures with more than 8 bits are read with black at {low:.6g} and white at {high:.6g}.")
