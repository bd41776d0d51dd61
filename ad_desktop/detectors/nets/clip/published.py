"""Writes learned prompts as the published code saves and loads them. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ad_desktop.data.atomic import atomic_path
from ad_desktop.detectors.base import Array
from ad_desktop.detectors.nets.clip.network import ClipFile
from ad_desktop.detectors.nets.clip.prompts import fresh_prompts

_UNUSED_WIDTH = 896


def write_published(path: Path, learned: Mapping[str, Array], file: ClipFile) -> None:
    """Save ``learned`` prompts with the words' ids and vectors of the CLIP in ``file``, under the key prompt_learner.

    The projections that the published loader asks for are never used: they are zero.
    """
    with torch.inference_mode():
        tensors = fresh_prompts(file.text_model(), file.shape, length=learned["ctx_pos"].shape[-2]).tensors
    tensors = {name: tensor.clone() for name, tensor in tensors.items() if not name.startswith("compound_")}
    tensors |= {name: torch.from_numpy(array.copy()) for name, array in learned.items()}
    for index in range(sum(name.startswith("compound_prompts_text.") for name in learned)):
        tensors[f"compound_prompt_projections.{index}.weight"] = torch.zeros(_UNUSED_WIDTH, file.shape.text_width)
        tensors[f"compound_prompt_projections.{index}.bias"] = torch.zeros(_UNUSED_WIDTH)
    with atomic_path(path) as temporary:
        torch.save({"prompt_learner": tensors}, temporary)
