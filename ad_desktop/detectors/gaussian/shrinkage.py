"""Covariance shrinkage towards a scaled identity: Σ̂ = (1−ρ)·S + ρ·μ·I with μ = tr(S)/d."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
LEAF = 64
"""Side of the triangular matrices that are inverted whole."""


def ledoit_wolf(centred: Matrix, sources: int | None = None) -> float:
    """Ledoit-Wolf's shrinkage ρ in [0, 1] for ``centred`` rows (n, d), S with divisor n.

    ``sources`` is the number of independent rows where some are augmented copies of others: the
    variance of S, which ρ weighs against its bias, falls with independent rows only.
    Source: Ledoit and Wolf, J. Multivariate Analysis 88 (2004), eq. 14, in the closed form
    β = (Σᵢ‖xᵢ‖⁴/n − ‖S‖²)/(d·n), δ = (‖S‖² − d·μ²)/d, ρ = min(β, δ)/δ.
    """
    n, d = centred.shape
    if d == 1:
        return 0.0  # S is its own target; rounding would decide between 0 and 1
    squared = np.einsum("ij,ij->i", centred, centred)
    mu = squared.sum() / n / d
    # ‖S‖² from whichever Gram matrix is the smaller one.
    gram = centred.T @ centred if d <= n else centred @ centred.T
    norm = np.einsum("ij,ij->", gram, gram) / n**2
    beta = (np.dot(squared, squared) / n - norm) / (d * (sources or n))
    delta = (norm - d * mu**2) / d
    return 0.0 if delta <= 0 else float(np.clip(min(beta, delta) / delta, 0.0, 1.0))


def oas(covariance: Matrix, n: int) -> float:
    """Oracle-approximating shrinkage ρ in [0, 1] for a covariance (d, d) of ``n`` rows.

    Needs tr(S) and ‖S‖² only, so it follows when rows join or leave.
    Source: Chen, Wiesel, Eldar, Hero, IEEE Trans. Signal Processing 58 (2010), eq. 23, with the
    terms in 2/d dropped, as scikit-learn's ``OAS`` has it.
    """
    d = len(covariance)
    alpha = float(np.mean(covariance**2))
    mu_squared = (float(np.trace(covariance)) / d) ** 2
    denominator = (n + 1) * (alpha - mu_squared / d)
    return 1.0 if denominator <= 0 else float(min((alpha + mu_squared) / denominator, 1.0))


def inverse_factor(covariance: Matrix) -> Matrix:
    """W with ‖W·x‖² = xᵀΣ⁻¹x, the inverse of Σ's lower Cholesky factor (d, d).

    Raises ``numpy.linalg.LinAlgError`` if Σ is not positive definite.
    """
    return inverse_of_lower(np.asarray(np.linalg.cholesky(covariance), np.float64))


def inverse_of_lower(factor: Matrix) -> Matrix:
    """The inverse of a lower triangular ``factor`` (d, d), itself lower triangular.

    By halves, so that the work is in products. Not by scipy's, whose import takes longer than an update of a model.
    """
    features = len(factor)
    if features <= LEAF:
        return np.tril(np.linalg.inv(factor))
    half = features // 2
    inverse = np.zeros_like(factor)
    upper, lower = inverse_of_lower(factor[:half, :half]), inverse_of_lower(factor[half:, half:])
    inverse[:half, :half], inverse[half:, half:] = upper, lower
    inverse[half:, :half] = lower @ factor[half:, :half] @ -upper
    return inverse


def quadratic_forms(rows: Matrix, diagonal: Matrix, update: Matrix) -> Matrix:
    """wᵀ(diag(b) − ZᵀZ)⁻¹w for each row w of rows (n, m, d), all of one of n groups with the same Z; returns (n, m).

    b is ``diagonal`` (d,), Z ``update`` (n, r, d). By Woodbury's identity where r < d, else by factorising
    the difference.
    """
    if update.shape[1] >= len(diagonal):
        whole = np.diag(diagonal)
        return np.stack([squared_norms(whole - z.T @ z, w) for w, z in zip(rows, update, strict=True)])
    scaled = update / diagonal
    across = scaled.swapaxes(1, 2)
    capacitance = np.eye(update.shape[1]) - update @ across
    projected = rows @ across
    correction = projected * np.linalg.solve(capacitance, projected.swapaxes(1, 2)).swapaxes(1, 2)
    return np.asarray((rows / diagonal * rows).sum(axis=2) + correction.sum(axis=2))


def squared_norms(covariance: Matrix, rows: Matrix) -> Matrix:
    """wᵀΣ⁻¹w (m,) for each row w (m, d) of a positive definite Σ (d, d)."""
    white = rows @ inverse_factor(covariance).T
    return np.asarray(np.einsum("ij,ij->i", white, white))
