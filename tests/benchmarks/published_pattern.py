"""AnomalyCLIP's arithmetic in the pattern of the published code, for comparison only. Importing this imports torch.

Source: Zhou et al. (arXiv 2310.18961). The first blocks are ordinary attention layers; the later ones make both
tables of attention in full, for all tokens of all blocks; the map is blurred at the input's size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

SECOND_PATH = 19
TEMPERATURE = 0.07


def published(visual: Any, positions: torch.Tensor, text: torch.Tensor, pixels: torch.Tensor) -> tuple[float, Any]:
    """Score and blurred map S×S of one normalised picture 1×3×S×S; ``positions`` fit its size, ``text`` is 2×D."""
    x = visual.conv1(pixels).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(1, 1, -1), x], dim=1) + positions
    x = visual.ln_pre(x)
    blocks = list(visual.transformer.resblocks)
    second = x
    for number, block in enumerate(blocks):
        if number < len(blocks) - SECOND_PATH:
            y = block.ln_1(x)
            x = x + block.attn(y, y, y, need_weights=False)[0]
            second = x = x + block.mlp(block.ln_2(x))
            continue
        ordinary, more = _both(block.attn, block.ln_1(x))
        x = x + ordinary
        x = x + block.mlp(block.ln_2(x))
        second = second + more
    whole = functional.normalize(x[:, 0] @ visual.proj, dim=-1)
    patches = functional.normalize((visual.ln_post(second) @ visual.proj)[:, 1:], dim=-1)
    score = (whole @ text.T / TEMPERATURE).softmax(dim=-1)[0, 1]
    return float(score), _map(patches, text, pixels.shape[-1])


def _both(attention: Any, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the ordinary path and v-v attention add, each for all tokens."""
    count, tokens, width = y.shape
    heads = attention.num_heads
    joint = functional.linear(y, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = joint.reshape(count, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    scale = (width // heads) ** -0.5
    found = []
    for left, right in ((q, k), (v, v)):
        table = ((left @ right.transpose(-2, -1)) * scale).softmax(dim=-1)
        found.append(attention.out_proj((table @ v).transpose(1, 2).reshape(count, tokens, width)))
    return found[0], found[1]


def _map(patches: torch.Tensor, text: torch.Tensor, side: int) -> NDArray[np.float32]:
    shares = (patches @ text.T / TEMPERATURE).softmax(dim=-1)
    grid = round(shares.shape[1] ** 0.5)
    shares = shares.transpose(1, 2).reshape(1, 2, grid, grid)
    large = functional.interpolate(shares, size=(side, side), mode="bilinear", align_corners=False)[0]
    return np.asarray(gaussian_filter(((large[1] + 1 - large[0]) / 2).numpy(), sigma=4))
