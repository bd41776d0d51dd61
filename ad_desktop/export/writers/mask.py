"""The predicted mask: 8-bit grey PNG, 255 where the map is above its threshold, 0 elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ad_desktop.errors import UserError
from ad_desktop.export.record import ExportRecord
from ad_desktop.export.registry import SampleExporter


def _write(record: ExportRecord, path: Path) -> None:
    import imagecodecs

    mask = record.pred_mask
    if mask is None:
        raise UserError(f"{record.path}: there is no mask, because the model has no threshold for its anomaly maps.")
    path.write_bytes(imagecodecs.png_encode(mask * np.uint8(255), level=3))


EXPORTER = SampleExporter("mask", "Masks (PNG)", "pred_masks", ".png", _write)
