from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ad_desktop.detectors.upsample import upsample

CASES = [
    ((16, 16), (256, 256)),
    ((16, 16), (301, 517)),
    ((7, 9), (61, 40)),
    ((8, 8), (8, 8)),
    ((16, 12), (9, 5)),
    ((1, 1), (5, 7)),
    ((1, 6), (33, 100)),
    ((2, 64), (1, 1)),
]


def grid_of(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32) * 100


def bilinear(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    given = torch.from_numpy(grid.astype(np.float64))[None, None]
    return torch.nn.functional.interpolate(given, size=size, mode="bilinear", align_corners=False)[0, 0].numpy()


@pytest.mark.parametrize(("shape", "size"), CASES)
def test_without_smoothing_it_is_torchs_bilinear_interpolation(shape: tuple[int, int], size: tuple[int, int]) -> None:
    grid = grid_of(shape)
    result = upsample(grid, size)
    assert result.shape == size
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, bilinear(grid, size), rtol=0, atol=1e-4)


@pytest.mark.parametrize("smoothing", [0.05, 0.5, 2.0])
@pytest.mark.parametrize(("shape", "size"), CASES)
def test_smoothing_is_scipys_gaussian_afterwards(
    shape: tuple[int, int], size: tuple[int, int], smoothing: float
) -> None:
    grid = grid_of(shape)
    sigma = [smoothing * pixels / cells for pixels, cells in zip(size, shape, strict=True)]
    expected = gaussian_filter(bilinear(grid, size), sigma, mode="nearest")
    np.testing.assert_allclose(upsample(grid, size, smoothing), expected, rtol=0, atol=1e-4)


def test_a_constant_stays_constant() -> None:
    np.testing.assert_allclose(upsample(np.full((5, 6), 3.5, np.float32), (50, 70), 1.0), 3.5, rtol=1e-6)


def test_results_are_the_callers_own() -> None:
    grid = grid_of((4, 4))
    first = upsample(grid, (4, 4))
    first[:] = 0
    np.testing.assert_allclose(upsample(grid, (4, 4)), grid, rtol=1e-6)


def test_large_pictures_take_two_thin_products() -> None:
    result = upsample(grid_of((16, 16)), (4096, 3000), 0.5)
    assert result.shape == (4096, 3000)
    assert result.flags.c_contiguous


def test_numpy_is_all_it_imports() -> None:
    code = "import sys, ad_desktop.detectors.upsample; print('torch' in sys.modules, 'scipy' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.split() == ["False", "False"]
