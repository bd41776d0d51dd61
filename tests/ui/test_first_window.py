"""What the program's own start makes: the window with the sheet that is laid over it last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_CODE = """
import json, sys
from pathlib import Path
from ad_desktop import app as start
app = start.make_application()
runner = start.JobRunner()
window = start.make_window(app, runner, Path(sys.argv[1]))
window.show()
app.processEvents()
shown = window.grab().toImage()
empty = window.viewer.empty
told = {
    "details": [detail.palette().windowText().color().name() for detail in empty._details],
    "dim": window._theme.colours.dim,
    "accent": window._theme.colours.accent,
    "button": shown.pixelColor(empty.sample.mapTo(window, empty.sample.rect().center() * 0.2)).name(),
}
window.close_now()
print(json.dumps(told))
"""


def test_the_first_window_has_the_colours_of_the_theme(tmp_path: Path) -> None:
    """Text of second rank is dim, and the important button has the accent, as after a change of the theme."""
    places = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(tmp_path / "a.log")], capture_output=True, text=True, timeout=120,
        env={**os.environ, **places, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["details"]) == {told["dim"]}
    assert told["button"] == told["accent"]
