"""A fit that was interrupted, on disk: one safetensors file with its step and losses as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ad_desktop.data.atomic import atomic_path
from ad_desktop.errors import ModelFileError

FORMAT = 1
KEY = "ad-desktop-inpainting"


@dataclass
class Progressed:
    """How far a fit is: averaged and best weights, and the loss of the best."""

    average: dict[str, Tensor]
    best: dict[str, Tensor]
    step: int = 0
    best_loss: float = float("inf")

    @classmethod
    def of(cls, net: nn.Module) -> Progressed:
        """The start."""
        weights = net.state_dict()
        return cls({k: v.clone() for k, v in weights.items()}, {k: v.clone() for k, v in weights.items()})


def write_checkpoint(path: Path, net: nn.Module, optimiser: torch.optim.Optimizer, state: Progressed) -> None:
    """Save all that is needed to go on; the file appears whole or not at all."""
    tensors = {f"net.{k}": v for k, v in net.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in state.average.items()}
    tensors |= {f"best.{k}": v for k, v in state.best.items()}
    for index, entry in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in entry.items()}
    best = None if state.best_loss == float("inf") else state.best_loss
    told = {KEY: json.dumps({"format": FORMAT, "step": state.step, "best_loss": best})}
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, told)


def read_checkpoint(path: Path, net: nn.Module, optimiser: torch.optim.Optimizer, device: str) -> Progressed:
    """Put network and optimiser where they were; ``ModelFileError`` if the file is damaged or of another network."""
    try:
        with safe_open(path, "pt", device=device) as file:
            told = json.loads((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        net.load_state_dict(_part(tensors, "net."))
        entries: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, "optimiser.").items():
            index, key = name.split(".", 1)
            entries.setdefault(int(index), {})[key] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": entries})
        best_loss = float("inf") if told["best_loss"] is None else float(told["best_loss"])
        return Progressed(_part(tensors, "average."), _part(tensors, "best."), int(told["step"]), best_loss)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelFileError(f"{path}: this fit cannot be resumed ({error}). Delete the file and fit anew.") from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
