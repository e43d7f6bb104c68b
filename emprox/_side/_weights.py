"""How much side columns count: by the evidence that a Gaussian process finds for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import expit

from .._metric._ensemble import CONSTANT
from .._metric._kernel import euclidean_distances, matern32
from .._metric._target import TargetTransform
from ._shared_ridge import LENGTH_SCALE, gradient_weights

Floats = NDArray[np.float64]

RIDGES = (0.01, 0.1, 1.0)
# Candidates for how much all side columns together count, in terms of distance, against all
# structural ones; each is tried alone with the probe.
SHARES = np.array([0.0, 0.35, 0.7, 1.4])
PROBE = 0.7
# What the share is likely to be before anything is known: log-normal around this, of this width.
USUAL_SHARE, WIDTH = 0.5, 0.5


def side_shares(structure: Floats, columns: Floats, targets: Floats, odds: Floats) -> Floats:
    """Find how much each side column counts.

    Each column has a probability of telling something about the target: the prior odds times the
    ratio of the marginal likelihoods of two Gaussian processes, one with and one without this
    column beside the structure. Their common factor is the mean of the `SHARES`, weighted by
    prior and marginal likelihood.

    Parameters
    ----------
    structure : ndarray of shape (n_known, n_structural)
        Structural columns of the known architectures.
    columns : ndarray of shape (n_known, n_side)
        Side columns, of about unit variance over the space.
    targets : ndarray of shape (n_known,) or (n_known, n_outputs)
        Known accuracies.
    odds : ndarray of shape (n_side,)
        Prior odds of each column.

    Returns
    -------
    ndarray of shape (n_side,)
        Squared distance that a side column of unit variance is to contribute, over that of all
        structural columns; the mean over the outputs.

    References
    ----------
    Rasmussen and Williams. Gaussian Processes for Machine Learning. 2006. Section 5.4.1
    (marginal likelihood).
    """
    structure = structure - structure.mean(axis=0)
    # Halved, so that the typical one is 1 for a column of unit variance.
    distances = np.square(columns.T[:, :, None] - columns.T[:, None, :]) / 2
    outputs = targets.reshape(len(targets), -1).T
    shares = [_shares(structure, distances, output, odds) for output in outputs]
    return np.mean(shares, axis=0)


def _shares(structure: Floats, distances: Floats, output: Floats, odds: Floats) -> Floats:
    n_side = len(distances)
    usual = USUAL_SHARE**2 * odds / (1 + odds) / n_side
    # Where nothing varies there is nothing to find out.
    if np.ptp(output) == 0 or not np.ptp(structure, axis=0).any():
        return usual
    values = TargetTransform(output).forward(output)
    weighted = structure * gradient_weights(structure, values[:, None])
    base = np.square(euclidean_distances(weighted, weighted))
    base /= _typical(base)
    without = _evidence(base, values)
    gains = np.array([_evidence(base + PROBE**2 * d, values) for d in distances]) - without
    probabilities = expit(gains + np.log(odds))
    side = np.tensordot(probabilities / n_side, distances, axes=1)
    logarithms = np.log(SHARES[1:] / USUAL_SHARE) / WIDTH
    weights = np.array([_evidence(base + share**2 * side, values) for share in SHARES])
    weights[1:] -= 0.5 * np.square(logarithms)
    weights = np.exp(weights - weights.max())
    return (weights @ np.square(SHARES) / weights.sum()) * probabilities / n_side


def _evidence(distances: Floats, values: Floats) -> float:
    """Return the logarithm of the marginal likelihood, the best signal variance taken."""
    n_known = len(values)
    kernel = matern32(np.sqrt(distances / _typical(distances)) / LENGTH_SCALE) + CONSTANT
    likelihoods = []
    for ridge in RIDGES:
        factor = np.linalg.cholesky(kernel + ridge * np.eye(n_known))
        white = solve_triangular(factor, values, lower=True, check_finite=False)
        likelihoods.append(
            -0.5 * n_known * np.log(np.square(white).mean()) - np.log(np.diag(factor)).sum()
        )
    return float(np.logaddexp.reduce(likelihoods))


def _typical(distances: Floats) -> float:
    """Return the mean squared distance between different samples."""
    return float(distances.sum() / (len(distances) * (len(distances) - 1)))
