"""A viewer of scans over a session of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from viewing import World


@pytest.fixture
def world(qtbot, theme, settings) -> Iterator[World]:
    made = World(qtbot, theme, settings)
    yield made
    made.gate.set()
    assert made.runner.shutdown(5)
