"""Columns from the propagation of signals through a network, as at initialisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ._activations import activate
from ._network_flow import DEPTHWISE, LAYERS, NARROW, WIDE, Flow

# Correlation of two inputs of the network.
_FIRST_CORRELATION = 0.8
# PyTorch draws weights so that a layer keeps a third of the variance.
_GAIN = 1 / 3
# A gate lets a half through: a sigmoid of zero.
_GATE = 0.25
# Signals end here, which only deep networks without normalisation reach.
_TINY, _HUGE = 1e-30, 1e100
_N_PARTS = 3
_KINDS = ((WIDE, "wide"), (NARROW, "narrow"), (DEPTHWISE, "depthwise"))

# How much of each source is in a signal.
Amplitudes = dict[int, float]
Floats = NDArray[np.float64]


class Signals:
    """The signals of a network: one after each operation.

    A signal has a variance over inputs and positions, a covariance with the signal of another
    input, a mean, squared, in each channel, and a jacobian: the mean squared derivative with
    respect to the input. It is a sum of *sources*, which are independent: what layers, activations
    and concatenations write. So signals add up coherently where one of them is a copy. Pooling is
    taken for a copy: of smooth signals it is one.
    """

    def __init__(self, flow: Flow) -> None:
        n_operations = len(flow.kinds)
        self.flow = flow
        self.variances = [0.0] * n_operations
        self.covariances = [0.0] * n_operations
        self.squared_means = [0.0] * n_operations
        self.jacobians = [0.0] * n_operations
        # How much of a gradient each operation hands on to what it reads.
        self.passing: list[Sequence[tuple[int, float]]] = [()] * n_operations
        # The variances that sums add up.
        self.summands: dict[int, list[float]] = {}
        self._sources: list[tuple[float, float, float]] = []
        self._amplitudes: list[Amplitudes] = [{}] * n_operations
        self._scales = [1.0] * n_operations
        for number in flow.order:
            self._follow(number, flow.reads[number], flow.kinds[number])

    def power(self, number: int) -> float:
        """Return the mean square of what an operation writes."""
        return self.variances[number] + self.squared_means[number]

    def correlation(self, number: int) -> float:
        """Return the correlation with the signal of another input."""
        return self.covariances[number] / max(self.variances[number], _TINY)

    def gradients(self) -> list[float]:
        """Send a gradient of unit variance back from where the body ends."""
        # Those that come back along several copies are added as if they were independent.
        gradients = [0.0] * len(self.passing)
        gradients[self.flow.end] = 1.0
        for number in reversed(self.flow.order):
            gradient = min(gradients[number], _HUGE)
            if gradient > 0:
                for source, share in self.passing[number]:
                    gradients[source] += gradient * share
        return gradients

    def _follow(self, number: int, reads: list[int], kind: str) -> None:
        if not reads:
            correlation = _FIRST_CORRELATION if kind == "input" else 0.0
            self._begin(number, 1.0, correlation, 0.0, 1.0)
        elif kind in LAYERS:
            source = max(reads, key=self.flow.values.__getitem__)
            self._begin(number, *(_GAIN * each for each in self._signal(source)))
            self.passing[number] = ((source, _GAIN),)
        elif kind in ("activation", "softmax"):
            self._activate(number, reads[0])
        elif kind == "normalization":
            self._normalize(number, reads[0])
        elif len(reads) == 1:
            share = _GATE if self.flow.is_gated[number] else 1.0
            self._copy(number, reads[0], share)
        elif kind == "concatenation":
            self._concatenate(number, reads)
        elif kind in ("multiply", "matmul"):
            self._multiply(number, reads)
        else:
            self._add(number, reads, 1.0 if kind == "add" else 1 / len(reads))

    def _signal(self, number: int) -> tuple[float, float, float, float]:
        return (
            self.variances[number],
            self.covariances[number],
            self.squared_means[number],
            self.jacobians[number],
        )

    def _set(
        self,
        number: int,
        variance: float,
        covariance: float,
        squared_mean: float,
        jacobian: float,
    ) -> None:
        if variance > _HUGE:
            variance, covariance = _HUGE, _HUGE * covariance / variance
        self.variances[number], self.covariances[number] = variance, covariance
        self.squared_means[number] = min(squared_mean, _HUGE)
        self.jacobians[number] = min(jacobian, _HUGE)

    def _begin(
        self,
        number: int,
        variance: float,
        covariance: float,
        squared_mean: float,
        jacobian: float,
    ) -> None:
        """Make a source of its own of what an operation writes."""
        self._set(number, variance, covariance, squared_mean, jacobian)
        self._amplitudes[number] = {len(self._sources): 1.0}
        self._sources.append(
            (self.variances[number], self.covariances[number], self.jacobians[number])
        )

    def _activate(self, number: int, source: int) -> None:
        variance, covariance, squared_mean, jacobian = self._signal(source)
        name = "sigmoid" if self.flow.kinds[number] == "softmax" else self.flow.names[number]
        after = activate(name, variance, covariance, squared_mean)
        self._begin(number, *after[:3], jacobian * after.slope)
        self.passing[number] = ((source, after.slope),)

    def _normalize(self, number: int, source: int) -> None:
        # Over a batch each channel's mean is taken away, over channels they count.
        squared_mean = 0.0 if "batch" in self.flow.names[number] else self.squared_means[source]
        share = 1 / max(self.variances[source] + squared_mean, _TINY)
        self._copy(number, source, share)
        self.squared_means[number] = squared_mean * share

    def _copy(self, number: int, source: int, share: float) -> None:
        self._amplitudes[number] = self._amplitudes[source]
        self._scales[number] = self._scales[source] * math.sqrt(share)
        self._set(number, *(share * each for each in self._signal(source)))
        self.passing[number] = ((source, share),)

    def _concatenate(self, number: int, reads: list[int]) -> None:
        channels = [self.flow.channels[source] for source in reads]
        total = max(sum(channels), 1)
        shares = [each / total for each in channels]
        parts = [self._signal(source) for source in reads]
        self._begin(
            number,
            *(sum(map(float.__mul__, shares, each)) for each in zip(*parts, strict=True)),
        )
        self.passing[number] = tuple(zip(reads, shares, strict=True))
        self.summands[number] = [
            share * self.variances[source] for source, share in self.passing[number]
        ]

    def _multiply(self, number: int, reads: list[int]) -> None:
        power = product = squared_mean = 1.0
        for source in reads:
            power *= self.power(source)
            product *= self.covariances[source] + self.squared_means[source]
            squared_mean *= self.squared_means[source]
        shares = [power / max(self.power(source), _TINY) for source in reads]
        jacobian = sum(self.jacobians[s] * share for s, share in zip(reads, shares, strict=True))
        self._begin(number, power - squared_mean, product - squared_mean, squared_mean, jacobian)
        self.passing[number] = tuple(zip(reads, shares, strict=True))

    def _add(self, number: int, reads: list[int], share: float) -> None:
        amplitudes: Amplitudes = {}
        for source in reads:
            scale = self._scales[source] * math.sqrt(share)
            for origin, amplitude in self._amplitudes[source].items():
                amplitudes[origin] = amplitudes.get(origin, 0.0) + scale * amplitude
        variance = covariance = jacobian = 0.0
        for origin, amplitude in amplitudes.items():
            part = self._sources[origin]
            square = amplitude * amplitude
            variance += square * part[0]
            covariance += square * part[1]
            jacobian += square * part[2]
        squared_mean = share * sum(self.squared_means[source] for source in reads)
        self.passing[number] = tuple((source, share) for source in reads)
        self.summands[number] = [self.variances[source] for source in reads]
        if self.flow.is_shared_by_all[number]:
            # Nothing before it is read again.
            self._begin(number, variance, covariance, squared_mean, jacobian)
        else:
            self._amplitudes[number] = amplitudes
            self._set(number, variance, covariance, squared_mean, jacobian)


def signal_columns(flow: Flow) -> dict[str, float]:
    """Describe how signals and gradients run through a network."""
    signals, end, body = Signals(flow), flow.end, flow.body
    power, jacobian = signals.power(end), signals.jacobians[end]
    gradients = signals.gradients()
    read = [signals.power(flow.reads[number][0]) for number in body]
    # The mean squared gradients of the weights of layers.
    received = [gradients[number] * each for number, each in zip(body, read, strict=True)]
    correlations = np.array([signals.correlation(number) for number in body])
    powers, log_received = _log(read, 1e-12), _log(received, 1e-9)
    columns = {
        "log variance of the output": _log(signals.variances[end], 1e-6),
        "log power of the output": _log(power, 1e-6),
        "share of the mean in the power of the output": 1
        - signals.variances[end] / (power + _TINY),
        "correlation of outputs": signals.correlation(end),
        "log of 1 - correlation of outputs": _log(1 - signals.correlation(end), 1e-4),
        "log jacobian": _log(jacobian, 1e-12),
        "log jacobian over power": _log(jacobian / (power + _TINY), 1e-12),
        "log jacobian for each layer": _log(jacobian, 1e-12) / max(len(body), 1),
        "log gradient at the input": _log(gradients[flow.order[0]], 1e-12),
    }
    for number, part in enumerate(np.array_split(np.arange(len(body)), _N_PARTS), 1):
        columns |= {
            f"third {number}: correlation": _mean(correlations[part]),
            f"third {number}: log power": _mean(powers[part]),
            f"third {number}: log gradient": _mean(log_received[part]),
        }
    columns |= {
        "mean correlation": _mean(correlations),
        "mean log power": _mean(powers),
        "spread of log power": float(powers.std()) if len(body) else 0.0,
        "least log power": min(powers.tolist(), default=0.0),
        "mean log gradient": _mean(log_received),
        "spread of log gradients": float(log_received.std()) if len(body) else 0.0,
        "most log gradient": max(log_received.tolist(), default=0.0),
        "least log gradient": min(log_received.tolist(), default=0.0),
        "log gradient of the first over the last layer": float(
            log_received[:1].sum() - log_received[-1:].sum()
        ),
    }
    for role, name in _KINDS:
        of_kind = [each for n, each in zip(body, received, strict=True) if flow.roles[n] == role]
        columns |= {
            f"log gradients of {name} layers": _log(sum(of_kind), 0.1),
            f"log gradient of a {name} layer": _log(sum(of_kind) / max(len(of_kind), 1), 1e-3),
        }
    return columns | _of_joins(signals)


def _of_joins(signals: Signals) -> dict[str, float]:
    """Describe what signals are made of where several come together."""
    entropies, largest, variances = [], [], []
    for number, summands in signals.summands.items():
        if number <= signals.flow.end and len(summands) > 1:
            shares = [each / (sum(summands) + _TINY) for each in summands]
            entropies.append(-sum(share * math.log(share + _TINY) for share in shares))
            largest.append(max(shares))
            variances.append(_log(signals.variances[number], 1e-4))
    n_joins = max(len(entropies), 1)
    return {
        "entropy of joins": sum(entropies),
        "mean entropy of joins": sum(entropies) / n_joins,
        "mean largest share in joins": sum(largest) / n_joins if largest else 1.0,
        "log variances of joins": sum(variances),
        "mean log variance of joins": sum(variances) / n_joins,
        "log variance of the last join": sum(variances[-1:]),
    }


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


@overload
def _log(value: float, least: float) -> float: ...


@overload
def _log(value: list[float], least: float) -> Floats: ...


def _log(value: Any, least: float) -> Any:
    """Take logarithms of what should not be negative, but for rounding."""
    logs = np.log(np.maximum(value, 0.0) + least)
    return logs if isinstance(value, list) else float(logs)
