"""Runs a network through torch, on a CUDA device or the CPU. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import nn

from ad_desktop.detectors.base import Array, FloatArray
from ad_desktop.errors import UserError
from ad_desktop.task import Task

MIXED_TOLERANCE = 1e-2
"""Largest accepted difference of mixed precision from float32: relative to the largest value of a map, or as asked."""

# Batches that keep a graphics card busy; on the CPU a batch only spoils the processor's cache.
_CUDA_PIXELS = 32 * 256 * 256
_CPU_BATCH = 1


Difference = Callable[[Sequence[FloatArray], Sequence[FloatArray]], float]
"""How far maps (first) are from exact ones."""


def relative_difference(maps: Sequence[FloatArray], exact: Sequence[FloatArray]) -> float:
    """The largest difference, relative to the largest value of each exact map."""
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(maps, exact, strict=True))


class TorchEngine:
    """A network in torch, float32 with TF32 off, channels-last.

    ``module`` takes N×S×S×3 pixels in 0..255 and returns a tuple of maps. When CUDA memory runs out the batch is
    halved, down to one input, and stays so. ``mixed`` asks for half precision, which is used only if
    the maps of a random input stay within ``MIXED_TOLERANCE`` of float32, as ``off`` measures it.
    """

    name = "torch"

    def __init__(
        self, module: nn.Module, side: int, device: str = "cpu", *, mixed: bool = False, task: Task | None = None,
        off: Difference | None = None,
    ) -> None:  # fmt: skip
        self.device = device
        self.batch_size = _CPU_BATCH if device == "cpu" else max(1, _CUDA_PIXELS // side**2)
        self._module = module.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mixed = False
        self._off = off or relative_difference
        if mixed:
            self._mixed = self._mixed_fits(side, task or Task())

    @property
    def precision(self) -> str:
        """What the network computes in: float32, or the half precision that was found good enough."""
        return str(self._half).removeprefix("torch.") if self._mixed else "float32"

    @property
    def _half(self) -> torch.dtype:
        return torch.bfloat16 if self.device == "cpu" else torch.float16

    def run(self, pixels: Array) -> list[FloatArray]:
        """Compute the levels' maps, one N×C×H×W array each; ``UserError`` if memory does not do for one input."""
        found: list[list[FloatArray]] = []
        done = 0
        while done < len(pixels):
            chunk = pixels[done : done + self.batch_size]
            maps = self._try_forward(chunk)
            if maps is None:
                self._shrink(len(chunk))
            else:
                found.append(maps)
                done += len(chunk)
        return [np.concatenate(maps) for maps in zip(*found, strict=True)]

    def _try_forward(self, pixels: Array) -> list[FloatArray] | None:
        # The error must be gone before memory is given back: its traceback holds the tensors.
        try:
            return self._forward(pixels)
        except torch.OutOfMemoryError:
            return None

    def _forward(self, pixels: Array) -> list[FloatArray]:
        # Torch warns of arrays that cannot be written, such as those Pillow gives.
        tensor = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
        if self.device != "cpu":
            tensor = tensor.pin_memory().to(self.device, non_blocking=True)
        with torch.inference_mode(), _exact_convolutions(), self._precision():
            return [maps.float().contiguous().cpu().numpy() for maps in self._module(tensor)]

    def _precision(self) -> AbstractContextManager[object]:
        if not self._mixed:
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=self._half)

    def _shrink(self, tried: int) -> None:
        if tried <= 1:
            raise UserError(
                f"The memory of {self.device} does not do for a single input. Close other programs that use it, "
                "choose a smaller input side or backbone, or the device cpu."
            )
        self.batch_size = tried // 2
        if self.device != "cpu":
            torch.cuda.empty_cache()

    def _mixed_fits(self, side: int, task: Task) -> bool:
        pixels = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
        exact = self.run(pixels)
        self._mixed = True
        difference = self._off(self.run(pixels), exact)
        if difference <= MIXED_TOLERANCE:
            return True
        task.note(f"Mixed precision is off: it would change what the network says by {difference:.1%}.")
        return False


def _exact_convolutions() -> AbstractContextManager[None]:
    # TF32 keeps 10 bits of a mantissa, and cuDNN uses it unless told otherwise.
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
