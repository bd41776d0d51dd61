from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ad_desktop.export.record import ExportRecord

MakeRecord = Callable[..., ExportRecord]


@pytest.fixture
def make_record() -> MakeRecord:
    """A 30×40 picture whose map has two spots above 2: 4×5 pixels of 3, and one of 5."""
    rng = np.random.default_rng(0)
    anomaly_map = np.zeros((30, 40), np.float32)
    anomaly_map[3:7, 10:15] = 3.0
    anomaly_map[20, 30] = 5.0
    record = ExportRecord(
        name="part", path="in/part.png", page=None, pixels=rng.integers(0, 256, (30, 40, 3), np.uint8),
        anomaly_map=anomaly_map, anomaly_score=4.25, threshold=3.5, map_threshold=2.0, pred_label=True,
        percentile=99.5, verdict="anomalous", label="to check", model="gaussian-ad 1a2b",
    )  # fmt: skip

    def make(**changes: Any) -> ExportRecord:
        return replace(record, **changes)

    return make
