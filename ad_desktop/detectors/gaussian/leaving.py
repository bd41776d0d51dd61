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

SMALL = 0.45
"""Largest eigenvalue of a change up to which the series for the inverse is short."""
LARGEST = 20.0
"""Largest entry of an inverse whose rounding in single precision stays below 1e-5 of a distance."""
TOLERANCE = 1e-6
"""Of squared distances: where the series is cut."""
STRIP = 64
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

    def distances(self, members: NDArray[Any]) -> tuple[Single, NDArray[np.bool_]]:
        """Distances (m, g, P) of m groups' samples (m, g, P, d) to the model without each, and which (m,) are valid.

        Not valid are those of a group without which the model changes too much for single precision.
        """
        groups, size, _, features = members.shape
        offsets = np.subtract(members, self.centres, dtype=np.float32).reshape(groups, -1, features)
        rows = upper_product(offsets, self.whitener)
        update, residuals = self._single(rows) if size == 1 else self._several(rows.reshape(members.shape))
        across = update.swapaxes(1, 2)
        by_features = update.shape[1] > features
        changes = across @ update if by_features else update @ across
        changes *= np.float32(self.scale)
        inverse, valid = inverses_of_rest(changes)
        if by_features:
            squared = np.einsum("mij,mij->mi", residuals @ inverse, residuals)
        else:
            # By way of (I − s·YYᵀ)⁻¹, the smaller one where Y has few rows.
            projected = residuals @ across
            squared = np.einsum("mij,mij->mi", projected @ inverse, projected)
            squared *= np.float32(self.scale)
            squared += np.einsum("mij,mij->mi", residuals, residuals)
        return np.sqrt(squared, out=squared).reshape(members.shape[:3]), valid

    def _single(self, rows: Single) -> tuple[Single, Single]:
        """Y (m, P + 1, d) and W (m, P, d) of single samples from their e·R (m, P, d), which are lost."""
        groups, cells, features = rows.shape
        update = np.empty((groups, cells + 1, features), np.float32)
        np.add(rows, self.update, out=update[:, :-1])
        mean = _mean(update[:, :-1])
        np.multiply(mean, self._overall / self.grown, out=update[:, -1:])
        residuals = np.multiply(update[:, :-1], np.float32((1 + (1 - self.lost) / self.left) / self.grown), out=rows)
        residuals += self.residual
        residuals += np.float32(self.lost / self.left / self.grown) * mean
        return update, residuals

    def _several(self, rows: Single) -> tuple[Single, Single]:
        """Y (m, gP + 1, d) and W (m, gP, d) of groups' R (m, g, P, d), which are lost."""
        groups, size, cells, features = rows.shape
        total = rows.sum(axis=1)
        update = np.empty((groups, size * cells + 1, features), np.float32)
        shift = np.float32((self.grown - 1) / size) * total
        shift += self.update
        np.add(rows, shift[:, None], out=update[:, :-1].reshape(rows.shape))
        mean = _mean(update[:, :-1]) * np.float32(size / self.grown)
        np.multiply(mean, self._overall, out=update[:, -1:])
        total *= np.float32((1 - self.lost) / self.left)
        total += self.residual
        total += np.float32(self.lost / self.left) * mean
        rows += total[:, None]
        return update, rows.reshape(groups, -1, features)

    @property
    def _overall(self) -> np.float32:
        """The weight of the mean row of T in Y."""
        return np.float32(self.lost * np.sqrt(len(self.centres) / self.left))


def _mean(rows: Single) -> Single:
    """The mean rows (m, 1, d) of rows (m, P, d), as products: a third of the time of numpy's own."""
    return np.full((1, rows.shape[1]), 1 / rows.shape[1], np.float32) @ rows


def upper_product(rows: Single, factor: Single) -> Single:
    """The products of rows (…, d) and an upper triangular ``factor`` (d, d)."""
    found = np.empty_like(rows)
    for start in range(0, len(factor), STRIP):
        stop = min(start + STRIP, len(factor))
        np.matmul(rows[..., :stop], factor[:stop, start:stop], out=found[..., start:stop])
    return found


def inverses_of_rest(changes: Single) -> tuple[Single, NDArray[np.bool_]]:
    """(I − F)⁻¹ for each F of ``changes`` (m, d, d) with eigenvalues from 0 to below 1, and which (m,) are valid.

    Not valid are those for which single precision would not do.
    """
    square = changes @ changes
    largest = _largest_eigenvalue(square, 2)
    if largest <= SMALL:
        return _series(changes, square, largest), np.ones(len(changes), np.bool_)
    rests = np.negative(changes)
    np.einsum("mii->mi", rests)[...] += 1
    try:
        inverses = np.linalg.inv(rests)
    except np.linalg.LinAlgError:
        return rests, np.zeros(len(rests), np.bool_)
    # Written so that what is no number is not valid either.
    return inverses.astype(np.float32, copy=False), np.abs(inverses).max(axis=(1, 2)) <= LARGEST


def _largest_eigenvalue(powers: Single, exponent: int) -> float:
    """A bound on the eigenvalues of matrices, from the Frobenius norms of their ``powers`` (m, d, d)."""
    largest: float = np.einsum("mij,mij->m", powers, powers).max().item()
    return float(largest ** (0.5 / exponent))


def _series(changes: Single, square: Single, largest: float) -> Single:
    """1 + F + F² + … of F (m, d, d), whose ``square`` is lost, with eigenvalues of at most ``largest``."""
    if _rest(largest, 3) <= TOLERANCE:
        found = np.add(square, changes, out=square)
    else:
        # Three powers at a time.
        cube = square @ changes
        largest = min(largest, _largest_eigenvalue(cube, 3))
        square += changes
        first = found = np.add(square, cube, out=square)
        power = 4
        while _rest(largest, power) > TOLERANCE:
            found = cube @ found
            found += first
            power += 3
    np.einsum("mii->mi", found)[...] += 1
    return found


def _rest(largest: float, power: int) -> float:
    """The sum of the powers of ``largest`` from this one on."""
    return float(largest**power / (1 - largest))
