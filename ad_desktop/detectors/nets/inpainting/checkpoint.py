"""A fit that was interrupted, on disk: one safetensors file with its step and losses as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
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
class Losses:
    """Pairs of step and loss: of training, averaged over the steps between, and of healthy scans kept apart."""

    training: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)


@dataclass
class Progressed:
    """How far a fit is: averaged and best weights, the loss of the best, and all losses so far."""

    average: dict[str, Tensor]
    best: dict[str, Tensor]
    step: int = 0
    best_loss: float = float("inf")
    losses: Losses = field(default_factory=Losses)

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
    facts = {"format": FORMAT, "step": state.step, "best_loss": best, "losses": asdict(state.losses)}
    told = {KEY: json.dumps(facts)}
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
        losses = Losses(**{
            name: [(int(step), float(loss)) for step, loss in pairs] for name, pairs in told.get("losses", {}).items()
        })  # fmt: skip
        return Progressed(_part(tensors, "average."), _part(tensors, "best."), int(told["step"]), best_loss, losses)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelFileError(f"{path}: this fit cannot be resumed ({error}). Delete the file and fit anew.") from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
