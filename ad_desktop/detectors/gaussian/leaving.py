"""Held-out distances in single precision, in coordinates in which a group's leaving is a small change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.gaussian.shrinkage import inverse_factor

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]
Array = NDArray[Any]

SMALL = 0.3
"""Frobenius norm of a change up to which the series for the inverse is short."""
LARGEST = 20.0
"""Largest entry of an inverse whose rounding in single precision stays below 1e-5 of a distance."""
TOLERANCE = 2e-7
"""Of squared distances: where the series is cut."""
STRIP = 96
"""Columns of a triangular matrix that are multiplied at once: what is zero above them is left out."""


class Statistics(NamedTuple):
    """What a cell Gaussian knows: ``n`` samples, ``means`` (P, d), ``scatter`` (d, d), and how it shrinks them.

    ``alpha`` = 1−ρ and ``ridge`` = ρμ shrink the covariance, ``prior`` samples' worth of weight the means.
    """

    n: int
    means: Matrix
    scatter: Matrix
    alpha: float
    ridge: float
    prior: float


@dataclass(frozen=True)
class Leaving:
    """What groups of one size share when they leave.

    With Rᵢ the offsets (P, d) of a group's g samples from the cells' means, T their sum, M the means less
    their mean over the cells, n′ = n−g and c = 5/(n′+5), the others' shrunk covariance is B − s·YᵀY, where
    s = (1−ρ)/(n′P), B = s·(S + (n′c² + gδ²)·MᵀM) + ρμI depends on g only, and Y has the rows Rᵢ + γT + δM and
    c·√(P/n′) times the mean row of T, with e = √(1 + g(1−c²)/n′), γ = (e−1)/g and δ = c²/e. The offsets from
    the others' centres are Wᵢ = Rᵢ + (1−c)/n′·T + cM + c/n′ times the mean row of T.

    In coordinates in which B is the identity the rest is well conditioned, so that single precision does:
    ``whitener`` (d, d), upper triangular, leads there from offsets in rows. What follows is in these coordinates:
    ``update`` (P, d) makes Y of single samples' e·Rᵢ or of Rᵢ + γT, ``residual`` (P, d) Wᵢ of single samples' Y or
    of Rᵢ + (1−c)/n′·T; both make up for the rounding of the means (P, d) in ``centres``.
    """

    size: int
    left: int
    lost: float
    grown: float
    scale: float
    centres: Single
    whitener: Single
    update: Single
    residual: Single

    @classmethod
    def of(cls, known: Statistics, size: int) -> Leaving:
        """For groups of ``size`` samples; at least one sample has to remain."""
        cells, features = known.means.shape
        left = known.n - size
        lost = known.prior / (left + known.prior)
        grown = float(np.sqrt(1 + size * (1 - lost**2) / left))
        mixed = lost**2 / grown
        scale = known.alpha / (left * cells)
        offsets = known.means - known.means.mean(axis=0)
        base: Matrix = offsets.T @ offsets
        base *= left * lost**2 + size * mixed**2
        base += known.scatter
        base *= scale
        base.ravel()[:: features + 1] += known.ridge
        whitener = inverse_factor(base).T
        centres = known.means.astype(np.float32)
        means, rounding = offsets @ whitener, (known.means - centres) @ whitener
        update = mixed * means - grown * rounding
        if size == 1:
            whitener = grown * whitener
            residual = (lost - (1 + (1 - lost) / left) / grown * mixed) * means
        else:
            residual = lost * means - (1 + size * (1 - lost) / left) * rounding
        constants = (np.ascontiguousarray(x, np.float32) for x in (centres, whitener, update, residual))
        return cls(size, left, lost, grown, scale, *constants)

    def distances(self, members: NDArray[Any]) -> Single | None:
        """Distances (g, P) of a group's samples (g, P, d) to the model without it; None where it changes too much."""
        rows = upper_product(np.subtract(members, self.centres, dtype=np.float32), self.whitener)
        update, residuals = self._single(rows[0]) if self.size == 1 else self._several(rows)
        if len(update) > update.shape[1]:
            inverse = self._inverse(update.T @ update)
            squared = None if inverse is None else np.einsum("ij,ij->i", residuals @ inverse, residuals)
        else:
            inverse = self._inverse(update @ update.T)
            squared = None if inverse is None else self._by_rows(residuals, update, inverse)
        return None if squared is None else np.sqrt(squared, out=squared).reshape(members.shape[:2])

    def _single(self, rows: Single) -> tuple[Single, Single]:
        """Y (P + 1, d) and W (P, d) of one sample from e·R (P, d), which is lost."""
        update = np.empty((len(rows) + 1, rows.shape[1]), np.float32)
        np.add(rows, self.update, out=update[:-1])
        mean = _mean(update[:-1])
        np.multiply(mean, self._overall / self.grown, out=update[-1])
        residuals = np.multiply(update[:-1], np.float32((1 + (1 - self.lost) / self.left) / self.grown), out=rows)
        residuals += self.residual
        residuals += np.float32(self.lost / self.left / self.grown) * mean
        return update, residuals

    def _several(self, rows: Single) -> tuple[Single, Single]:
        """Y (gP + 1, d) and W (gP, d) of a group's R (g, P, d), which is lost."""
        group, cells, features = rows.shape
        total = rows.sum(axis=0)
        update = np.empty((group * cells + 1, features), np.float32)
        shift = np.float32((self.grown - 1) / group) * total
        shift += self.update
        np.add(rows, shift, out=update[:-1].reshape(rows.shape))
        mean = _mean(update[:-1]) * np.float32(group / self.grown)
        np.multiply(mean, self._overall, out=update[-1])
        total *= np.float32((1 - self.lost) / self.left)
        total += self.residual
        total += np.float32(self.lost / self.left) * mean
        rows += total
        return update, rows.reshape(-1, features)

    @property
    def _overall(self) -> np.float32:
        """The weight of the mean row of T in Y."""
        return np.float32(self.lost * np.sqrt(len(self.centres) / self.left))

    def _inverse(self, products: Single) -> Single | None:
        products *= np.float32(self.scale)
        return inverse_of_rest(products)

    def _by_rows(self, residuals: Single, update: Single, inverse: Single) -> Single:
        """w(I − s·YᵀY)⁻¹wᵀ for each row w by way of (I − s·YYᵀ)⁻¹, the smaller one where Y has few rows."""
        projected = residuals @ update.T
        squared = np.einsum("ij,ij->i", projected @ inverse, projected)
        squared *= np.float32(self.scale)
        squared += np.einsum("ij,ij->i", residuals, residuals)
        return np.asarray(squared)


