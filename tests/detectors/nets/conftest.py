"""Networks with random weights, saved as torchvision would, and graphs exported once for all tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ad_desktop.detectors.nets.backbones import find_backbone
from ad_desktop.detectors.nets.graphs import make_key
from ad_desktop.detectors.nets.weights import Weights, find_weights

SIDE = 64
EXPORTED = (
    ("efficientnet-lite0", (4, 5, 6, 7)),
    ("efficientnet-lite0", (9, 1)),
    ("efficientnet-b0", (1, 2, 4)),
    ("resnet18", (1, 3, 5)),
)
_EXPORT_ALL = "import json, sys; from ad_desktop.detectors.nets.export import main; [main(a) for a in sys.argv[1:]]"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches, or depends on, the user's caches and settings."""
    monkeypatch.setenv("AD_DESKTOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("AD_DESKTOP_OFFLINE", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with NAME.pth for some torchvision networks: random weights, statistics as after training."""
    import torch
    from torchvision.models import get_model

    folder = tmp_path_factory.mktemp("weights")
    for name in ("efficientnet-b0", "resnet18"):
        torch.manual_seed(0)
        state = get_model(name.replace("-", "_"), weights=None).state_dict()
        for key, tensor in state.items():
            if key.endswith("running_mean"):
                tensor.normal_(0, 0.1)
            elif key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
        torch.save(state, folder / f"{name}.pth")
    return folder


@pytest.fixture(scope="session")
def weights_of(random_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Weights]:
    """Weights by backbone name: Lite0's own, the others' random ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AD_DESKTOP_CACHE", str(tmp_path_factory.mktemp("record")))
        names = {name for name, _ in EXPORTED}
        paths = {name: random_weights / f"{name}.pth" for name in names}
        return {
            name: find_weights(find_backbone(name), str(path) if path.exists() else "") for name, path in paths.items()
        }


@pytest.fixture(scope="session")
def exported(weights_of: dict[str, Weights], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the graphs of ``EXPORTED``, made in one process because imports cost the most."""
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AD_DESKTOP_CACHE", str(folder))
        arguments = []
        for name, levels in EXPORTED:
            weights = weights_of[name]
            key = make_key(name, weights.sha256, levels, SIDE)
            key.path.parent.mkdir(exist_ok=True)
            arguments.append(json.dumps([name, str(weights.path), key.sha256, levels, SIDE, str(key.path)]))
        command = [sys.executable, "-W", "ignore", "-c", _EXPORT_ALL, *arguments]
        subprocess.run(command, check=True, capture_output=True, env=python_env())
    return folder


@pytest.fixture
def cache(exported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder is the one with the exported graphs."""
    monkeypatch.setenv("AD_DESKTOP_CACHE", str(exported))
    return exported


def python_env() -> dict[str, str]:
    """The environment for a child process that can import the package from this checkout."""
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.fixture(name="python_env")
def python_env_fixture() -> dict[str, str]:
    return python_env()
