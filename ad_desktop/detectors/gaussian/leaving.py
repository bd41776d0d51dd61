"""Held-out distances from the whole model's own whitening, where a group's leaving changes little."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Array = NDArray[Any]

LARGEST_CHANGE = 0.3
"""Frobenius norm of the change up to which its rounding in single precision stays below that of the result."""
TOLERANCE = 1e-8
"""Of squared distances: where the series for the inverse is cut."""


@dataclass(frozen=True)
class Leaving:
    """What leaving groups share: all in coordinates in which the whole model's covariance is the identity.

    There a model without a group has the covariance I − F with a small F: only ‖w‖² needs double
    precision, its correction wᵀ((I−F)⁻¹ − I)w does not. ``whitener`` (d, d) is W = L⁻¹; ``means``
    (P, d) are the cells' means, ``offsets`` (P, d) the same less their mean over cells, whitened;
    ``scatter`` (d, d) is WSWᵀ, ``identity`` (d, d) WWᵀ; n samples, ``alpha`` = 1−ρ, ``ridge`` = ρμ.
    """

    n: int
    means: Matrix
    whitener: Matrix
    offsets: Matrix
    scatter: Matrix
    identity: Matrix
    alpha: float
    ridge: float
    prior: float
    kept: dict[int, Single] = field(default_factory=dict)

    @classmethod
    def of(
        cls, n: int, means: Matrix, scatter: Matrix, whitener: Matrix, alpha: float, ridge: float, prior: float
    ) -> Leaving:
        """From the statistics of ``CellGaussian`` and the inverse factor of its covariance."""
        offsets = (means - means.mean(axis=0)) @ whitener.T
        scatter = whitener @ scatter @ whitener.T
        return cls(n, means, whitener, offsets, scatter, whitener @ whitener.T, alpha, ridge, prior)

    def distances(self, members: NDArray[Any]) -> Single | None:
        """Distances (g, P) of a group's samples (g, P, d) to the model without it; None where it changes too much."""
        size, cells, features = members.shape
        left = self.n - size
        rows = (members - self.means).reshape(-1, features) @ self.whitener.T
        shift = rows.reshape(members.shape).sum(axis=0) / left
        lost = (self.offsets - (shift - shift.mean(axis=0))) * (self.prior / (left + self.prior))
        inverse = _inverse_less_identity(self._change(rows, shift, lost, left))
        if inverse is None:
            return None
        rows.reshape(members.shape)[:] += shift + lost
        residuals = rows.astype(np.float32)
        squared = np.einsum("ij,ij->i", rows, rows) + np.einsum("ij,ij->i", residuals @ inverse, residuals)
        return np.asarray(np.sqrt(squared).reshape(size, cells), np.float32)

    def _change(self, rows: Array, shift: Array, lost: Array, left: int) -> Single:
        """F (d, d): the identity less the whitened covariance of the others."""
        rows, shift, lost = rows.astype(np.float32), shift.astype(np.float32), lost.astype(np.float32)
        gone = rows.T @ rows
        gone += np.float32(left) * (shift.T @ shift - lost.T @ lost)
        gone *= np.float32(self._scale(left))
        gone += self._rescaled(left)
        return gone

    def _rescaled(self, left: int) -> Single:
        """The part of F (d, d) that depends on the number of others only; in double precision, since I cancels."""
        found = self.kept.get(left)
        if found is None:
            whole = np.eye(len(self.scatter)) - self._scale(left) * self.scatter - self.ridge * self.identity
            found = self.kept[left] = whole.astype(np.float32)
        return found

    def _scale(self, left: int) -> float:
        """Factor from the scatter of ``left`` samples to their part of the shrunk covariance."""
        return self.alpha / (left * len(self.means))


def _inverse_less_identity(change: Single) -> Single | None:
    """(I − F)⁻¹ − I for a small F (d, d), as F + F² + …; None where F is not small."""
    norm = float(np.linalg.norm(change))
    # Written so that a norm that is no number is refused as well.
    if not norm <= LARGEST_CHANGE:
        return None
    found, power = change, change
    while norm > 0 and norm**2 / (1 - norm) > TOLERANCE:
        # The sum up to F^(2k−1) gives the one up to F^(4k−1): (1 + F^2k) times it.
        power, norm = power @ power, norm**2
        found = found + power + power @ found
    return found
