"""Prompts and the text vectors they give. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from ad_desktop.detectors.nets.clip.files import Tensors
from ad_desktop.detectors.nets.clip.shapes import ClipShape
from ad_desktop.errors import WeightsError

NORMAL, ABNORMAL = "object.", "damaged object."
STATES = (
    ("{}", "flawless {}", "perfect {}", "unblemished {}", "{} without flaw", "{} without defect", "{} without damage"),
    ("damaged {}", "broken {}", "{} with flaw", "{} with defect", "{} with damage"),
)
TEMPLATES = ("a photo of a {}.", "a photo of the {}.", "a cropped photo of a {}.", "a close-up photo of a {}.")
_SIDES = ("pos", "neg")


class Prompts:
    """A prompt set in the published layout: context vectors, deep tokens and the words' ids and vectors."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors

    @property
    def deep(self) -> list[torch.Tensor]:
        """Tokens that replace those behind the first, before the second block and the ones after it."""
        prefix = "compound_prompts_text."
        names = sorted((n for n in self.tensors if n.startswith(prefix)), key=lambda n: int(n[len(prefix) :]))
        return [self.tensors[name] for name in names]

    @property
    def learned(self) -> Tensors:
        """What training changes."""
        return {n: t for n, t in self.tensors.items() if n.startswith(("ctx_", "compound_prompts_text."))}


def read_prompts(path: Path) -> Prompts:
    """Prompts in the published format, or saved here as safetensors; ``WeightsError`` if they are neither."""
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)["prompt_learner"]
        needed = [f"ctx_{side}" for side in _SIDES] + [f"tokenized_prompts_{side}" for side in _SIDES]
        missing = [name for name in needed if name not in found]
        if missing:
            raise KeyError(missing[0])
        return Prompts({str(name): tensor.detach().clone() for name, tensor in found.items()})
    except Exception as error:  # damaged files raise almost anything
        raise WeightsError(
            f"{path} does not hold AnomalyCLIP prompts, or is damaged ({type(error).__name__}: {error}). "
            "Expected is a file with the key prompt_learner, or prompts saved by AD Desktop."
        ) from error


def fresh_prompts(
    model: Any, shape: ClipShape, length: int = 12, depth: int = 9, tokens: int = 4, seed: int = 0
) -> Prompts:
    """Prompts to start learning from, drawn from N(0, 0.02)."""
    random = torch.Generator().manual_seed(seed)

    def drawn(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=random) * 0.02

    found: Tensors = {}
    for side, words in zip(_SIDES, (NORMAL, ABNORMAL), strict=True):
        ids = tokenize([" ".join(["X"] * length) + " " + words], shape)
        vectors = model.token_embedding(ids)
        found[f"ctx_{side}"] = drawn(1, 1, length, shape.text_width)
        found[f"token_prefix_{side}"] = vectors[None, :, :1].clone()
        found[f"token_suffix_{side}"] = vectors[None, :, 1 + length :].clone()
        found[f"tokenized_prompts_{side}"] = ids[None].to(torch.int32)
    for index in range(min(depth, shape.text_layers) - 1):
        found[f"compound_prompts_text.{index}"] = drawn(tokens, shape.text_width)
    return Prompts(found)


def tokenize(texts: Sequence[str], shape: ClipShape) -> torch.Tensor:
    """Ids N×context of texts in CLIP's own vocabulary."""
    tokenizer = _tokenizer()
    if shape.vocabulary < tokenizer.vocab_size:
        raise WeightsError(
            f"This CLIP knows {shape.vocabulary} words and not CLIP's {tokenizer.vocab_size}, so no text can be given."
        )
    return tokenizer(list(texts), context_length=shape.context)  # type: ignore[no-any-return]


@cache
def _tokenizer() -> Any:
    import open_clip

    # Unpacking its vocabulary takes a quarter of a second.
    return open_clip.SimpleTokenizer()


