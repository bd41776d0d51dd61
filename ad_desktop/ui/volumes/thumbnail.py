"""A small picture of a scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.reorient import patient_axes
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.data.volumes.windows import automatic_window, first_preset, to_codes


def middle_slice(volume: Volume) -> NDArray[np.uint8]:
    """The middle axial slice (coronal where the scan is taller than wide) through its first window, cells square."""
    turned = patient_axes(volume)
    heights = [count * mm for count, mm in zip(turned.shape, turned.spacing, strict=True)]
    plane = Plane.CORONAL if heights[0] > 1.5 * heights[2] else Plane.AXIAL
    values = plane.cut(turned.array, turned.shape[plane.axis] // 2)
    window = first_preset(turned).window or automatic_window(turned.array)
    codes = to_codes(values, window.low, window.high)
    codes = 255 - codes if window.inverted else codes
    rows, columns = plane.spacing(turned)
    fine = min(rows, columns)
    down = np.arange(0, codes.shape[0], fine / rows).astype(np.intp)
    across = np.arange(0, codes.shape[1], fine / columns).astype(np.intp)
    codes = codes[down][:, across]
    return np.ascontiguousarray(codes[::-1] if plane.upward else codes)
