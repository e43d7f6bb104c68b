"""Kernel machines with different emphases, whose mean is the learned embedding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ._kernel import (
    choose_ridge,
    euclidean_distances,
    matern32,
    mean_squared_gradients,
    root_mean_squared_distance,
)

Floats = NDArray[np.float64]

# Prior variance of a constant that is added to the kernel machine, in units of its own: large, so
# that the mean of the values is not shrunk.
CONSTANT = 10.0
# The ridge where only gradients are wanted, which hardly depend on it.
GRADIENT_RIDGE = 0.05
# Of more samples the ridge is chosen on a part, because an eigendecomposition takes long.
SAMPLES_FOR_RIDGE = 1500
# So many kernel values are computed at once: in predicting few enough for the cache, in fitting
# few enough for the memory.
VALUES_AT_ONCE = 2**18
VALUES_AT_ONCE_IN_FIT = 2**24


class Ensemble:
    """Kernel ridge regressions of the same values that weigh the columns differently.

    Parameters
    ----------
    emphasis : ndarray of shape (n_members, n_features)
        Factors of the columns that tell the members apart.
    length_scale : float
        Length scale of the kernel, in root mean squared distances between known samples.
    exponent : float
        A column is weighted by (mean squared gradient / largest) ** exponent, times its emphasis.
    n_rounds : int
        How many times weights are computed.

    Attributes
    ----------
    column_weights : ndarray of shape (n_members, n_features)
        Factors of the columns, emphasis included; with them, distances are in units of the
        length scale.
    ridge : float
        What is added to the diagonal of every kernel matrix.
    member_weights : ndarray of shape (n_members,)
        How much each member counts; the sum is 1.
    known : ndarray of shape (n_members, n_samples, n_features)
        Known samples in the coordinates of each member.
    targets : ndarray of shape (n_samples,)
        Their values.
    dual : ndarray of shape (n_members, n_samples)
        Coefficients of the kernel expansions.
    precision : ndarray of shape (n_members, n_samples)
        Diagonals of the inverse kernel matrices.
    signal_variance : float
        Variance of the Gaussian process whose covariance is this kernel, per unit of the kernel.
    """

    column_weights: Floats
    ridge: float
    member_weights: Floats
    known: Floats
    targets: Floats
    dual: Floats
    precision: Floats
    signal_variance: float

    def __init__(
        self, emphasis: Floats, length_scale: float, exponent: float, n_rounds: int
    ) -> None:
        self.emphasis = emphasis
        self.length_scale = length_scale
        self.exponent = exponent
        self.n_rounds = n_rounds
        self._factors: Floats | None = None

    def fit(self, X: Floats, targets: Floats) -> Ensemble:
        """Learn column weights and ridge, and solve for the coefficients.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Known samples, centred.
        targets : ndarray of shape (n_samples,)
            Their values, standardised.

        Returns
        -------
        Ensemble
            The ensemble itself.
        """
        n_members, n_samples = len(self.emphasis), len(X)
        self.targets = targets
        self.column_weights = self.emphasis.copy()
        self.known = self._project(X)
        mean_kernel = np.full((n_samples, n_samples), CONSTANT)
        batches = list(self._batches_of_members())
        for members in batches:
            kernels = self._learn_weights(members)
            mean_kernel += kernels.sum(axis=0) / n_members
        # One ridge for all, chosen on their mean: quicker, and no less accurate.
        some = slice(None, None, -(-n_samples // SAMPLES_FOR_RIDGE))
        self.ridge = choose_ridge(mean_kernel[some, some], targets[some])
        self.dual = np.empty((n_members, n_samples))
        self.precision = np.empty((n_members, n_samples))
        for members in batches:
            # A single batch is still at hand.
            factors = self._compute_factors(members, kernels if len(batches) == 1 else None)
            self.dual[members] = _apply_twice(factors, targets)
            self.precision[members] = np.square(factors).sum(axis=1)
        self._weigh_members()
        self._estimate_variance()
        return self

    def predict(self, X: Floats, return_variance: bool = False) -> tuple[Floats, Floats]:
        """Evaluate the members.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Samples, centred like those of `fit`.
        return_variance : bool, default=False
            Whether to compute the variance, which takes n_samples ** 2 steps for each sample.

        Returns
        -------
        values : ndarray of shape (n_members, n)
            What each member predicts.
        variance : ndarray of shape (n,)
            Variance of a new measurement around the mean of the members: that of the Gaussian
            process, noise included, averaged over the members. NaN if it is not computed.
        """
        n_members, n_samples = self.dual.shape
        values = np.empty((n_members, len(X)))
        variance = np.full(len(X), np.nan)
        size = max(32, VALUES_AT_ONCE // (n_members * n_samples))
        for start in range(0, len(X), size):
            rows = slice(start, start + size)
            kernel = _kernel(self.known, self._project(X[rows]))
            values[:, rows] = (self.dual[:, None, :] @ kernel)[:, 0]
            if return_variance:
                explained = np.square(self._inverse_factors() @ kernel).sum(axis=1)
                rest = self.member_weights @ (1 + CONSTANT + self.ridge - explained)
                variance[rows] = self.signal_variance * rest
        return values, variance

    def fitted(self) -> Floats:
        """Evaluate the members at the known samples.

        Returns
        -------
        ndarray of shape (n_members, n_samples)
            What `predict` returns there.
        """
        return self.targets - self.ridge * self.dual

    def feature_weights(self) -> Floats:
        """Return how much each feature counts in squared distances.

        Returns
        -------
        ndarray of shape (n_features,)
            Mean over the members, with sum 1.
        """
        squares = self.member_weights @ np.square(self.column_weights)
        return squares / squares.sum()

    def leave_one_out(self) -> tuple[Floats, Floats]:
        """Predict each known sample from the others, with what all have chosen.

        Returns
        -------
        values : ndarray of shape (n_members, n_samples)
            What each member predicts.
        variance : ndarray of shape (n_samples,)
            Variance of a new measurement around the mean of the members.
        """
        variance = self.signal_variance * (self.member_weights @ (1 / self.precision))
        return self.targets - self.dual / self.precision, variance

    def extend(self, X: Floats, targets: Floats) -> None:
        """Add known samples; column weights, ridge and weights of members stay as they are.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Further samples, centred like those of `fit`.
        targets : ndarray of shape (n,)
            Their values.
        """
        points = self._project(X)
        # What a Cholesky factor gains when its matrix grows, inverted.
        factors = self._inverse_factors()
        cross = factors @ _kernel(self.known, points)
        corner = _kernel(points, points) + self.ridge * np.eye(len(X))
        corner = _invert_factor(corner - np.swapaxes(cross, 1, 2) @ cross)
        edge = -corner @ (np.swapaxes(cross, 1, 2) @ factors)
        rows = np.concatenate([edge, corner], axis=2)
        self._append_factors(rows)

        self.known = np.concatenate([self.known, points], axis=1)
        self.targets = np.concatenate([self.targets, targets])
        padding = ((0, 0), (0, len(X)))
        self.dual = np.pad(self.dual, padding) + _apply_twice(rows, self.targets)
        self.precision = np.pad(self.precision, padding) + np.square(rows).sum(axis=1)
        self._estimate_variance()

    def _project(self, X: Floats) -> Floats:
        """Return samples in the coordinates of each member."""
        return X * self.column_weights[:, None, :]

    def _batches_of_members(self) -> Iterator[slice]:
        n_members, n_samples = self.known.shape[:2]
        size = max(1, VALUES_AT_ONCE_IN_FIT // n_samples**2)
        return (slice(start, start + size) for start in range(0, n_members, size))

    def _learn_weights(self, members: slice) -> Floats:
        """Set weights and coordinates of some members; return their kernel matrices."""
        samples = self.known[members]
        weights = np.ones_like(self.emphasis[members])
        diagonal = GRADIENT_RIDGE * np.eye(samples.shape[1])
        for i in range(self.n_rounds + 1):
            known = samples * weights[:, None, :]
            length = self.length_scale * root_mean_squared_distance(known)
            known /= length
            if i < self.n_rounds:
                # Single precision, twice as fast, is more than enough for weights.
                known = known.astype(np.float32)
            distances = euclidean_distances(known, known)
            kernel = matern32(distances)
            if i < self.n_rounds:
                system = kernel + (CONSTANT + diagonal)
                dual = np.asarray(np.linalg.solve(system, self.targets[None, :, None]), np.float64)
                gradients = mean_squared_gradients(
                    known, distances, dual[..., 0].astype(known.dtype)
                )
                # Along a column as emphasised: along the weighted one, times the weight.
                gradients *= np.square(weights)
                largest = gradients.max(axis=1, keepdims=True)
                # Where nothing varies, no column is better than another.
                shares = np.divide(gradients, largest, np.ones_like(weights), where=largest > 0)
                weights = shares**self.exponent
        self.known[members] = known
        self.column_weights[members] *= weights / length[:, 0]
        return kernel

    def _compute_factors(self, members: slice, kernels: Floats | None = None) -> Floats:
        """Return W, lower triangular, of some members: W' W is the inverse kernel matrix."""
        if kernels is None:
            known = self.known[members]
            kernels = matern32(euclidean_distances(known, known))
        return _invert_factor(kernels + (CONSTANT + self.ridge * np.eye(kernels.shape[-1])))

    def _inverse_factors(self) -> Floats:
        """Return W of all members, from memory if they were needed before."""
        n_samples = len(self.targets)
        if self._factors is None:
            self._factors = self._compute_factors(slice(None))
        return self._factors[:, :n_samples, :n_samples]

    def _append_factors(self, rows: Floats) -> None:
        """Write rows below W, in an array that grows by half when it is full."""
        factors = self._inverse_factors()
        old, new = factors.shape[1], rows.shape[2]
        if self._factors is None or self._factors.shape[1] < new:
            size = max(new, old + old // 2)
            self._factors = np.zeros((len(rows), size, size))
            self._factors[:, :old, :old] = factors
        self._factors[:, old:new, :new] = rows

    def _weigh_members(self) -> None:
        """Let members count by the inverse of their mean squared leave-one-out residual."""
        # Values that are all equal leave no residuals.
        tiny = np.finfo(np.float64).tiny
        mean_squares = np.maximum(np.square(self.dual / self.precision).mean(axis=1), tiny)
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
        # The factors are by far the largest part, and follow from the rest.
        return {**self.__dict__, "_factors": None}


def _kernel(A: Floats, B: Floats) -> Floats:
    kernel = matern32(euclidean_distances(A, B))
    kernel += CONSTANT
    return kernel


def _invert_factor(matrices: Floats) -> Floats:
    """Return the inverses of the lower Cholesky factors of symmetric matrices."""
    eye = np.eye(matrices.shape[-1])
    inverses = [
        solve_triangular(factor, eye, lower=True, check_finite=False)
        for factor in np.linalg.cholesky(matrices)
    ]
    return np.stack(inverses)


def _apply_twice(factors: Floats, values: Floats) -> Floats:
    """Return W' W values, of shape (n_members, n_columns of W)."""
    return (np.swapaxes(factors, 1, 2) @ (factors @ values)[..., None])[..., 0]
