"""The vision tower with AnomalyCLIP's second path of v-v attention. Importing this imports torch.

Source: Zhou et al., *AnomalyCLIP* (ICLR 2024, arXiv 2310.18961); the ordinary path is CLIP's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ad_desktop.detectors.nets.clip.shapes import ClipShape

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
PUBLISHED_BLOCKS, PUBLISHED_LAYERS = 19, 24


def second_path_blocks(layers: int, asked: int = 0) -> int:
    """How many of the last blocks have the second path: 19 where there are more, else the same share; or ``asked``."""
    if asked:
        return min(asked, layers)
    return PUBLISHED_BLOCKS if layers > PUBLISHED_BLOCKS else max(1, layers * PUBLISHED_BLOCKS // PUBLISHED_LAYERS)


class DualStream(nn.Module):
    """Takes N×S×S×3 pixels in 0..255; gives patch features N×L×T×D and the global feature N×D, not normalised.

    ``layers`` are the 1-based blocks after which patch features are taken (L of them), all of them within the
    second path. T patches are in row-major order. The global feature leaves ln_post out, as the published code does.
    """

    mean: torch.Tensor
    std: torch.Tensor
    positions: torch.Tensor

    def __init__(self, visual: Any, shape: ClipShape, side: int, blocks: int, layers: Sequence[int] = ()) -> None:
        super().__init__()
        self.visual = visual
        self.heads = shape.heads
        self.first = shape.layers - blocks
        self.layers = tuple(layers) or (shape.layers,)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1))
        self.register_buffer("positions", resized_positions(visual.positional_embedding, side // shape.patch))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.embed(pixels)
        second, taken = x, []
        for number, block in enumerate(self.visual.transformer.resblocks, start=1):
            if number == self.first + 1:
                second = x
            # Beyond the last block only the class token of the ordinary path is used.
            last = number == len(self.visual.transformer.resblocks)
            x, more = self._block(block, x, number > self.first, last)
            if more is not None:
                second = second + more
            if number in self.layers:
                taken.append(self.visual.ln_post(second[:, 1:]) @ self.visual.proj)
        return torch.stack(taken, dim=1), x[:, 0] @ self.visual.proj

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        """Tokens N×(1+T)×W that enter the first block."""
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        x = self.visual.conv1(x).flatten(2).transpose(1, 2)
        first = self.visual.class_embedding.expand(x.shape[0], 1, -1)
        return self.visual.ln_pre(torch.cat([first, x], dim=1) + self.positions)  # type: ignore[no-any-return]

    def _block(self, block: Any, x: torch.Tensor, dual: bool, last: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        attention = block.attn
        joint = functional.linear(block.ln_1(x), attention.in_proj_weight, attention.in_proj_bias)
        q, k, v = (self._split(part) for part in joint.chunk(3, dim=-1))
        more = attention.out_proj(_joined(functional.scaled_dot_product_attention(v, v, v))) if dual else None
        if last:
            x, q = x[:, :1], q[:, :, :1]
        x = x + attention.out_proj(_joined(functional.scaled_dot_product_attention(q, k, v)))
        return x + block.mlp(block.ln_2(x)), more

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


def _joined(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2).flatten(2)


def resized_positions(positions: torch.Tensor, grid: int) -> torch.Tensor:
    """Position vectors (1+T)×W for a grid of other size: bilinear without antialias, as the published code does."""
    native = round((len(positions) - 1) ** 0.5)
    if native == grid:
        return positions.detach()
    table = positions[1:].detach().reshape(1, native, native, -1).permute(0, 3, 1, 2)
    table = functional.interpolate(table, size=(grid, grid), mode="bilinear", align_corners=False)
    return torch.cat([positions[:1].detach(), table.permute(0, 2, 3, 1).flatten(0, 2)])
