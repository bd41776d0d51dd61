"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with test data and oracles: ``AD_DESKTOP_SHARED``, or ``shared`` beside the checkout."""
    folder = Path(os.environ.get("AD_DESKTOP_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "oracles").is_dir():
        pytest.skip("no shared test data: set AD_DESKTOP_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole run: networks are exported once, and the user's own cache is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("AD_DESKTOP_CACHE", str(folder))
        yield folder
