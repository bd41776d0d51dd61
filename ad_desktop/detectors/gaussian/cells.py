"""A Gaussian for every cell of a feature map: own means, one covariance shared by all cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.gaussian.shrinkage import inverse_factor, oas, quadratic_forms, squared_norms
from ad_desktop.errors import UserError

Matrix = NDArray[np.float64]

MEAN_PRIOR = 5.0
"""How many samples' worth of weight the mean over all cells has against a cell's own mean."""


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
        self._eigen: tuple[Matrix, Matrix] | None = None

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
        self._eigen = None

    def distances(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Mahalanobis distances (b, P), float32, of samples (b, P, d)."""
        centres, whitener = self.centres.astype(np.float32), self.whitener.T
        distances = np.empty(samples.shape[:2], np.float32)
        # One by one: the last digits of a product may depend on how many rows it has.
        for index, sample in enumerate(samples):
            whitened = (sample - centres) @ whitener
            distances[index] = np.sqrt(np.einsum("ij,ij->i", whitened, whitened))
        return distances

    def held_out(self, members: NDArray[Any]) -> NDArray[np.float32]:
        """Distances (g, P) of one group's samples (g, P, d) to the model without that group, at fixed ρ and μ.

        Exact: equal to a refit of means and covariance on the others. Small groups go through
        Woodbury's identity in the eigenbasis of the scatter, large ones through a new factor.
        """
        left, gone = self.n - len(members), len(members)
        offsets = members.astype(np.float64) - self.means
        group_mean = offsets.mean(axis=0)
        weight = left / (left + MEAN_PRIOR)
        means = self.means - gone / left * group_mean
        lost = (1 - weight) * (means - means.mean(axis=0))
        residuals = members - (means - lost)
        rows = residuals.reshape(-1, residuals.shape[-1])
        # The others' scatter about their shrunk centres is the whole scatter with these rows taken out or put in.
        update = np.concatenate([offsets.reshape(rows.shape), gone / np.sqrt(left) * group_mean, np.sqrt(left) * lost])
        signs = np.repeat([-1.0, -1.0, 1.0], [len(rows), len(group_mean), len(lost)])
        scale = (1 - self.rho) / (left * len(means))
        if len(update) < rows.shape[1]:
            values, basis = self._eigenbasis()
            diagonal = scale * values + self.rho * self.mu
            squared = quadratic_forms(rows @ basis, diagonal, np.sqrt(scale) * (update @ basis), signs)
        else:
            covariance = scale * (self.scatter + (update * signs[:, None]).T @ update)
            covariance[np.diag_indices(len(covariance))] += self.rho * self.mu
            squared = squared_norms(covariance, rows)
        return np.sqrt(squared).reshape(members.shape[:2]).astype(np.float32)

    def _eigenbasis(self) -> tuple[Matrix, Matrix]:
        """Eigenvalues (d,) and vectors (d, d) of the scatter, computed once per ``factorise``."""
        if self._eigen is None:
            values, basis = np.linalg.eigh(self.scatter)
            self._eigen = np.maximum(values, 0.0), basis
        return self._eigen
