"""The program called in this process, on a small world of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import SMALL, Call, Run
from world import make_world

from ad_desktop.__main__ import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the program with arguments, in this process."""

    def call(*arguments: object) -> Call:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Call(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of every sort; tests do not change them."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def model(world: Path) -> Path:
    """A model of the good pictures; tests do not change it."""
    target = world / "model.adm"
    assert main(["fit", str(world / "good"), "--out", str(target), "--fpr", "0.01", *SMALL]) == 0
    return target
