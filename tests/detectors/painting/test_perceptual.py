from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scans import aligned
from torch import nn

from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.detectors.nets.inpainting.perceptual import LEVELS, STYLE, Perceptual, gram
from ad_desktop.detectors.nets.inpainting.training import Schedule, Trainer
from ad_desktop.detectors.nets.inpainting.unet import Inpainter
from ad_desktop.detectors.painting.batches import Recipe
from ad_desktop.detectors.painting.params import AutoPaintParams
from ad_desktop.task import Task

RECIPE = Recipe()
SCANS = aligned(6)


@pytest.fixture(scope="module")
def loss() -> Perceptual:
    return Perceptual.default()


def pictures(count: int = 2, channels: int = 1, seed: int = 0) -> torch.Tensor:
    coarse = torch.from_numpy(np.random.default_rng(seed).random((count, channels, 8, 8), dtype=np.float32))
    return nn.functional.interpolate(coarse, (64, 64), mode="bilinear")


def test_gram_matrices_are_those_of_numpy() -> None:
    maps = pictures(2, 3)
    expected = np.einsum("nchw,ndhw->ncd", maps.numpy(), maps.numpy()) / 64**2
    np.testing.assert_allclose(gram(maps).numpy(), expected, rtol=1e-5)


def test_the_loss_is_the_difference_of_the_backbones_levels(loss: Perceptual) -> None:
    found, truth = pictures(seed=1), pictures(seed=2)
    grey = [(255 * p[:, 0, :, :, None]).repeat(1, 1, 1, 3) for p in (found, truth)]
    expected = 0.0
    for mine, theirs in zip(*(loss.features(g) for g in grey), strict=True):
        expected += float(nn.functional.l1_loss(mine, theirs) / theirs.abs().mean())
        ours, others = (torch.einsum("nchw,ndhw->ncd", m, m) / m[0, 0].numel() for m in (mine, theirs))
        expected += STYLE * float(nn.functional.l1_loss(ours, others) / others.abs().mean())
    assert float(loss(found, truth)) == pytest.approx(expected, rel=1e-4)
    assert [m.shape[2] for m in loss.features(grey[0])] == [32, 16, 8][: len(LEVELS)]
    assert float(loss(truth, truth)) == 0


def test_every_channel_counts_and_texture_more_than_brightness(loss: Perceptual) -> None:
    truth = pictures(2, 2, seed=3)
    one = truth.clone()
    one[:, 1] = pictures(2, 1, seed=4)[:, 0]
    assert 0 < float(loss(one, truth)) < float(loss(pictures(2, 2, seed=5), truth))
    noise = torch.from_numpy(np.random.default_rng(6).choice([-0.05, 0.05], truth.shape).astype(np.float32))
    # Both are off by as much in every pixel.
    assert float(loss(truth + noise, truth)) > 2 * float(loss(truth + 0.05, truth))


def test_its_gradient_leads_to_the_true_slice_and_its_network_does_not_learn(loss: Perceptual) -> None:
    truth = pictures(1, seed=7)
    found = pictures(1, seed=8).requires_grad_()
    before = float(loss(found.detach(), truth))
    apart = float((found.detach() - truth).abs().mean())
    optimiser = torch.optim.Adam([found], 0.02)
    for _ in range(40):
        optimiser.zero_grad()
        loss(found, truth).backward()
        optimiser.step()
    assert float(loss(found.detach(), truth)) < 0.7 * before
    assert float((found.detach() - truth).abs().mean()) < 0.8 * apart
    assert not any(p.requires_grad or p.grad is not None for p in loss.parameters())


def trainer(weight: float, checkpoint: Path | None = None) -> Trainer:
    torch.manual_seed(3)
    net = Inpainter(RECIPE.inputs, widths=(8, 8, 8))
    return Trainer(net, RECIPE, Schedule(4, batch=2, validate=2, perceptual=weight), 2.0, checkpoint=checkpoint)


def test_a_fit_with_it_ends_with_other_weights_of_the_same_network() -> None:
    plain, with_it = (trainer(weight).fit(SCANS[:4], SCANS[4:], Task()) for weight in (0.0, 0.5))
    assert plain.keys() == with_it.keys()
    assert any(not torch.equal(plain[name], with_it[name]) for name in plain)
    assert trainer(0.0).perceptual is None


def test_the_paper_preset_has_eight_levels_and_learns_from_squares_of_256_pixels() -> None:
    plan = AutoPaint(AutoPaintParams(network="paper", spacing=1.0, perceptual=0.2))._plan()
    assert len(plan.widths) == 8
    assert plan.recipe.crop_mm == 256
    assert plan.schedule.perceptual == 0.2
    assert AutoPaint(replace(AutoPaintParams(), spacing=1.0))._plan().recipe.crop_mm == 128
