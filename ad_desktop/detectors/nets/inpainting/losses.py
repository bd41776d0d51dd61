"""What the inpainter is trained to make small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ad_desktop.detectors.nets.inpainting.unet import Painted

HIDDEN, PYRAMID, LIKELIHOOD, DOUBT = 5.0, 1.0, 0.2, 1.0
PYRAMID_LEVELS = 3


def painting_loss(
    painted: Painted, truth: Tensor, changed: Tensor, hidden: Tensor, body: Tensor, judged: Tensor
) -> Tensor:
    """L1 where the input was changed or hidden, and elsewhere; Laplacian pyramid; Laplace likelihood; doubt.

    ``truth`` N×C×H×W; ``changed`` (blots and noise), ``hidden`` (holes), ``body``, and where doubt is ``judged``
    N×1×H×W, 0 or 1.
    """
    error = (painted.image - truth).abs().mean(dim=1, keepdim=True)
    lost = torch.maximum(changed, hidden) * body
    kept = body - lost
    composite = torch.where(lost > 0, painted.image, truth)
    scale = painted.log_scale
    likelihood = _mean(error.detach() * torch.exp(-scale) + scale, lost)
    doubt = _mean(functional.binary_cross_entropy_with_logits(painted.doubt, changed, reduction="none"), judged)
    loss: Tensor = (
        HIDDEN * _mean(error, lost) + _mean(error, kept) + PYRAMID * laplacian_loss(composite, truth)
        + LIKELIHOOD * likelihood + DOUBT * doubt
    )  # fmt: skip
    return loss


def laplacian_loss(found: Tensor, truth: Tensor) -> Tensor:
    """Sum over levels of the mean absolute difference of two Laplacian pyramids (N×C×H×W)."""
    difference = found - truth
    total: Tensor = found.new_zeros(())
    for level in range(PYRAMID_LEVELS):
        coarse = functional.avg_pool2d(difference, 2)
        fine = difference - functional.interpolate(coarse, scale_factor=2.0)
        total = total + fine.abs().mean() * 2**level
        difference = coarse
    coarsest: Tensor = difference.abs().mean() * 2**PYRAMID_LEVELS
    return total + coarsest


def _mean(values: Tensor, where: Tensor) -> Tensor:
    mean: Tensor = (values * where).sum() / where.sum().clamp(min=1)
    return mean
