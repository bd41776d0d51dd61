"""What a picture network sees of painted slices, against what it sees of true ones. Importing this imports torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ad_desktop.detectors.nets.backbones import DEFAULT, find_backbone
from ad_desktop.detectors.nets.modules import build
from ad_desktop.detectors.nets.weights import find_weights
from ad_desktop.task import Task

LEVELS = (2, 3, 4)
"""Of the default backbone: at a half, a quarter and an eighth of the resolution, as pool1 to pool3 of VGG are."""
STYLE = 0.25
"""Weight of the style term for one of the perceptual term, as in AutoPaint (0.05 and 0.2)."""


class Perceptual(nn.Module):
    """Perceptual and style loss in the features of an ImageNet network that does not learn.

    The mean absolute difference of feature maps, divided by their mean size, and ``STYLE`` times that of their Gram
    matrices, summed over levels. Source: Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions
    (arXiv 1804.07723), eq. 3 to 5, with EfficientNet-Lite0 in VGG's place.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.features = build(find_backbone(DEFAULT), weights, LEVELS)

    @classmethod
    def default(cls, task: Task | None = None) -> Perceptual:
        """With the weights of the default backbone; ``WeightsError`` where they are missing."""
        return cls(find_weights(find_backbone(DEFAULT), task=task).path)

    def forward(self, found: Tensor, truth: Tensor) -> Tensor:
        """The loss of painted slices N×C×H×W against the true ones; every channel is a grey picture, 0 to 1."""
        with torch.no_grad():
            wanted = self.features(_pixels(truth))
        total: Tensor = found.new_zeros(())
        for mine, theirs in zip(self.features(_pixels(found)), wanted, strict=True):
            total = total + _relative(mine, theirs) + STYLE * _relative(gram(mine), gram(theirs))
        return total


def gram(maps: Tensor) -> Tensor:
    """Products of channels N×C×C, mean over the cells of maps N×C×H×W."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def _relative(found: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute difference in parts of the truth's mean size, so that no level outweighs the others."""
    return (found - truth).abs().mean() / truth.abs().mean().clamp(min=1e-6)


def _pixels(values: Tensor) -> Tensor:
    """Slices N×C×H×W as grey pictures (N·C)×H×W×3, 0 to 255."""
    grey = values.flatten(0, 1)[..., None] * 255
    return grey.expand(*grey.shape[:-1], 3)
