"""Reads CLIP weights from files of any usual kind; nothing in them is ever executed. Importing this imports torch."""

from __future__ import annotations

import lzma
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ad_desktop.errors import WeightsError

Tensors = dict[str, torch.Tensor]

_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")


def read_clip(path: Path) -> Tensors:
    """The tensors of a CLIP file, named as open_clip names them.

    Known are ``.safetensors`` (also packed as ``.xz``), what ``torch.save`` wrote, and TorchScript archives such as
    OpenAI's ``.pt``. ``WeightsError`` for a damaged file, or one that does not hold tensors by name.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _read(path)
    except WeightsError:
        raise
    except Exception as error:  # damaged files raise almost anything
        raise WeightsError(
            f"{path} cannot be read as CLIP weights: it is damaged or incomplete, or no file of tensors. Get it again; "
            "a .safetensors file, a state dict saved with torch.save, or OpenAI's .pt is needed."
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not found or not all(isinstance(t, torch.Tensor) for t in found.values()):
        raise WeightsError(f"{path} is not a state dict, that is, tensors by name. Save model.state_dict() instead.")
    return {_plain(str(name)): tensor for name, tensor in found.items()}


def is_openai(tensors: Tensors) -> bool:
    """Whether the weights come from OpenAI, whose files are half precision: their networks use QuickGELU.

    Files of theirs carry three numbers of their own, or matrices that half precision holds exactly.
    """
    if any(name in tensors for name in _NOT_WEIGHTS):
        return True
    matrices = [t for name, t in tensors.items() if name.startswith("visual.") and t.ndim >= 2]
    return all(bool((t.half().float() == t.float()).all()) for t in matrices[:8])


def _plain(name: str) -> str:
    # As trained in parallel, and with a text tower of its own.
    return name.removeprefix("module.").removeprefix("text.")


def _read(path: Path) -> Any:
    from safetensors.torch import load, load_file

    if path.name.lower().endswith(".safetensors.xz"):
        with lzma.open(path) as packed:
            return load(packed.read())
    if path.suffix.lower() == ".safetensors":
        return load_file(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                return _read_torchscript(archive, path)
    return torch.load(path, map_location="cpu", weights_only=True)


class _Part:
    """Stands for any object of a TorchScript archive: it has attributes and can do nothing."""


class _Tensors(pickle.Unpickler):
    """Reads the tensors of a TorchScript archive, whose program is not looked at, let alone run.

    ``torch.jit.load`` would compile the program; here every name in the pickle stands for an inert object, but
    for the handful that make up a tensor.
    """

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(archive.open(f"{root}/data.pkl"))
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuild_parameter
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module.startswith("__torch__"):
            return type(name, (_Part,), {})
        raise WeightsError(f"the archive names {module}.{name}, which has no place among weights")

    def persistent_load(self, pid: Any) -> torch.Tensor:
        _, kind, key, _, _ = pid
        raw = bytearray(self._archive.read(f"{self._root}/data/{key}"))
        return torch.frombuffer(raw, dtype=kind) if raw else torch.empty(0, dtype=kind)


_STORAGES = {
    "FloatStorage": torch.float32, "HalfStorage": torch.float16, "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "BoolStorage": torch.bool, "ByteStorage": torch.uint8,
}  # fmt: skip


def _rebuild(storage: torch.Tensor, offset: int, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    return torch.as_strided(storage, tuple(size), tuple(stride), int(offset))


def _rebuild_parameter(data: torch.Tensor, *_: Any) -> torch.Tensor:
    return data


def _read_torchscript(archive: zipfile.ZipFile, path: Path) -> Tensors:
    root = next(name for name in archive.namelist() if name.endswith("/constants.pkl")).rpartition("/")[0]
    found: Tensors = {}
    try:
        _collect(_Tensors(archive, root).load(), "", found)
    except WeightsError as error:
        raise WeightsError(
            f"{path} is a TorchScript archive that cannot be read without running it ({error}). Convert it where you "
            "trust it: torch.save(torch.jit.load(FILE).state_dict(), NEW)."
        ) from error
    return found


def _collect(part: Any, prefix: str, found: Tensors) -> None:
    for name, value in vars(part).items():
        if isinstance(value, torch.Tensor):
            found[prefix + name] = value
        elif isinstance(value, _Part):
            _collect(value, f"{prefix}{name}.", found)
