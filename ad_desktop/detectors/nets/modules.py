"""Builds the torch module that gives a backbone's levels. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ad_desktop.detectors.nets.backbones import Backbone
from ad_desktop.detectors.nets.state_dicts import check_tensors, read_tensors, rename_lite


class LevelMaps(nn.Module):
    """A backbone with its normalisation, cut after the last level used.

    Takes N×S×S×3 pixels in 0..255 (any real type) and gives one N×C×H×W map per level, in the
    order of ``levels``.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, stages: Sequence[nn.Module], spec: Backbone, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.stages = nn.ModuleList(list(stages)[: max(levels)])
        self.register_buffer("mean", torch.tensor(spec.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).reshape(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # The view keeps its memory order, which is channels-last.
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps[level - 1] for level in self.levels)


def build(spec: Backbone, weights: Path, levels: Sequence[int]) -> LevelMaps:
    """Build ``spec`` with the weights of the file ``weights``, giving the 1-based ``levels``.

    The module is in eval mode, on the CPU, float32. ``UserError`` for levels that do not exist;
    ``WeightsError`` if the file cannot be read or does not fit.
    """
    spec.check(levels, spec.side)
    tensors = read_tensors(weights)
    # On the meta device nothing is allocated or initialised: the file's tensors become the parameters.
    with torch.device("meta"):
        network = _network(spec)
    if spec.family == "lite":
        tensors = rename_lite(tensors, [len(stage) for stage in network.blocks])
    fitting = check_tensors(tensors, network.state_dict(), weights, spec.name)
    network.load_state_dict(fitting, strict=False, assign=True)
    module = LevelMaps(_stages(network, spec), spec, levels)
    _drop_counters(module)
    return module.eval().requires_grad_(False)


def _network(spec: Backbone) -> Any:
    if spec.family == "lite":
        import timm

        # Plain efficientnet_lite0 takes the same tensors but pads differently and has another epsilon.
        return timm.create_model("tf_efficientnet_lite0", pretrained=False)
    from torchvision.models import get_model

    return get_model(spec.name.replace("-", "_"), weights=None)


def _stages(network: Any, spec: Backbone) -> list[nn.Module]:
    if spec.family == "lite":
        head = nn.Sequential(network.conv_head, network.bn2)
        return [nn.Sequential(network.conv_stem, network.bn1), *network.blocks, head]
    if spec.family == "efficientnet":
        return list(network.features)
    stem = nn.Sequential(network.conv1, network.bn1, network.relu)
    return [stem, nn.Sequential(network.maxpool, network.layer1), network.layer2, network.layer3, network.layer4]


def _drop_counters(module: nn.Module) -> None:
    """Forget how many batches each normalisation saw in training: unused, and not in every file."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.num_batches_tracked = None
