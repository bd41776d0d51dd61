"""The inpainting network: a U-Net of gated convolutions with a dilated bottleneck, 2-D with neighbours as channels.

Gated convolutions after Yu et al., *Free-Form Image Inpainting with Gated Convolution* (ICCV 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

DILATIONS = (2, 4, 2, 1)
GATES = 8
"""Widths are multiples of this."""


class Painted(NamedTuple):
    """What the network says of a slice, each N×C×H×W (``log_scale`` and ``doubt`` with one channel).

    ``image`` is healthy appearance, ``log_scale`` the logarithm of its expected absolute error, ``doubt`` the log
    odds that what is seen is not healthy.
    """

    image: Tensor
    log_scale: Tensor
    doubt: Tensor


class GatedConv(nn.Module):
    """A convolution with gates that say, per pixel, how much of it counts; channels share ``GATES`` gates.

    Full gating costs twice a plain convolution; sharing gates after Yi et al. (light-weight gated convolutions,
    CVPR 2020) costs little more.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.outputs = outputs
        self.both = nn.Conv2d(inputs, outputs + GATES, 3, stride, dilation, dilation)
        nn.init.kaiming_normal_(self.both.weight, nonlinearity="relu")
        nn.init.zeros_(self.both.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.both.bias[outputs:] = 1.0  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W."""
        both = self.both(x)
        features, gates = both[:, : self.outputs], torch.sigmoid(both[:, self.outputs :])
        count, _, rows, columns = both.shape
        grouped = functional.relu(features).view(count, self.outputs // GATES, GATES, rows, columns)
        return (grouped * gates[:, None]).view(count, self.outputs, rows, columns)


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


def make_net(inputs: int, widths: Sequence[int], seed: int, channels: int = 1) -> Inpainter:
    """A network that has learned nothing yet, equal for equal seeds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Inpainter(inputs, channels, widths)


def net_from(inputs: int, widths: Sequence[int], weights: Mapping[str, NDArray[Any]], channels: int = 1) -> Inpainter:
    """The network with these weights; ``RuntimeError`` if they do not fit."""
    net = Inpainter(inputs, channels, widths)
    net.load_state_dict({name: torch.from_numpy(np.array(value, np.float32)) for name, value in weights.items()})
    return net.to(memory_format=torch.channels_last)
