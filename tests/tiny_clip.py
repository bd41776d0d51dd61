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
    """The tensors of a CLIP with patches of 4 pixels, drawn anew; half precision as OpenAI's."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.CLIP(
            32,
            open_clip.CLIPVisionCfg(layers=layers, width=width, head_width=32, patch_size=4, image_size=32),
            open_clip.CLIPTextCfg(width=text_width, heads=1, layers=3),
            quick_gelu=True,
        )
        # Untrained attention blurs patches, and untrained positions drown them: both are held down, so that the
        # memory of normal patches has something to find.
        model.visual.positional_embedding.data[:] = 0.3 * torch.randn(width)
        for block in model.visual.transformer.resblocks:
            block.attn.out_proj.weight.data *= 0.1
    return {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}


@cache
def tiny_weights() -> Path:
    """A file with such a CLIP, to which all texts are alike, so that only a memory tells pictures apart.

    It lasts as long as the tests.
    """
    path, tensors = Path(_FOLDER.name) / "tiny.safetensors", tiny_clip()
    tensors["token_embedding.weight"].zero_()
    tensors["positional_embedding"][:] = tensors["positional_embedding"][:1].clone()
    save_file(tensors, path)
    return path


class TensorTree(torch.nn.Module):
    """Tensors in a tree of modules, for a TorchScript archive."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            place: torch.nn.Module = self
            *path, leaf = name.split(".")
            for part in path:
                if not hasattr(place, part):
                    place.add_module(part, torch.nn.Module())
                place = getattr(place, part)
            place.register_parameter(leaf, torch.nn.Parameter(tensor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x
