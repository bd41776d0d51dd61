"""One Gaussian over pooled feature vectors, as in the Gaussian-AD paper, with held-out distances in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.gaussian.folds import equal_groups
from ad_desktop.detectors.gaussian.shrinkage import inverse_factor, ledoit_wolf, quadratic_forms
from ad_desktop.errors import UserError

Matrix = NDArray[np.float64]
ROWS_AT_ONCE = 1024
"""For how many rows held-out distances are found together."""
EPSILON = np.finfo(np.float64).eps
LEAST_SHRINKAGE = 1e-6
"""Ledoit and Wolf's ρ is 0 for two samples, and S singular: this much identity keeps held-out distances exact."""


@dataclass(frozen=True)
class Reduction:
    """Which principal components are kept before the Gaussian: ``kind`` none, pca or npca; ``variance`` the cut t."""

    kind: str = "none"
    variance: float = 0.99


def principal_components(centred: Matrix, reduction: Reduction) -> Matrix | None:
    """The kept principal directions of ``centred`` (n, d) as rows (k, d); None keeps everything.

    With k the first 0-based index at which the cumulative explained variance exceeds t, PCA keeps
    components[:k+1], NPCA components[k−1:]. Directions whose variance is rounding noise are
    dropped. Source: Rippel et al., arXiv 2005.14140, section III-C.
    """
    if reduction.kind == "none":
        return None
    # full_matrices=False: beyond the rank of the data the variance is zero, and dropped below anyway.
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    variances = singular**2
    if variances.sum() <= 0:
        raise UserError("The normal pictures do not differ at all, so their principal components are undefined.")
    rank = int(np.sum(variances > max(centred.shape) * EPSILON * variances[0]))
    cumulative = np.cumsum(variances) / variances.sum()
    exceeds = cumulative > reduction.variance
    k = int(np.argmax(exceeds)) if exceeds.any() else len(variances) - 1
    start, stop = (0, k + 1) if reduction.kind == "pca" else (max(k - 1, 0), len(variances))
    kept = directions[start : min(stop, rank)]
    if len(kept) == 0:
        raise UserError(
            "NPCA keeps no component: too few normal pictures for this cut. Lower 'variance' or add pictures."
        )
    return np.asarray(kept)


class PooledGaussian:
    """Mean and Ledoit-Wolf covariance of vectors; distances are Mahalanobis distances.

    Learned: ``mean_`` (d,), ``basis_`` (k, d) or None, ``whitener_`` (k, k), ``rho_``, ``mu_``.
    """

    def __init__(self, reduction: Reduction | None = None) -> None:
        self.reduction = reduction or Reduction()

    def fit(self, vectors: NDArray[Any], sources: int | None = None) -> PooledGaussian:
        """Fit on rows ``vectors`` (n, d); ``sources`` counts the independent ones among them."""
        rows = np.asarray(vectors, np.float64)
        self.mean_ = rows.mean(axis=0)
        centred = rows - self.mean_
        self.basis_ = principal_components(centred, self.reduction)
        if self.basis_ is not None:
            centred = centred @ self.basis_.T
        self.n_, self.dof_ = centred.shape
        self.scatter_ = centred.T @ centred
        self.mu_ = float(np.trace(self.scatter_)) / self.n_ / self.dof_
        if self.mu_ <= 0:
            raise UserError("The normal pictures look identical to the network. Add pictures that differ.")
        self.rho_ = ledoit_wolf(centred, sources)
        covariance = (1 - self.rho_) * self.scatter_ / self.n_
        covariance[np.diag_indices(self.dof_)] += self._ridge()
        self.whitener_ = inverse_factor(covariance)
        return self

    def _ridge(self) -> float:
        return float(max(self.rho_, LEAST_SHRINKAGE) * self.mu_)

    def reduced(self, vectors: NDArray[Any]) -> Matrix:
        """Rows (n, d) centred and expressed in the kept components (n, k)."""
        centred = np.asarray(vectors, np.float64) - self.mean_
        return centred if self.basis_ is None else np.asarray(centred @ self.basis_.T)

    def distances(self, vectors: NDArray[Any]) -> Matrix:
        """Mahalanobis distances (n,) of rows ``vectors`` (n, d)."""
        # Row by row: one product of them all would round a row differently in every batch.
        centred = (np.asarray(vectors, np.float64) - self.mean_)[:, None]
        reduced = centred if self.basis_ is None else centred @ self.basis_.T
        whitened = (reduced @ self.whitener_.T)[:, 0]
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", whitened, whitened)))

    def held_out(self, vectors: NDArray[Any], groups: Sequence[int], copies: int = 1) -> Matrix:
        """Distance (n,) of each of the fit's own samples when its whole group is left out, at fixed ρ and μ.

        ``vectors`` (n·copies, d) are the rows of the fit, the copies of a sample one after another;
        the first copy is the sample itself and the only one scored. Equal to an explicit refit:
        with α = 1−ρ, n′ = n−g and t the sum of the group's rows dᵢ, the left-out covariance is B − UᵀU with
        B = αn/n′·S + ρμI and the rows √(α/n′)·(dᵢ + (√(n/n′) − 1)/g·t) of U, inverted by Woodbury's identity in
        the eigenbasis of S, where every B is diagonal.
        """
        rows = self.reduced(vectors)
        values, basis = np.linalg.eigh(self.scatter_ / self.n_)
        rotated = (rows @ basis).reshape(len(groups), copies, -1)
        values = np.maximum(values, 0.0)
        result = np.empty(len(groups))
        for members in equal_groups(groups, max(1, ROWS_AT_ONCE // copies)):
            result[members] = self._group_distances(rotated[members], values)
        return result

    def _group_distances(self, members: Matrix, values: Matrix) -> Matrix:
        """Held-out distances (m, g) of m groups' rows (m, g, copies, k), all in the eigenbasis of S."""
        groups, size, copies, features = members.shape
        rows = members.reshape(groups, size * copies, features)
        left, out = self.n_ - size * copies, size * copies
        alpha = 1 - self.rho_
        total = rows.sum(axis=1, keepdims=True)
        diagonal = alpha * self.n_ / left * values + self._ridge()
        update = np.sqrt(alpha / left) * (rows + (np.sqrt(self.n_ / left) - 1) / out * total)
        return np.sqrt(quadratic_forms(members[:, :, 0] + total / left, diagonal, update))
