"""How much side columns count: by the evidence that a Gaussian process finds for them."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from ._kernels import CONSTANT, Floats, euclidean_distances, matern32
from ._machine import LENGTH_SCALE, Spectrum, column_weights
from ._transform import TargetTransform

# Candidates for how much all side columns together count, in terms of distance, against all
# structural ones; each is tried alone with the probe.
_SHARES = np.array([0.0, 0.35, 0.7, 1.4])
_PROBE = 0.7
# What the share is likely to be before anything is known: log-normal around this, of this width.
_USUAL_SHARE, _WIDTH = 0.5, 0.5


def side_shares(structure: Floats, columns: Floats, targets: Floats, odds: Floats) -> Floats:
    """Find how much each side column counts: its squared distance over that of all `structure`."""
    # Of unit variance each; averaged over the targets, of shape (n_known, n_outputs). A column has
    # a probability of telling something: the prior odds times the ratio of the marginal likelihoods
    # with and without it. The common factor is the posterior mean of the candidates.
    structure = structure - structure.mean(axis=0)
    # Halved, so that the typical one is 1 for a column of unit variance.
    distances = np.square(columns.T[:, :, None] - columns.T[:, None, :]) / 2
    shares = [_shares(structure, distances, output, odds) for output in targets.T]
    return np.mean(shares, axis=0)


def _shares(structure: Floats, distances: Floats, output: Floats, odds: Floats) -> Floats:
    n_side = len(distances)
    usual = _USUAL_SHARE**2 * odds / (1 + odds) / n_side
    # Where nothing varies there is nothing to find out.
    if np.ptp(output) == 0 or not np.ptp(structure, axis=0).any():
        return usual
    values = TargetTransform(output).forward(output)[:, None]
    weighted = structure * column_weights(structure, values)
    base = np.square(euclidean_distances(weighted, weighted))
    base /= _typical(base)
    without = _evidence(base, values)
    gains = np.array([_evidence(base + _PROBE**2 * d, values) for d in distances]) - without
    probabilities = expit(gains + np.log(odds))
    side = np.tensordot(probabilities / n_side, distances, axes=1)
    logarithms = np.log(_SHARES[1:] / _USUAL_SHARE) / _WIDTH
    weights = np.array([_evidence(base + share**2 * side, values) for share in _SHARES])
    weights[1:] -= 0.5 * np.square(logarithms)
    weights = np.exp(weights - weights.max())
    return (weights @ np.square(_SHARES) / weights.sum()) * probabilities / n_side


def _evidence(distances: Floats, values: Floats) -> float:
    kernel = matern32(np.sqrt(distances / _typical(distances)) / LENGTH_SCALE) + CONSTANT
    return Spectrum(kernel, values, np.ones(len(values))).evidence()


def _typical(distances: Floats) -> float:
    """Return the mean squared distance between different samples."""
    return float(distances.sum() / (len(distances) * (len(distances) - 1)))
