"""What pyqtgraph and QtPy see of Qt: all of it, but only what they ask for is made."""

from __future__ import annotations

import json
import subprocess
import sys

_CODE = """
import ad_desktop.ui, json, sys
from PySide6 import QtCore, QtGui, QtWidgets
import pyqtgraph, pyqtgraph.Qt, qtawesome, qtpy
for mirror in (pyqtgraph.Qt, sys.modules["qtpy"]):
    unused = [name for name in ("QCalendarWidget", "QWizard", "QDial") if name in vars(mirror.QtWidgets)]
    assert not unused, unused
    for module in (QtCore, QtGui, QtWidgets):
        mirrored = getattr(mirror, module.__name__.rpartition(".")[2])
        other = [name for name in mirrored.__all__ if getattr(mirrored, name) is not getattr(module, name)]
        assert not other, other
        assert set(mirrored.__all__) >= {name for name in dir(module) if name.startswith("Q")} and dir(module)
        assert not hasattr(mirrored, "NoSuchName")
assert QtWidgets.QCalendarWidget.__name__ in dir(QtWidgets)
assert not hasattr(pyqtgraph, "RemoteGraphicsView") and not hasattr(pyqtgraph, "PlotWidget")
assert not hasattr(pyqtgraph, "ImageView")
assert "pyqtgraph.parametertree" not in sys.modules
import pyqtgraph.widgets.PlotWidget, pyqtgraph.imageview, pyqtgraph.widgets.RemoteGraphicsView
assert pyqtgraph.imageview.ImageView.__module__ == "pyqtgraph.imageview.ImageView"
assert pyqtgraph.widgets.RemoteGraphicsView.RemoteGraphicsView.__name__ == "RemoteGraphicsView"
for name, module in [*sys.modules.items()]:
    if name.startswith("pyqtgraph."):
        empty = [key for key, value in vars(module).items() if value is None and key[0].isupper()]
        lacking = set(empty) - {"QAPP", "IsosurfaceDataCache"}
        assert not lacking, (name, lacking)
plot = pyqtgraph.widgets.PlotWidget.PlotWidget
assert plot.__module__ == "pyqtgraph.widgets.PlotWidget" and issubclass(plot, pyqtgraph.GraphicsView)
print(json.dumps([pyqtgraph.Qt.VERSION_INFO, qtpy.API_NAME]))
"""


def test_mirrors_are_whole_and_hold_what_was_asked_for() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", _CODE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    version, name = json.loads(done.stdout)
    assert version.startswith("PySide6 ")
    assert name == "PySide6"
