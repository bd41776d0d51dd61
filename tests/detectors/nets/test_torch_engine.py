from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ad_desktop.detectors.nets.torch_engine import MIXED_TOLERANCE, TorchEngine
from ad_desktop.errors import UserError
from ad_desktop.task import Task


class Limited(nn.Module):
    """Runs out of memory for more than ``limit`` inputs."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.batches: list[int] = []

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.batches.append(len(pixels))
        if len(pixels) > self.limit:
            raise torch.OutOfMemoryError
        x = pixels.permute(0, 3, 1, 2).float()
        return x, x[:, :1, ::2, ::2] * 2


def engine(limit: int, batch: int) -> tuple[TorchEngine, Limited]:
    module = Limited(limit)
    made = TorchEngine(module, 8)
    made.batch_size = batch
    return made, module


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(("limit", "size", "tried"), [(3, 2, [8, 4, 2, 2, 2, 2, 2]), (1, 1, [8, 4, 2] + [1] * 10)])
def test_the_batch_halves_until_it_fits_and_stays_so(limit: int, size: int, tried: list[int]) -> None:
    made, module = engine(limit, 8)
    maps, halved = made.run(pixels(10))
    assert np.array_equal(maps, pixels(10).transpose(0, 3, 1, 2))
    assert np.array_equal(halved, maps[:, :1, ::2, ::2] * 2)
    assert module.batches == tried
    assert made.batch_size == size
    made.run(pixels(size))
    assert module.batches[-1] == size


def test_a_single_input_that_does_not_fit_is_told() -> None:
    made, module = engine(0, 4)
    with pytest.raises(UserError, match="memory of cpu does not do for a single input"):
        made.run(pixels(3))
    assert module.batches == [3, 1]


def test_maps_are_whole_float32_arrays_in_nchw_order() -> None:
    made, _ = engine(9, 2)
    for maps in made.run(pixels(3)):
        assert maps.dtype == np.float32
        assert maps.flags.c_contiguous


def test_read_only_pixels_are_fine() -> None:
    fixed = pixels(1)
    fixed.flags.writeable = False
    made, _ = engine(1, 1)
    assert np.array_equal(made.run(fixed)[0][0, 1], fixed[0, :, :, 1])


class Sums(nn.Module):
    """A product that bfloat16 can (``exact``) or cannot represent within the tolerance."""

    def __init__(self, exact: bool) -> None:
        super().__init__()
        weight = torch.ones(3) if exact else torch.tensor([1.0, 1.0, -2.0])
        self.conv = nn.Conv2d(3, 1, 1, bias=False)
        self.conv.weight = nn.Parameter(weight.reshape(1, 3, 1, 1), requires_grad=False)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.conv(pixels.permute(0, 3, 1, 2).float() + (0 if self.conv.weight.sum() else 5000)),)


def test_mixed_precision_is_used_where_it_is_within_tolerance() -> None:
    task = Task()
    exact = TorchEngine(Sums(exact=True), 8).run(pixels(2))[0]
    mixed = TorchEngine(Sums(exact=True), 8, mixed=True, task=task).run(pixels(2))[0]
    assert task.notes == ()
    assert 0 < np.abs(mixed - exact).max() <= MIXED_TOLERANCE * np.abs(exact).max()


def test_mixed_precision_is_off_where_it_is_not() -> None:
    task = Task()
    exact = TorchEngine(Sums(exact=False), 8).run(pixels(2))[0]
    same = TorchEngine(Sums(exact=False), 8, mixed=True, task=task).run(pixels(2))[0]
    assert "Mixed precision is off" in task.notes[0]
    assert np.array_equal(same, exact)


def test_tf32_is_off_during_a_run_and_as_before_after_it() -> None:
    seen: list[bool] = []

    class Looks(nn.Module):
        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            seen.append(torch.backends.cudnn.allow_tf32)
            return (pixels,)

    before = torch.backends.cudnn.allow_tf32
    TorchEngine(Looks(), 8).run(pixels(1))
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu() -> None:
    made, module = engine(99, 4)
    on_cuda = TorchEngine(module, 8, "cuda:0")
    for a, b in zip(made.run(pixels(5)), on_cuda.run(pixels(5)), strict=True):
        assert np.array_equal(a, b)
