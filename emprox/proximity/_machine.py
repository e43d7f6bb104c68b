"""The kernel machine: every system of kernel equations of the package is solved here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from sklearn.utils import gen_batches

from ._kernels import (
    CONSTANT,
    Floats,
    gradient_shares,
    kernel_between,
    root_mean_squared_distance,
)

# In root mean squared distances between samples.
LENGTH_SCALE = 2.0
# Ridges that leave-one-out chooses among, and what it leans to where the data say little: a
# normal prior on their logarithm, of width one natural unit.
RIDGES = np.logspace(-4, 1, 21)
_USUAL_RIDGE = 0.005
# Of more samples the ridge is chosen on a part, because an eigendecomposition takes long.
_SAMPLES_FOR_RIDGE = 1500
# So many kernel values are computed at once, few enough for the cache; so many of the factors are
# kept, few enough for the memory.
_VALUES_AT_ONCE = 2**16
_VALUES_KEPT = 2**26
# Weights of samples beyond these make no difference.
_WEIGHTS = 1e-6, 1e6


class Spectrum:
    """A kernel matrix with each of the `RIDGES` on its diagonal, by one eigendecomposition."""

    # Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 5.12
    # (leave-one-out) and 5.8 (marginal likelihood). Ridges are divided by the samples' weights.
    def __init__(self, kernel: Floats, targets: Floats, weights: Floats) -> None:
        self._weights, self._targets = weights, targets
        self._scales = np.sqrt(weights)
        eigenvalues, self._vectors = np.linalg.eigh(kernel * self._scales * self._scales[:, None])
        self._eigenvalues = np.maximum(eigenvalues, 0) + RIDGES[:, None]
        self._rotated = (targets * self._scales[:, None]).T @ self._vectors

    def leave_one_out(self) -> tuple[Floats, Floats]:
        """Return dual coefficients and residuals, of shape (n_targets, n_ridges, n)."""
        dual = (self._rotated[:, None, :] / self._eigenvalues) @ self._vectors.T * self._scales
        precision = (1 / self._eigenvalues) @ np.square(self._vectors).T * self._weights
        return dual, dual / precision

    def choose(self) -> tuple[NDArray[np.intp], Floats, Floats]:
        """Return the number of the best ridge for each target, with its duals and residuals."""
        dual, residuals = self.leave_one_out()
        mean_squares = np.average(np.square(residuals), axis=-1, weights=self._weights)
        # Values that are all equal leave no residuals.
        logarithms = np.log(np.maximum(mean_squares, np.finfo(np.float64).tiny))
        loss = 0.5 * len(self._targets) * logarithms
        best = np.argmin(loss + 0.5 * np.square(np.log(RIDGES / _USUAL_RIDGE)), axis=-1)
        targets = np.arange(len(best))
        return best, dual[targets, best], residuals[targets, best]

    def evidence(self) -> float:
        """Return the log marginal likelihood of all targets, averaged over the ridges."""
        n_samples = len(self._targets)
        squares = (np.square(self._rotated)[:, None, :] / self._eigenvalues).mean(axis=-1)
        logarithms = -0.5 * (n_samples * np.log(squares) + np.log(self._eigenvalues).sum(axis=-1))
        return float(np.logaddexp.reduce(logarithms.sum(axis=0)))


class KernelMachine:
    """Kernel ridge regressions of the same values that weigh the columns differently."""

    # Members tell columns apart by `emphasis`, of shape (n_members, n_features): a column is
    # weighted by its `gradient_shares` ** `exponent`, times its emphasis, `n_rounds` times.
    def __init__(
        self, emphasis: Floats, length_scale: float, exponent: float, n_rounds: int
    ) -> None:
        self.emphasis = emphasis
        self.length_scale = length_scale
        self.exponent = exponent
        self.n_rounds = n_rounds
        self._factors: list[Floats] | None = None

    def fit(self, points: Floats, targets: Floats, weights: Floats) -> KernelMachine:
        """Learn from centred points of shape (n, n_features) and standardised targets (n,)."""
        self.points, self.targets = points, targets
        self.weights = np.clip(weights, *_WEIGHTS)
        self.column_weights = np.stack([self._weigh_columns(member) for member in self.emphasis])
        # One ridge for all, chosen on their mean: quicker, and no less accurate.
        some = slice(None, None, -(-len(points) // _SAMPLES_FOR_RIDGE))
        kernels = [kernel_between(known[some], known[some]) for known in self._known()]
        spectrum = Spectrum(np.mean(kernels, axis=0), targets[some, None], self.weights[some])
        self.ridge = float(RIDGES[spectrum.choose()[0][0]])
        factors = self._inverse_factors(kernels if len(kernels[0]) == len(points) else None)
        self.dual = np.stack([W.T @ (W @ targets) for W in factors])
        self.precision = np.stack([np.square(W).sum(axis=0) for W in factors])
        self._weigh_members()
        self._estimate_variance()
        return self

    def predict(self, X: Floats, return_variance: bool = False) -> tuple[Floats, Floats]:
        """Return what each member predicts, and the variance of a new measurement (or NaN)."""
        n_members, n_samples = self.dual.shape
        values = np.empty((n_members, len(X)))
        explained = np.full((n_members, len(X)), np.nan)
        size = max(32, _VALUES_AT_ONCE // n_samples)
        factors = self._inverse_factors() if return_variance else [None] * n_members
        members = zip(self._known(), self.column_weights, self.dual, factors, strict=True)
        for member, (known, weights, dual, factor) in enumerate(members):
            for rows in gen_batches(len(X), size):
                kernel = kernel_between(known, X[rows] * weights)
                values[member, rows] = dual @ kernel
                if factor is not None:
                    explained[member, rows] = np.square(factor @ kernel).sum(axis=0)
        rest = self.member_weights @ (1 + CONSTANT + self.ridge - explained)
        return values, self.signal_variance * rest

    def fitted(self) -> Floats:
        """Return what `predict` returns for the known samples, of shape (n_members, n)."""
        return self.targets - self.ridge / self.weights * self.dual

    def leave_one_out(self) -> Floats:
        """Predict each known sample from the others, with what all have chosen."""
        return self.targets - self.dual / self.precision

    def feature_weights(self) -> Floats:
        """Return how much each feature counts in squared distances; the sum is 1."""
        squares = self.member_weights @ np.square(self.column_weights)
        return squares / squares.sum()

    def extend(self, points: Floats, targets: Floats, weights: Floats) -> None:
        """Add known samples; column weights, ridge and weights of members stay as they are."""
        weights = np.clip(weights, *_WEIGHTS)
        n_old, factors = len(self.points), []
        new = points * self.column_weights[:, None, :]
        # What a Cholesky factor gains when its matrix grows, inverted.
        for W, known, added in zip(self._inverse_factors(), self._known(), new, strict=True):
            cross = W @ kernel_between(known, added)
            corner = kernel_between(added, added) + np.diag(self.ridge / weights)
            corner = _invert_factor(corner - cross.T @ cross)
            grown = np.pad(W, ((0, len(points)),) * 2)
            grown[n_old:] = np.hstack([-corner @ (cross.T @ W), corner])
            factors.append(grown)
        self._factors = factors
        self.points = np.concatenate([self.points, points])
        self.targets = np.concatenate([self.targets, targets])
        self.weights = np.concatenate([self.weights, weights])
        rows = [W[n_old:] for W in factors]
        padding = ((0, 0), (0, len(points)))
        self.dual = np.pad(self.dual, padding) + [W.T @ (W @ self.targets) for W in rows]
        self.precision = np.pad(self.precision, padding) + [np.square(W).sum(axis=0) for W in rows]
        self._estimate_variance()

    def _known(self) -> Iterator[Floats]:
        """Return the known samples in the coordinates of each member."""
        return (self.points * weights for weights in self.column_weights)

    def _weigh_columns(self, emphasis: Floats) -> Floats:
        """Return factors of the columns, after which distances are in length scales."""
        factors = emphasis.copy()
        for _ in range(self.n_rounds):
            known = self.points * factors
            known /= self.length_scale * root_mean_squared_distance(known)
            shares = gradient_shares(known, self.targets[:, None], self.weights)
            # Along a column as emphasised: along the weighted one, times the weight.
            shares *= np.square(np.divide(factors, emphasis, where=emphasis > 0, out=0 * factors))
            factors = emphasis * (shares / (shares.max() or 1)) ** self.exponent
        return factors / (self.length_scale * root_mean_squared_distance(self.points * factors))

    def _inverse_factors(self, kernels: list[Floats] | None = None) -> list[Floats]:
        """Return W, lower triangular, of all members: W' W is the inverse kernel matrix."""
        if self._factors is not None:
            return self._factors
        noise = np.diag(self.ridge / self.weights)
        every = kernels or (kernel_between(known, known) for known in self._known())
        factors = [_invert_factor(kernel + noise) for kernel in every]
        if sum(factor.size for factor in factors) <= _VALUES_KEPT:
            self._factors = factors
        return factors

    def _weigh_members(self) -> None:
        """Let members count by the inverse of their mean squared leave-one-out residual."""
        residuals = np.square(self.dual / self.precision)
        # Values that are all equal leave no residuals.
        mean_squares = np.maximum(
            np.average(residuals, axis=1, weights=self.weights), np.finfo(np.float64).tiny
        )
        # No member is nothing, because a component may be made of it alone.
        weights = np.maximum(mean_squares.min() / mean_squares, 1e-9)
        self.member_weights = weights / weights.sum()

    def _estimate_variance(self) -> None:
        """Compare leave-one-out residuals with their variances per unit of signal variance."""
        residuals = self.member_weights @ (self.dual / self.precision)
        ratios = np.square(residuals) / (self.member_weights @ (1 / self.precision))
        # One more ratio of 1, the variance of standardised values, for when there are few.
        self.signal_variance = float((ratios.sum() + 1) / (len(ratios) + 1))

    def __getstate__(self) -> dict[str, Any]:
        # The largest parts. Points are known to the metric, and factors follow from the rest.
        return {**self.__dict__, "points": None, "_factors": None}


