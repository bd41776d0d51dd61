"""The text for the place under the cursor."""

from __future__ import annotations

from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.viewer.pictures import Overlay, Shown


def describe_point(x: int, y: int, shown: Shown, overlay: Overlay | None, map_threshold: float | None) -> str:
    """Position, the picture's own value, and the anomaly map's value beside its threshold."""
    parts = [f"x {x}, y {y}", _pixel(x, y, shown)]
    if overlay is not None:
        rows, columns = overlay.values.shape
        height, width = overlay.size
        cell = min(y * rows // height, rows - 1), min(x * columns // width, columns - 1)
        value = overlay.values[cell]
        text = f"map {format_score(float(value))}"
        if overlay.examined is not None and not overlay.examined[cell]:
            text = "not examined"
        elif map_threshold is not None:
            text += f" ({'above' if value > map_threshold else 'below'} {format_score(map_threshold)})"
        parts.append(text)
    return "   ·   ".join(parts)


def _pixel(x: int, y: int, shown: Shown) -> str:
    if shown.pixels is not None:
        value = shown.pixels[y, x]
        return "value " + ", ".join(f"{float(v):g}" for v in value.ravel())
    colour = shown.levels[0].pixelColor(x, y)
    if colour.red() == colour.green() == colour.blue():
        return f"grey {colour.red()}"
    return f"RGB {colour.red()}, {colour.green()}, {colour.blue()}"
