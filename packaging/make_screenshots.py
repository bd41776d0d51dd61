"""Take the pictures of the README and of the guide from the program itself, on the bundled sample.

Run ``python packaging/make_screenshots.py`` after the window has changed. Needs Xvfb (Debian: ``xvfb``).
Settings, cache and log of the user are not touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QRect
    from PySide6.QtWidgets import QApplication, QWidget

    from ad_desktop.ui.items import Item
    from ad_desktop.ui.main_window import MainWindow

ROOT = Path(__file__).resolve().parent.parent
SCREEN = (1440, 900)
LARGEST = 400_000
"""Bytes of a picture."""


def main() -> None:
    """Take the pictures of the sample."""
    on_own_display(__file__, lambda words: Photographer(only=words).run())


def on_own_display(script: str, take: Callable[[list[str]], None]) -> None:
    """Start a display of our own and run ``script`` again on it, where ``take`` gets its arguments."""
    if "--inside" in sys.argv:
        take([word for word in sys.argv[1:] if not word.startswith("--")])
        return
    if shutil.which("Xvfb") is None:
        raise SystemExit("Xvfb is needed (Debian and Ubuntu: sudo apt-get install xvfb).")
    read, write = os.pipe()
    size = "x".join(map(str, SCREEN))
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    try:
        with os.fdopen(read) as answer, tempfile.TemporaryDirectory() as home:
            environment = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
            environment |= {"DISPLAY": f":{answer.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
            environment["PYTHONPATH"] = str(ROOT)
            environment |= dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME"), home)
            command = [sys.executable, script, "--inside", *sys.argv[1:]]
            raise SystemExit(subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode)
    finally:
        server.terminate()
        server.wait(10)


class Photographer:
    """Drives the window from state to state and takes a picture of each; ``only`` names those to write."""

    def __init__(self, only: list[str]) -> None:
        from ad_desktop import app
        from ad_desktop.jobs import JobRunner
        from ad_desktop.ui.theme import Appearance, Theme

        self._only = only
        self.appearances = Appearance
        self.app: QApplication = app.make_application()
        self.runner = JobRunner()
        self.window: MainWindow = app.make_window(self.app, self.runner, app.start_log())
        self.theme: Theme = self.app.findChildren(Theme)[0]

    def run(self) -> None:
        """Take all pictures."""
        window = self.window
        self.theme.set_appearance(self.appearances.LIGHT)
        window.setGeometry(0, 0, *SCREEN)
        window.show()
        self.wait(0.5)
        self.shoot("guide/start")
        window.open_sample()
        self.until(lambda: window.fitting.job is not None and window.model.fit_panel.bar.value() > 0, 120)
        self.shoot("guide/fit", window.model)
        self.until(self.settled, 300)
        self.shoot("guide/results")
        self.choose("rust")
        self.shoot("screenshots/window")
        self.shoot("guide/threshold", window.model.threshold_section)
        self.theme.set_appearance(self.appearances.DARK)
        self.wait(1)
        self.shoot("screenshots/window-dark")
        self.theme.set_appearance(self.appearances.LIGHT)
        self.wait(0.5)
        self._shoot_beside()
        self._shoot_region()
        self._shoot_tiles()
        self._shoot_band()
        self._shoot_why()
        self._shoot_known()
        self._shoot_export()
        self.runner.shutdown()

    def _shoot_beside(self) -> None:
        split = self.window.viewer.controls.split
        split.trigger()
        self.wait(1)
        self.shoot("guide/beside", self.window.viewer)
        split.trigger()

    def _shoot_region(self) -> None:
        from ad_desktop.data.roi import Purpose, RegionOfInterest, Shape, ShapeKind

        window, before = self.window, self.window.session.roi
        part = Shape(ShapeKind.POLYGON, ((0.12, 0.08), (0.9, 0.08), (0.94, 0.9), (0.08, 0.92)))
        code = Shape(ShapeKind.RECTANGLE, ((0.45, 0.7), (0.56, 0.8)), Purpose.IGNORE)
        window.viewer.controls.roi.trigger()
        window.session.set_roi(RegionOfInterest((part, code)))
        self.wait(1)
        self.shoot("guide/region", window.viewer)
        window.session.set_roi(before)
        window.viewer.controls.roi.trigger()
        self.wait(0.5)

    def _shoot_tiles(self) -> None:
        model = self.window.model
        model.method.set_open(True)
        model.settings.tiles.side.setValue(512)
        self.wait(0.5)
        self.shoot("guide/tiles", model.settings.tiles)
        model.settings.tiles.side.setValue(0)
        model.method.set_open(False)

    def _shoot_band(self) -> None:
        panel = self.window.model.threshold
        panel.banded.setChecked(True)
        self.wait(0.5)
        self.shoot("guide/band", self.window.model.threshold_section)
        panel.banded.setChecked(False)

    def _shoot_why(self) -> None:
        window = self.window
        window.why.toggle.trigger()
        self.wait(1.5)
        self.shoot("guide/why", window.why)
        window.why.toggle.trigger()

    def _shoot_known(self) -> None:
        window = self.window
        defects = [item for item in window.session.items.values() if item.defect]
        window.edits.teach(defects, next(label for label in type(defects[0].label) if label.value == "anomalous"))
        self.wait(1)
        self.shoot("guide/known", window.model.threshold_section)
        window.undo_stack.undo()

    def _shoot_export(self) -> None:
        window = self.window
        window.ask_export()
        self.wait(0.7)
        self.shoot("guide/export", window.export_dialog)
        window.export_dialog.close()

    def settled(self) -> bool:
        """Whether everything has a score and nothing runs any more."""
        items = self.window.session.items.values()
        return bool(items) and not self.runner.active and all(item.score is not None for item in items)

    def choose(self, defect: str) -> None:
        """Show the picture with this kind of defect that has the highest score."""
        items = [item for item in self.window.session.items.values() if item.defect == defect]
        best: Item = max(items, key=lambda item: item.score or 0.0)
        self.window.session.set_current(best)
        self.window.library.view.scrollToTop()
        self.wait(1.5)

    def until(self, true: Callable[[], bool], seconds: float) -> None:
        """Let the program run until something is so."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise SystemExit(f"The program did not get there within {seconds:g} s.")
            self.app.processEvents()
            time.sleep(0.005)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        """Let the program run."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.app.processEvents()
            time.sleep(0.005)

    def shoot(self, name: str, widget: QWidget | None = None, colours: int = 256) -> None:
        """Write what is on the screen, or one widget of it, to ``resources/<name>.png``.

        ``colours`` 0 keeps them all, where few pixels have those that matter.
        """
        if self._only and name not in self._only:
            return
        rect: QRect | None = None
        if widget is not None:
            rect = widget.rect().translated(widget.mapToGlobal(widget.rect().topLeft()))
        screen = self.app.primaryScreen()
        whole = screen.grabWindow(0)
        target = ROOT / "resources" / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        image = whole.toImage()
        image = image if rect is None else image.copy(rect)
        image.save(str(target))
        if colours:
            _shrink(target, colours)
        if target.stat().st_size > LARGEST:
            raise SystemExit(f"{target} has {target.stat().st_size:,} bytes: more than {LARGEST:,}.")
        print(f"{target} {image.width()}×{image.height()}, {target.stat().st_size // 1000} kB")


def _shrink(path: Path, colours: int) -> None:
    """Keep so many colours, dithered where they run into each other; flat ground stays flat."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as opened:
        full = opened.convert("RGB")
    plain = full.quantize(colours)
    dithered = full.quantize(palette=plain, dither=Image.Dither.FLOYDSTEINBERG)
    pixels = np.pad(np.asarray(full), ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle = pixels[1:-1, 1:-1]
    around = (pixels[:-2, 1:-1], pixels[2:, 1:-1], pixels[1:-1, :-2], pixels[1:-1, 2:])
    flat = np.logical_or.reduce([(middle == other).all(axis=2) for other in around])
    small = Image.fromarray(np.where(flat, np.asarray(plain), np.asarray(dithered)))
    small.putpalette(plain.getpalette() or [])
    small.save(path, optimize=True)


if __name__ == "__main__":
    main()
