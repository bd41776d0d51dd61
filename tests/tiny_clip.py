"""A small random CLIP on disk, named as OpenAI names its tensors."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

_FOLDER = tempfile.TemporaryDirectory(prefix="tiny-clip-")


def tiny_clip(seed: int = 0, layers: int = 4, width: int = 64, text_width: int = 64) -> dict[str, torch.Tensor]:
    """The tensors of a CLIP with patches of 8 pixels, drawn anew; half precision as OpenAI's."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.CLIP(
            32,
            open_clip.CLIPVisionCfg(layers=layers, width=width, head_width=32, patch_size=8, image_size=32),
            open_clip.CLIPTextCfg(width=text_width, heads=1, layers=3),
            quick_gelu=True,
        )
        # Every text alike, so that only the memory tells pictures apart; and patches that stay themselves.
        model.token_embedding.weight.data.zero_()
        model.positional_embedding.data[:] = model.positional_embedding.data[:1].clone()
    return {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}


@cache
def tiny_weights() -> Path:
    """A file with such a CLIP, which lasts as long as the tests."""
    path = Path(_FOLDER.name) / "tiny.safetensors"
    save_file(tiny_clip(), path)
    return path
