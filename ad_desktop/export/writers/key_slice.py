"""The slice of a scan with the highest score under its anomaly map: 8-bit RGB PNG in the proportions of the slice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.stack import plane_spacing, planes
from ad_desktop.data.volumes.windows import automatic_window, first_preset, to_codes
from ad_desktop.export.record import ExportRecord
from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord
from ad_desktop.export.writers.overlay import render_overlay

LEAST_SIDE = 512
"""The longer side has this many pixels at least."""


def key_slice(record: VolumeRecord) -> tuple[int, NDArray[np.uint8]]:
    """The number (0-based) of the slice along ``record.axis`` and its picture, uint8 H×W×3 RGB.

    Where there are no slice scores it is the slice of the map's highest value. Values are shown with the scan's
    first window; axial slices lie with the front on top.
    """
    volume, affine, axis = record.volume, record.volume.affine, record.axis
    maps = planes(record.anomaly_map, affine, axis)
    scored = np.isfinite(record.slice_scores)
    index = int(np.nanargmax(record.slice_scores if scored.any() else np.nanmax(maps, axis=(1, 2))))
    window = first_preset(volume).window or automatic_window(volume.array)
    codes = to_codes(planes(volume.array, affine, axis)[index], window.low, window.high)
    _, rows_mm, columns_mm = plane_spacing(volume, axis)
    height, width = codes.shape[0] * rows_mm, codes.shape[1] * columns_mm
    scale = max(LEAST_SIDE, *codes.shape) / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = ExportRecord(
        "key_slice", Path(record.path), None, _scaled(255 - codes if window.inverted else codes, size),
        _scaled(np.ascontiguousarray(maps[index]), size), record.anomaly_score, record.threshold,
        record.map_threshold, record.pred_label,
    )  # fmt: skip
    return index, render_overlay(picture)


def _scaled(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    from PIL import Image

    return np.array(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR))


def _write(record: VolumeRecord, path: Path) -> None:
    from PIL import Image

    Image.fromarray(key_slice(record)[1]).save(path, format="PNG")


EXPORTER = VolumeExporter("overlay", "Key slices (PNG)", "key_slice.png", _write)