def text_vectors(model: Any, prompts: Prompts, shape: ClipShape, *, half: bool = True) -> torch.Tensor:
    """The vectors 2×D, not normalised, of normal and abnormal; ``half`` rounds deep tokens as published."""
    _check(prompts, shape)
    found = prompts.tensors
    sequences, ends = [], []
    for side in _SIDES:
        ids, context = (
            found[f"tokenized_prompts_{side}"].reshape(-1),
            found[f"ctx_{side}"].reshape(-1, shape.text_width),
        )
        words = model.token_embedding(ids.long())
        prefix = found.get(f"token_prefix_{side}", words[:1]).reshape(-1, shape.text_width)
        suffix = found.get(f"token_suffix_{side}", words[1 + len(context) :]).reshape(-1, shape.text_width)
        sequences.append(torch.cat([prefix, context, suffix])[: shape.context])
        ends.append(int(ids.argmax()))
    # Attention is causal: what follows the last end of a text has no say in it.
    length = max(ends) + 1
    x = torch.stack([sequence[:length] for sequence in sequences])
    deep = [t.half().float() for t in prompts.deep] if half else prompts.deep
    return _encode(model, x, ends, deep)


def _check(prompts: Prompts, shape: ClipShape) -> None:
    """``WeightsError`` unless the tensors fit this CLIP and each other."""
    for name, tensor in prompts.tensors.items():
        if name.startswith("tokenized_prompts_"):
            if tensor.numel() != shape.context or not 0 <= int(tensor.min()) <= int(tensor.max()) < shape.vocabulary:
                raise WeightsError(
                    f"The prompts' {name} are not {shape.context} of the CLIP's {shape.vocabulary} words: they were "
                    "made for another CLIP."
                )
        elif name.startswith(("ctx_", "token_", "compound_prompts_text.")):
            if tensor.shape[-1:] != (shape.text_width,):
                raise WeightsError(
                    f"The prompts are {(tensor.shape or ('no vector',))[-1]} wide ({name}) and the CLIP's texts "
                    f"{shape.text_width}: they were made for another CLIP."
                )
            if not tensor.isfinite().all():
                raise WeightsError(f"The prompts' {name} holds values that are not finite. Get the file again.")
    ends = [int(prompts.tensors[f"tokenized_prompts_{side}"].argmax()) for side in _SIDES]
    for tensor in [*prompts.deep, *(prompts.tensors[f"ctx_{side}"] for side in _SIDES)]:
        if tensor.numel() // shape.text_width >= min(ends):
            raise WeightsError(f"The prompts have more vectors than their texts of {min(ends)} words have room for.")


def plain_vectors(model: Any, texts: Sequence[str], shape: ClipShape) -> torch.Tensor:
    """The vectors N×D, not normalised, of plain texts."""
    ids = tokenize(texts, shape)
    ends = ids.argmax(dim=-1).tolist()
    return _encode(model, model.token_embedding(ids[:, : max(ends) + 1]), ends, [])


def handwritten_vectors(model: Any, shape: ClipShape) -> torch.Tensor:
    """Unit vectors 2×D of normal and abnormal from an ensemble of plain texts on an "object"."""
    rows = []
    for states in STATES:
        texts = [template.format(state.format("object")) for state in states for template in TEMPLATES]
        vectors = functional.normalize(plain_vectors(model, texts, shape), dim=-1)
        rows.append(functional.normalize(vectors.mean(dim=0), dim=-1))
    return torch.stack(rows)


def _encode(model: Any, x: torch.Tensor, ends: Sequence[int], deep: Sequence[torch.Tensor]) -> torch.Tensor:
    length = x.shape[1]
    x = x + model.positional_embedding[:length]
    mask = torch.full((length, length), float("-inf")).triu(1)
    for number, block in enumerate(model.transformer.resblocks):
        if 1 <= number <= len(deep):
            tokens = deep[number - 1]
            x = torch.cat([x[:, :1], tokens.expand(len(x), -1, -1), x[:, 1 + len(tokens) :]], dim=1)
        x = block(x, attn_mask=mask)
    x = model.ln_final(x)[torch.arange(len(x)), torch.tensor(list(ends))]
    return x @ model.text_projection  # type: ignore[no-any-return]
