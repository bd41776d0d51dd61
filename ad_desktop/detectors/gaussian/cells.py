"""A Gaussian for every cell of a feature map: own means, one covariance shared by all cells."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.gaussian.leaving import Leaving, Statistics, upper_product
from ad_desktop.detectors.gaussian.shrinkage import inverse_factor, oas
from ad_desktop.errors import UserError

Matrix = NDArray[np.float64]

MEAN_PRIOR = 5.0
"""How many samples' worth of weight the mean over all cells has against a cell's own mean."""

SMALL_SET = 100
"""Up to so many samples double precision takes a moment only, and a change taken back leaves no trace in any digit."""


class GroupSums(NamedTuple):
    """Of a group's offsets from the cells' means: how many samples, their ``total`` (P, d) and ``scatter`` (d, d)."""

    size: int
    total: Matrix
    scatter: Matrix

    def plus(self, other: GroupSums) -> GroupSums:
        """The sums of both parts of a group."""
        return GroupSums(self.size + other.size, self.total + other.total, self.scatter + other.scatter)


class LeftOut(NamedTuple):
    """A cell Gaussian without some of its samples: ``centres`` (P, d), and its covariance's ``whitener`` (d, d)."""

    centres: Matrix
    whitener: Matrix

    def distances(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Mahalanobis distances (b, P) of samples (b, P, d), computed in float64."""
        rows = (samples - self.centres).reshape(-1, samples.shape[-1])
        white = rows @ self.whitener.T
        squared = np.einsum("ij,ij->i", white, white).reshape(samples.shape[:2])
        return np.asarray(np.sqrt(squared), np.float32)


class CellGaussian:
    """Local Gaussian over P cells of d features, kept as statistics that samples join and leave exactly.

    Statistics, float64: ``n`` samples, ``means`` (P, d) per cell, ``scatter`` (d, d) within cells.
    After ``factorise``: ``centres`` (P, d), the cells' means shrunk towards the overall one by
    n/(n+5), and ``whitener`` (d, d), float32, of the OAS-shrunk covariance shared by all cells.
    Source: after PaDiM (Defard et al., arXiv 2011.08785), with the covariance pooled.
    """

    def __init__(self, cells: int, features: int) -> None:
        self.n = 0
        self.means: Matrix = np.zeros((cells, features))
        self.scatter: Matrix = np.zeros((features, features))

    def add(self, sample: NDArray[Any]) -> None:
        """Let one sample (P, d) join: Chan, Golub and LeVeque's update, exact in float64."""
        delta = np.asarray(sample, np.float64) - self.means
        self.n += 1
        self.means += delta / self.n
        self.scatter += (self.n - 1) / self.n * (delta.T @ delta)

    def remove(self, sample: NDArray[Any]) -> None:
        """Let one sample (P, d) that joined before leave, undoing ``add``."""
        delta = np.asarray(sample, np.float64) - self.means
        self.scatter -= self.n / (self.n - 1) * (delta.T @ delta)
        self.means -= delta / (self.n - 1)
        self.n -= 1

    def factorise(self) -> None:
        """Make centres and whitener from the statistics; ``UserError`` if no feature varies at all."""
        cells, features = self.means.shape
        overall = self.means.mean(axis=0)
        lost = MEAN_PRIOR / (self.n + MEAN_PRIOR) * (self.means - overall)
        self.centres = self.means - lost
        # About the shrunk centres the scatter grows by the part of the offsets that shrinking took away.
        covariance = (self.scatter + self.n * (lost.T @ lost)) / (self.n * cells)
        self.mu = float(np.trace(covariance)) / features
        if self.mu <= 0:
            raise UserError("The normal pictures look identical to the network. Add pictures that differ.")
        # Never quite zero: features that do not vary at all would leave the covariance singular.
        self.rho = max(oas(covariance, self.n * cells), 1e-12)
        shrunk = (1 - self.rho) * covariance
        shrunk[np.diag_indices(features)] += self.rho * self.mu
        self.whitener = inverse_factor(shrunk).astype(np.float32)

    def distances(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Mahalanobis distances (b, P), float32, of samples (b, P, d)."""
        # Stacks of products: in one for all samples, the last digits may depend on how many rows it has.
        white = upper_product(samples - self.centres.astype(np.float32), self.whitener.T)
        squared: NDArray[np.float32] = np.einsum("npj,npj->np", white, white)
        return np.sqrt(squared, out=squared)

    def sums(self, members: NDArray[Any]) -> GroupSums:
        """What leaves with samples (g, P, d) of a group; the sums of a group's parts add up."""
        offsets = members - self.means
        rows = offsets.reshape(-1, offsets.shape[-1])
        return GroupSums(len(members), offsets.sum(axis=0), rows.T @ rows)

    def without(self, group: GroupSums) -> LeftOut:
        """The model without a group, at fixed ρ and μ: equal to a refit of means and covariance on the others."""
        left = self.n - group.size
        shift = group.total / left
        lost = self._lost(self.means, shift, left)
        # A single sample's offsets are ``left`` times the shift.
        gone = group.scatter * (1 + 1 / left) if group.size == 1 else group.scatter + left * (shift.T @ shift)
        covariance: Matrix = lost.T @ lost
        covariance *= left
        # The others' scatter about their shrunk centres, and from it their shrunk covariance.
        covariance += self.scatter
        covariance -= gone
        covariance *= self._scale(left)
        covariance[np.diag_indices(len(covariance))] += self.rho * self.mu
        centres = self.means - shift
        centres -= lost
        return LeftOut(centres, inverse_factor(covariance))

    def leaving(self, size: int) -> Leaving:
        """What groups of ``size`` samples share when they are held out, at fixed ρ and μ."""
        ridge = self.rho * self.mu
        return Leaving.of(Statistics(self.n, self.means, self.scatter, 1 - self.rho, ridge, MEAN_PRIOR), size)

    def held_out(self, members: NDArray[Any], leaving: Leaving) -> NDArray[np.float32]:
        """Distances (m, g, P) of m groups' samples (m, g, P, d), each to the model without its group.

        In double precision for small sets. In single precision, within 1e-5 of it, for others, where a
        group that makes most of the variance still needs double.
        """
        if self.n <= SMALL_SET:
            return np.stack([self._exactly(group) for group in members])
        found, valid = leaving.distances(members)
        for index in np.flatnonzero(~valid):
            found[index] = self._exactly(members[index])
        return found

    def _exactly(self, group: NDArray[Any]) -> NDArray[np.float32]:
        return self.without(self.sums(group)).distances(group)

    def _lost(self, means: Matrix, shift: Matrix, left: int) -> Matrix:
        """What shrinking takes from the means (P, d) of ``left`` samples, which are ``means`` less ``shift``."""
        offsets = means - shift
        offsets -= offsets.mean(axis=0)
        offsets *= MEAN_PRIOR / (left + MEAN_PRIOR)
        return offsets

    def _scale(self, left: int) -> float:
        """Factor from the scatter of ``left`` samples to their part of the shrunk covariance."""
        return (1 - self.rho) / (left * len(self.means))
