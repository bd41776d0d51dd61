"""How free the main thread stays with 1,000 pictures: load, fit, sort, leaf through, drag the threshold, teach.

Run ``python tests/benchmarks/bench_window.py`` on an idle machine. A gap is the time between two beats of a
timer that is always due; ``own`` is how much of it the main thread computed itself. Large pictures: from the
key to the picture on the screen.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import ROOT, magnetic_tile, pictures, spread

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from ad_desktop.ui.main_window import MainWindow

NORMAL, TO_CHECK = 500, 500
P95, LARGEST, LARGE_PICTURE, TEACH = 0.016, 0.100, 0.150, 1.0
"""The bars, in seconds."""


class Pulse:
    """The gaps between the beats of a timer that is always due, phase by phase."""

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.phases: dict[str, list[tuple[float, float]]] = {}
        self._phase = ""
        self._last = (0.0, 0.0)
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(0)

    def phase(self, name: str) -> None:
        """Count from here on for another phase."""
        self._phase = name
        self.phases.setdefault(name, [])
        self._last = time.perf_counter(), time.thread_time()

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        if self._phase:
            self.phases[self._phase].append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now
        # A timer that spins would itself keep the workers from the interpreter.
        time.sleep(0.001)
        self._last = time.perf_counter(), time.thread_time()


class Session:
    """The window, and what the script does with it."""

    def __init__(self, application: QApplication) -> None:
        from ad_desktop import app
        from ad_desktop.jobs import JobRunner
        from ad_desktop.ui.garbage import Garbage

        self.app = application
        self.runner = JobRunner()
        self.window: MainWindow = app.make_window(self.app, self.runner, app.start_log())
        self.garbage = Garbage(self.runner)
        self.window.resize(1440, 900)
        self.window.show()
        self.pulse = Pulse()
        self.taught = self.undone = 0.0
        self.wait(1.5)

    def until(self, true: Callable[[], bool], seconds: float = 300.0) -> None:
        """Let the program run until something is so."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise SystemExit("The program did not get there in time.")
            self.app.processEvents()

    def wait(self, seconds: float) -> None:
        """Let the program run."""
        deadline = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > deadline)

    def settled(self) -> bool:
        """Whether everything has a score and nothing runs any more."""
        items = self.window.session.items.values()
        return bool(items) and not self.runner.active and all(i.score is not None or i.error for i in items)

    def run(self, normal: list[Path], to_check: list[Path]) -> None:
        """The scripted session."""
        from PySide6.QtCore import Qt

        from ad_desktop.data.samples import Label
        from ad_desktop.ui.library.rows import Column

        window, pulse, view = self.window, self.pulse, self.window.library.view
        pulse.phase("load")
        window.open_paths(normal, Label.NORMAL)
        window.open_paths(to_check, Label.TO_CHECK)
        self.until(lambda: len(window.session.items) == len(normal) + len(to_check))
        self.wait(1)
        pulse.phase("fit and score")
        window.fit()
        self.until(self.settled)
        self.wait(0.5)
        pulse.phase("sort and filter")
        for column in (Column.NAME, Column.SCORE, Column.VERDICT, Column.SCORE):
            for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
                view.sortByColumn(column, order)
                self.wait(0.1)
        for text in ("fray", "", "blow", ""):
            window.library.search.setText(text)
            self.wait(0.3)
        pulse.phase("leaf through 100")
        view.select_first()
        for _ in range(100):
            view.step(1)
            self.wait(0.06)
        pulse.phase("drag the threshold")
        self._drag()
        pulse.phase("teach and undo")
        self._teach()
        self.runner.shutdown()
        self.garbage.release()

    def _drag(self) -> None:
        histogram = self.window.model.threshold.histogram
        assert self.window.session.threshold is not None
        start = self.window.session.threshold.value
        for share in np.concatenate([np.linspace(0, 1, 60), np.linspace(1, -0.5, 60)]):
            histogram.line.moving = True
            histogram.line.setValue(start + share)
            histogram.threshold_moved.emit(float(histogram.line.value()))
            self.wait(0.016)
        histogram.line.moving = False

    def _teach(self) -> None:
        from ad_desktop.data.samples import Label

        window = self.window
        item = next(item for item in window.library.rows.rows if item.label is Label.TO_CHECK)
        started = time.perf_counter()
        window.edits.teach([item], Label.NORMAL)
        self.until(lambda: item.key in window.session.normal_keys)
        self.taught = time.perf_counter() - started
        self.wait(0.5)
        started = time.perf_counter()
        window.undo_stack.undo()
        self.until(lambda: item.key not in window.session.normal_keys)
        self.undone = time.perf_counter() - started
        self.wait(0.5)


def large_pictures(folder: Path, application: QApplication) -> list[float]:
    """Seconds from a step to the next 4096² picture on the screen, its neighbours being fetched ahead."""
    from PIL import Image

    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (8, 128, 128, 3)).astype(np.uint8)
    for number, pixels in enumerate(coarse):
        large = Image.fromarray(pixels).resize((4096, 4096), Image.Resampling.BICUBIC)
        large.save(folder / f"{number}.jpg", quality=92)
    session = Session(application)
    window = session.window
    window.open_paths([folder])
    session.until(lambda: len(window.session.items) == len(coarse))
    ready: list[str] = []
    window.viewer.source.picture_ready.connect(lambda shown: ready.append(shown.key))
    session.wait(3)
    took = []
    for by in (1, 1, 1, -1, -1, 1, 1, 1):
        ready.clear()
        started = time.perf_counter()
        window.library.view.step(by)
        current = window.session.current
        assert current is not None
        session.until(lambda key=current.key: key in ready, 30)
        window.viewer.canvas.repaint()
        took.append(time.perf_counter() - started)
        session.wait(1.5)
    session.runner.shutdown()
    session.garbage.release()
    window.close_now()
    return took


def main() -> None:
    """Run both and print what came of them."""
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}
        data = magnetic_tile()
        from ad_desktop import app

        sys.setswitchinterval(app.SWITCH_SECONDS)
        application = app.make_application()
        session = Session(application)
        session.run(spread(pictures(data / "train"), NORMAL), spread(pictures(data / "test"), TO_CHECK))
        print(f"{'phase':<20}{'beats':>7}{'p95':>9}{'largest':>9}{'own p95':>9}{'own max':>9}   ms")
        for name, beats in session.pulse.phases.items():
            print(f"{name:<20}{len(beats):>7}" + "".join(f"{1000 * value:>9.1f}" for value in _summary(beats)))
        worst = np.array([_summary(beats) for beats in session.pulse.phases.values()]).max(axis=0)
        _verdict("95 % of the gaps, in the worst phase", float(worst[0]), P95)
        _verdict("largest gap", float(worst[1]), LARGEST)
        _verdict("a false alarm added, until all scores follow", session.taught, TEACH)
        _verdict("the same undone", session.undone, TEACH)
        session.window.close_now()
        folder = Path(home) / "large"
        folder.mkdir()
        took = large_pictures(folder, application)
        print("4096² pictures: " + ", ".join(f"{1000 * value:.0f}" for value in took) + " ms")
        _verdict("slowest of them", max(took), LARGE_PICTURE)


def _summary(beats: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    gaps, own = np.array(beats).T
    return float(np.quantile(gaps, 0.95)), float(gaps.max()), float(np.quantile(own, 0.95)), float(own.max())


def _verdict(what: str, value: float, bar: float) -> None:
    print(f"{what}: {1000 * value:.1f} ms, bar {1000 * bar:.0f} ms: {'met' if value <= bar else 'MISSED'}")


if __name__ == "__main__":
    main()