class SharedKernelRidge:
    """Kernel ridge regressions of several targets that share everything but the ridge."""

    def __init__(self, samples: Floats, targets: Floats) -> None:
        self._center, self._means = samples.mean(axis=0), targets.mean(axis=0)
        centered, values = samples - self._center, targets - self._means
        self._weights = column_weights(centered, values)
        self._weights /= LENGTH_SCALE * root_mean_squared_distance(centered * self._weights)
        self._known = centered * self._weights
        kernel = kernel_between(self._known, self._known)
        _, dual, residuals = Spectrum(kernel, values, np.ones(len(samples))).choose()
        # What is predicted for each known sample from all others.
        self._dual, self.left_out = dual.T, targets - residuals.T

    def predict(self, samples: Floats) -> Floats:
        """Predict the values of samples, of shape (n, n_targets)."""
        points = (samples - self._center) * self._weights
        batches = gen_batches(len(points), max(1, _VALUES_AT_ONCE // len(self._known)))
        parts = [kernel_between(points[rows], self._known) @ self._dual for rows in batches]
        return self._means + np.concatenate(parts)


def exponent_for(n_samples: int) -> float:
    """Return how closely column weights follow gradients, about which few samples say little."""
    return 0.5 * n_samples / (n_samples + 60)


def column_weights(samples: Floats, targets: Floats) -> Floats:
    """Weigh the columns of centred samples, by at most 1, as a machine of one member does."""
    points = samples / (LENGTH_SCALE * root_mean_squared_distance(samples))
    shares = gradient_shares(points, targets, np.ones(len(samples)))
    return (shares / shares.max()) ** exponent_for(len(samples))


def _invert_factor(matrix: Floats) -> Floats:
    """Return the inverse of the lower Cholesky factor of a symmetric matrix."""
    # LAPACK reads by columns: what it takes for an upper factor is a lower one here.
    factor, failed = lapack.dpotrf(matrix.T, lower=False, clean=True)
    if failed:
        raise np.linalg.LinAlgError("the kernel matrix is not positive definite")
    return lapack.dtrtri(factor, lower=False)[0].T