def _mean(rows: Single) -> Single:
    """The mean row, as a product: a third of the time of numpy's own."""
    return np.full(len(rows), 1 / len(rows), np.float32) @ rows


def upper_product(rows: Single, factor: Single) -> Single:
    """The product of rows (…, d) and an upper triangular ``factor`` (d, d)."""
    found = np.empty_like(rows)
    features = len(factor)
    flat, into = rows.reshape(-1, features), found.reshape(-1, features)
    for start in range(0, features, STRIP):
        stop = min(start + STRIP, features)
        np.matmul(flat[:, :stop], factor[:stop, start:stop], out=into[:, start:stop])
    return found


def inverse_of_rest(change: Single) -> Single | None:
    """(I − F)⁻¹ for F (d, d) with eigenvalues from 0 to below 1; None where single precision would not do."""
    flat = change.ravel()
    norm = float(np.sqrt(flat @ flat))
    if norm <= SMALL:
        return _series(change, norm)
    rest = -change
    rest.ravel()[:: len(rest) + 1] += 1
    try:
        inverse = np.linalg.inv(rest)
    except np.linalg.LinAlgError:
        return None
    # Written so that what is no number is refused as well.
    return inverse if np.abs(inverse).max() <= LARGEST else None


def _series(change: Single, norm: float) -> Single:
    """1 + F + F² + … of a small F with this norm, three powers at a time."""
    square = change @ change.T
    cube = square @ change
    square += change
    first = found = np.add(square, cube, out=square)
    rest = norm**4
    while rest > TOLERANCE * (1 - norm):
        found = cube @ found
        found += first
        rest *= norm**3
    found.ravel()[:: len(found) + 1] += 1
    return np.asarray(found)
