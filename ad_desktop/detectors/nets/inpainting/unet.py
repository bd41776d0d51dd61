"""The inpainting network: a U-Net of gated convolutions with a dilated bottleneck, 2-D with neighbours as channels.

Gated convolutions after Yu et al., *Free-Form Image Inpainting with Gated Convolution* (ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (2, 4, 2, 1)


class Painted(NamedTuple):
    """What the network says of a slice, each N×C×H×W (``log_scale`` and ``doubt`` with one channel).

    ``image`` is healthy appearance, ``log_scale`` the logarithm of its expected absolute error, ``doubt`` the log
    odds that what is seen is not healthy.
    """

    image: Tensor
    log_scale: Tensor
    doubt: Tensor


class GatedConv(nn.Module):
    """A convolution with a second one that says, per pixel and channel, how much of it counts."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.both = nn.Conv2d(inputs, 2 * outputs, 3, stride, dilation, dilation)
        nn.init.kaiming_normal_(self.both.weight, nonlinearity="relu")
        nn.init.zeros_(self.both.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.both.bias[outputs:] = 1.0  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W."""
        features, gate = self.both(x).chunk(2, dim=1)
        return functional.elu(features) * torch.sigmoid(gate)


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.gated = GatedConv(width, width, dilation=dilation)
        self.last = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(self.gated(x))  # type: ignore[no-any-return]


class Inpainter(nn.Module):
    """Predicts the healthy slice as a difference to ``base`` (N×C×H×W, such as the healthy mean).

    ``inputs`` channels in, ``channels`` modalities out; height and width have to be multiples of 2^(levels − 1).
    """

    def __init__(self, inputs: int, channels: int = 1, widths: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        first, last = widths[0], widths[-1]
        self.enter = GatedConv(inputs, first)
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Sequential(GatedConv(a, b, 2), GatedConv(b, b)) for a, b in pairs)
        self.middle = nn.Sequential(*(_Residual(last, dilation) for dilation in DILATIONS))
        self.up = nn.ModuleList(GatedConv(a + b, a) for a, b in reversed(pairs))
        self.image = nn.Conv2d(first, channels, 3, padding=1)
        self.scale = nn.Conv2d(first, 1, 3, padding=1)
        self.doubt = nn.Conv2d(first, 1, 3, padding=1)
        for head in (self.image, self.scale, self.doubt):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.scale.bias, -2.5)  # type: ignore[arg-type]
        nn.init.constant_(self.doubt.bias, -2.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor, base: Tensor) -> Painted:
        """Paint a batch."""
        kept = [self.enter(x)]
        for down in self.down:
            kept.append(down(kept[-1]))
        y = self.middle(kept.pop())
        for up in self.up:
            y = up(torch.cat([functional.interpolate(y, scale_factor=2.0), kept.pop()], dim=1))
        # The scale learns from the features without bending them.
        return Painted(base + self.image(y), self.scale(y.detach()).clamp(-6, 1), self.doubt(y))
