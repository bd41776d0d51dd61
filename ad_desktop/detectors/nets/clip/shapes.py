"""What a CLIP's tensors say of its build. Importing this imports torch."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from ad_desktop.detectors.nets.clip.files import Tensors, is_openai
from ad_desktop.errors import WeightsError

HEAD_WIDTH = 64


@dataclass(frozen=True)
class ClipShape:
    """Sizes of both towers of a ViT CLIP; ``side`` is the input it was trained for, in pixels."""

    embed: int
    side: int
    patch: int
    width: int
    layers: int
    mlp: int
    heads: int
    context: int
    vocabulary: int
    text_width: int
    text_layers: int
    text_heads: int
    quick_gelu: bool

    @property
    def grid(self) -> int:
        """Patches along one side of the native input."""
        return self.side // self.patch


def shape_of(tensors: Tensors, path: Path, activation: str = "auto") -> ClipShape:
    """Deduce the build from the tensors' shapes; ``WeightsError`` if this is no CLIP with a ViT.

    Heads cannot be seen in shapes: they are those of open_clip's configuration of the same sizes, else 64 wide.
    ``activation`` is quickgelu, gelu or auto (QuickGELU for OpenAI's weights).
    """
    try:
        conv, positions = tensors["visual.conv1.weight"], tensors["visual.positional_embedding"]
        width, _, patch, _ = conv.shape
        grid = math.isqrt(positions.shape[0] - 1)
        if grid**2 + 1 != positions.shape[0]:
            raise ValueError(f"{positions.shape[0]} positions do not make a square")
        context, text_width = tensors["positional_embedding"].shape
        embed = tensors["visual.proj"].shape[1]
        sizes: dict[str, Any] = {
            "embed": embed, "side": grid * patch, "patch": patch, "width": width,
            "layers": _count(tensors, "visual.transformer.resblocks."),
            "mlp": tensors["visual.transformer.resblocks.0.mlp.c_fc.weight"].shape[0],
            "context": context, "vocabulary": tensors["token_embedding.weight"].shape[0], "text_width": text_width,
            "text_layers": _count(tensors, "transformer.resblocks."),
        }  # fmt: skip
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} does not hold a CLIP with a vision transformer ({error}). Choose the weights of a ViT CLIP, such "
            "as ViT-L-14-336 by OpenAI."
        ) from error
    heads, text_heads = _heads(sizes)
    quick = is_openai(tensors) if activation == "auto" else activation == "quickgelu"
    return ClipShape(**sizes, heads=heads, text_heads=text_heads, quick_gelu=quick)


def _count(tensors: Tensors, prefix: str) -> int:
    return len({name[len(prefix) :].partition(".")[0] for name in tensors if name.startswith(prefix)})


def _heads(sizes: dict[str, Any]) -> tuple[int, int]:
    import open_clip

    for name in open_clip.list_models():
        config = open_clip.get_model_config(name) or {}
        vision, text = config.get("vision_cfg", {}), config.get("text_cfg", {})
        known = (config.get("embed_dim"), vision.get("width"), vision.get("layers"), vision.get("patch_size"))
        if known == (sizes["embed"], sizes["width"], sizes["layers"], sizes["patch"]) and text.get("heads"):
            return sizes["width"] // vision.get("head_width", HEAD_WIDTH), int(text["heads"])
    return max(1, sizes["width"] // HEAD_WIDTH), max(1, sizes["text_width"] // HEAD_WIDTH)


def build(shape: ClipShape, tensors: Tensors, path: Path, *, vision: bool) -> Any:
    """open_clip's CLIP in float32 with one tower filled: the vision one, or the text one; the other stays empty.

    ``WeightsError`` names the first tensor that is missing, of another shape, or not finite.
    """
    model = deepcopy(_skeleton(shape))
    chosen = {}
    for name, wanted in model.state_dict().items():
        if name.startswith("visual.") is not vision or name == "logit_scale":
            continue
        chosen[name] = _checked(tensors, name, tuple(wanted.shape), path)
    model.load_state_dict(chosen, strict=False, assign=True)
    return model.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def _skeleton(shape: ClipShape) -> Any:
    """open_clip's CLIP without any numbers; made once, as its drawing of first weights takes its time even so."""
    import open_clip

    with torch.device("meta"):
        return open_clip.CLIP(
            shape.embed,
            open_clip.CLIPVisionCfg(
                layers=shape.layers, width=shape.width, head_width=shape.width // shape.heads,
                mlp_ratio=shape.mlp / shape.width, patch_size=shape.patch, image_size=shape.side,
            ),
            open_clip.CLIPTextCfg(
                context_length=shape.context, vocab_size=shape.vocabulary, width=shape.text_width,
                heads=shape.text_heads, layers=shape.text_layers,
            ),
            quick_gelu=shape.quick_gelu,
        )  # fmt: skip


def _checked(tensors: Tensors, name: str, wanted: tuple[int, ...], path: Path) -> torch.Tensor:
    if name not in tensors:
        raise WeightsError(f"{path} has no tensor {name}, which a CLIP of its sizes needs. Get the whole file.")
    found = tensors[name]
    if tuple(found.shape) != wanted:
        shown = ["×".join(map(str, s)) or "a number" for s in (found.shape, wanted)]
        raise WeightsError(f"{path}: tensor {name} is {shown[0]} instead of {shown[1]}. Choose a plain ViT CLIP.")
    if not found.float().isfinite().all():
        raise WeightsError(f"{path}: tensor {name} holds values that are not finite. Get the file again.")
    return found.float()
