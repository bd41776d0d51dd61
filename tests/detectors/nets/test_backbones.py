from __future__ import annotations

import subprocess
import sys

import pytest

from ad_desktop.detectors.nets.backbones import backbone_names, find_backbone
from ad_desktop.errors import UserError


def test_the_default_comes_first() -> None:
    assert backbone_names()[0] == "efficientnet-lite0"
    assert len(backbone_names()) == 12


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("efficientnet-b0", (32, 16, 24, 40, 80, 112, 192, 320, 1280)),
        ("efficientnet-b4", (48, 24, 32, 56, 112, 160, 272, 448, 1792)),
        ("efficientnet-lite0", (32, 16, 24, 40, 80, 112, 192, 320, 1280)),
    ],
)
def test_channels_are_the_published_ones(name: str, channels: tuple[int, ...]) -> None:
    assert tuple(level.channels for level in find_backbone(name).levels) == channels


@pytest.mark.parametrize("name", [n for n in backbone_names() if n.startswith("efficientnet-b")])
@pytest.mark.parametrize("side", [64, 77])
def test_levels_are_what_torchvision_computes(name: str, side: int) -> None:
    import torch
    from torchvision.models import get_model

    spec = find_backbone(name)
    with torch.device("meta"):  # shapes only: nothing is allocated or computed
        network = get_model(name.replace("-", "_"), weights=None).eval()
        x = torch.empty(1, 3, side, side)
    for stage, level in zip(network.features, spec.levels, strict=True):
        x = stage(x)
        assert tuple(x.shape) == (1, level.channels, level.side(side), level.side(side))


def test_native_sides() -> None:
    sides = [find_backbone(f"efficientnet-b{n}").side for n in range(8)]
    assert sides == [224, 240, 260, 300, 380, 456, 528, 600]
    assert find_backbone("resnet50").side == 224
    assert find_backbone("efficientnet-lite0").side == 256


@pytest.mark.parametrize("name", ["", "efficientnet-b8", "efficientnet", "resnet101", "Resnet18", "efficientnet-"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UserError, match=r"Unknown backbone .*efficientnet-lite0, efficientnet-b0.*resnet50"):
        find_backbone(name)


@pytest.mark.parametrize(
    ("levels", "side", "message"),
    [
        ((0,), 256, "no level 0: choose among 1 to 9"),
        ((4, 10), 256, "no level 10"),
        ((), 256, "needs at least one level"),
        ((4, 4), 256, "once only"),
        ((4,), 31, "input side of 31"),
        ((4,), 5000, "input side of 5000"),
    ],
)
def test_impossible_levels_and_sides_are_refused(levels: tuple[int, ...], side: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_backbone("efficientnet-lite0").check(levels, side)


def test_any_order_of_levels_is_fine() -> None:
    find_backbone("resnet18").check((5, 1), 32)


def test_importing_it_imports_nothing_heavy(python_env: dict[str, str]) -> None:
    code = (
        "import sys, ad_desktop.detectors.nets.backbones, ad_desktop.detectors.nets.weights\n"
        "import ad_desktop.detectors.nets.engines\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'onnx', 'onnxruntime', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=python_env, check=True)
    assert done.stdout.strip() == "[]"
