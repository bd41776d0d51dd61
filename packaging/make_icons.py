"""Render the application icon's PNGs from its SVG.

Run ``python packaging/make_icons.py`` after changing ``resources/icons/ad-desktop.svg``. Needs PySide6.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def render(svg: Path, size: int) -> QImage:
    """Return the icon as a square picture with a transparent background."""
    renderer = QSvgRenderer(str(svg))
    if not renderer.isValid():
        raise SystemExit(f"{svg} is not a drawing that Qt can read.")
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter)
    painter.end()
    return image


def main() -> None:
    """Write ``ad-desktop-<size>.png`` beside the SVG for every size."""
    svg = Path(__file__).resolve().parent.parent / "resources" / "icons" / "ad-desktop.svg"
    for size in SIZES:
        path = svg.with_name(f"ad-desktop-{size}.png")
        if not render(svg, size).save(str(path)):
            raise SystemExit(f"{path} could not be written.")
        print(path)


if __name__ == "__main__":
    main()
