"""How long a frame takes while the planes of a 512×512×400 volume are scrolled with two overlays on it.

Run ``python tests/benchmarks/bench_volume_view.py`` on an idle machine; no shared data is needed. A frame is one
step of the wheel: all planes, sliders and facts follow and are painted. Offscreen, on the processor alone; ``own``
is the main thread's time on the processor. Each plane is scrolled through several times and each frame counts with
its shortest time, as a busy machine lengthens all of them.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
from common import ROOT

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SHAPE = (400, 512, 512)
FRAMES = 150
ROUNDS = 5
P95 = 0.016
"""The bar, in seconds."""


def main() -> int:
    """Scroll each plane and print the frame times."""
    sys.path.insert(0, str(ROOT))
    from ad_desktop import app
    from ad_desktop.data.volumes.planes import Plane
    from ad_desktop.data.volumes.reorient import Reorientation
    from ad_desktop.data.volumes.sampling import PlaneSampler
    from ad_desktop.data.volumes.volume import HU, SUV, Volume, make_affine
    from ad_desktop.data.volumes.windows import Window
    from ad_desktop.jobs import JobRunner
    from ad_desktop.ui.theme import Theme
    from ad_desktop.ui.viewer.paint import Mode
    from ad_desktop.ui.viewer.pictures import Scale
    from ad_desktop.ui.volumes.fetching import SliceFetcher
    from ad_desktop.ui.volumes.fused_look import FusedLook
    from ad_desktop.ui.volumes.overlays import AnomalyMap, fused_layer, map_layers
    from ad_desktop.ui.volumes.projector import Projector
    from ad_desktop.ui.volumes.quad import Quad
    from ad_desktop.ui.volumes.scene import Scene
    from ad_desktop.ui.volumes.source import OpenScan

    application = app.make_application()
    random = np.random.default_rng(0)
    ct = Volume(random.integers(-1000, 1000, SHAPE, np.int16), make_affine((0.98, 0.98, 1.5)), HU, "CT")
    small = random.random((150, 128, 128), np.float32) * 12
    pet = Volume(small, make_affine((4, 4, 4), (2.3, -1.1, 0.7)), SUV, "PT")
    z, y, x = (np.linspace(-1, 1, count, dtype=np.float32) for count in SHAPE)
    waves = np.sin(9 * z)[:, None, None] * np.sin(9 * y)[:, None] * np.sin(9 * x)
    values = np.abs(waves)
    window = Window(350, 50)
    scan = OpenScan("pet", pet, Reorientation.to_patient(pet.affine), window, pet)
    scene, runner = Scene(), JobRunner()
    fetcher = SliceFetcher(scene, runner)
    quad = Quad(scene, Projector(runner), Theme(application))
    quad.resize(1000, 800)
    quad.show()
    scene.set_volume(ct, window)
    found = AnomalyMap(ct.with_array(values, ""), Scale(0.0, 1.0), ct)
    scene.set_layers(
        [
            fused_layer(scan, PlaneSampler(pet, ct), FusedLook(0, 10, "Heat", 0.5)),
            *map_layers(found, PlaneSampler(found.volume, ct), 0.9, Mode.HEAT, 0.5, True, "#ffffff"),
        ]
    )
    missed = 0
    for plane in Plane:
        first = SHAPE[plane.axis] // 2 - FRAMES // 2
        taken, own = np.full((ROUNDS, FRAMES), np.inf), np.full((ROUNDS, FRAMES), np.inf)
        for turn in range(ROUNDS):
            for number in range(FRAMES):
                started, own_started = time.perf_counter(), time.thread_time()
                scene.show_slice(plane, first + number)
                application.processEvents()
                taken[turn, number] = time.perf_counter() - started
                own[turn, number] = time.thread_time() - own_started
        taken, own = taken.min(axis=0), own.min(axis=0)
        p50, p95 = np.quantile(taken, (0.5, 0.95))
        own50, own95 = np.quantile(own, (0.5, 0.95))
        met = p95 <= P95
        missed += not met
        print(
            f"{plane.title:<10} own p50 {1000 * own50:5.1f}, p95 {1000 * own95:5.1f} ms   "
            f"wall p50 {1000 * p50:5.1f} ms, p95 {1000 * p95:5.1f} ms, bar {1000 * P95:.0f} ms: "
            + ("met" if met else "MISSED")
        )
    del fetcher
    runner.shutdown()
    quad.close()
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
