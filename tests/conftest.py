"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with test data and oracles: ``AD_DESKTOP_SHARED``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("AD_DESKTOP_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "oracles").is_dir():
        pytest.skip("no shared test data: set AD_DESKTOP_SHARED to its folder")
    return folder
