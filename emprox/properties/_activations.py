"""What activations do to normally distributed values: a mean-field theory of any activation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

_N_TERMS = 14
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
# Orthonormal polynomials at the points, times the weights.
_PROJECTIONS = np.array(
    [
        np.polynomial.hermite_e.hermeval(_POINTS, [0] * term + [1])
        / math.sqrt(math.factorial(term))
        * _WEIGHTS
        for term in range(_N_TERMS)
    ]
)
# Variances are rounded to so many levels for each factor of e, and lie within these.
_LEVELS, _LEAST, _MOST = 8, -160, 120
_NO_VARIANCE = 1e-30


def _softplus(x: Floats) -> Floats:
    return np.logaddexp(0, x)


def _elu(x: Floats) -> Floats:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _relu6(x: Floats) -> Floats:
    return np.clip(x, 0, 6)


_FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "relu6": _relu6,
    "hardtanh": _relu6,
    # The usual approximation, which spares the error function.
    "gelu": lambda x: x * expit(1.702 * x),
    "silu": lambda x: x * expit(x),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "sigmoid": expit,
    "tanh": np.tanh,
    "elu": _elu,
    "celu": _elu,
    "selu": lambda x: 1.0507 * np.where(x > 0, x, 1.67326 * np.expm1(np.minimum(x, 0))),
    "softplus": _softplus,
}


class Activated(NamedTuple):
    """What comes out of an activation, and the mean square of its slope."""

    variance: float
    covariance: float
    squared_mean: float
    slope: float


def activate(name: str, variance: float, covariance: float, squared_mean: float) -> Activated:
    """Follow a signal through an activation; one that is not known is taken for a ReLU."""
    # Over channels, a value is normal with a variance of both parts; those of two inputs of the
    # network are correlated, and those of independent ones too, by the part that they share.
    power = max(variance + squared_mean, _NO_VARIANCE)
    alike = min(max((covariance + squared_mean) / power, -1.0), 1.0)
    shared = min(squared_mean / power, 1.0)
    if name in _FUNCTIONS:
        level = min(max(round(_LEVELS * math.log(power)), _LEAST), _MOST)
        powers, squared_mean, slope = _expand(name, level)
        # Between levels, and below the least, the function is taken for a linear one.
        ratio = power / math.exp(level / _LEVELS)
        of_alike = of_shared = total = 0.0
        for each in powers:
            of_alike = (of_alike + each) * alike
            of_shared = (of_shared + each) * shared
            total += each
        total, of_alike, of_shared = (
            squared_mean + ratio * each for each in (total, of_alike, of_shared)
        )
    else:
        total, slope = power / 2, 0.5
        of_alike, of_shared = power * _arc_cosine(alike), power * _arc_cosine(shared)
    return Activated(max(total - of_shared, _NO_VARIANCE), of_alike - of_shared, of_shared, slope)


def _arc_cosine(correlation: float) -> float:
    """Return the product of two rectified standard normal variables of some correlation."""
    # Cho and Saul, Kernel Methods for Deep Learning, NeurIPS 2009, equation 6.
    sine = math.sqrt(max(1 - correlation * correlation, 0.0))
    return (sine + correlation * (math.pi - math.acos(correlation))) / (2 * math.pi)


@lru_cache(maxsize=4096)
def _expand(name: str, level: int) -> tuple[tuple[float, ...], float, float]:
    """Return the squared Hermite coefficients of an activation, last first, the first, a slope."""
    # The product for two variables of correlation c is the sum of coefficients times c ** term:
    # Daniely, Frostig and Singer, Toward Deeper Understanding of Neural Networks, NeurIPS 2016.
    function, scale = _FUNCTIONS[name], math.exp(level / _LEVELS / 2)
    values = function(scale * _POINTS)
    powers = ((_PROJECTIONS @ values) ** 2).tolist()
    # What is left is of high terms, which count only where signals are equal.
    powers.append(max(float(_WEIGHTS @ values**2) - sum(powers), 0.0))
    step = 1e-4
    slopes = (function(scale * _POINTS + step) - function(scale * _POINTS - step)) / (2 * step)
    return tuple(reversed(powers[1:])), powers[0], float(_WEIGHTS @ slopes**2)
