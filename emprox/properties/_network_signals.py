"""Columns from the propagation of signals through a network, as at initialisation."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ._activations import activate
from ._network_flow import LAYERS, Flow

# Correlation of two inputs of the network.
_FIRST_CORRELATION = 0.8
# PyTorch draws weights so that a layer keeps a third of the variance.
_GAIN = 1 / 3
# A gate lets a half through: a sigmoid of zero.
_GATE = 0.25
# Signals end here, which only deep networks without normalisation reach.
_TINY, _HUGE = 1e-30, 1e100

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
        # How much of a gradient each operation hands on to each that it reads.
        self._shares: list[float | list[float]] = [1.0] * n_operations
        # The source that a signal is a multiple of, or how much of each source is in it.
        self._sources: list[int | dict[int, float]] = list(range(n_operations))
        self._scales = [1.0] * n_operations
        for number in flow.order:
            self._follow(number, flow.reads[number], flow.kinds[number])

    def power(self, number: int) -> float:
        """Return the mean square of what an operation writes."""
        return self.variances[number] + self.squared_means[number]

    def correlation(self, number: int) -> float:
        """Return the correlation with the signal of another input."""
        return self.covariances[number] / max(self.variances[number], _TINY)

    def shares(self, number: int) -> list[float]:
        """Return how much of the variance of each that an operation reads is in what it writes."""
        shares = self._shares[number]
        return shares if isinstance(shares, list) else [shares] * len(self.flow.reads[number])

    def gradients(self) -> list[float]:
        """Send a gradient of unit variance back from where the body ends."""
        # Those that come back along several copies are added as if they were independent.
        flow, gradients = self.flow, [0.0] * len(self._shares)
        gradients[flow.end] = 1.0
        for number in reversed(flow.order):
            gradient = min(gradients[number], _HUGE)
            if gradient > 0:
                shares = self._shares[number]
                for place, source in enumerate(flow.reads[number]):
                    share = shares[place] if isinstance(shares, list) else shares
                    gradients[source] += gradient * share
        return gradients

    def _follow(self, number: int, reads: list[int], kind: str) -> None:
        if not reads:
            self._set(number, 1.0, _FIRST_CORRELATION if kind == "input" else 0.0, 0.0, 1.0)
        elif kind in ("activation", "softmax"):
            self._activate(number, reads[0])
        elif kind == "normalization":
            self._normalize(number, reads[0])
        elif len(reads) == 1:
            if kind in LAYERS:
                self._scale(number, reads[0], _GAIN)
            else:
                self._copy(number, reads[0], _GATE if self.flow.is_gated[number] else 1.0)
        elif kind in LAYERS:
            self._mix(number, reads, [_GAIN / len(reads)] * len(reads))
        elif kind == "concatenation":
            channels = [self.flow.channels[source] for source in reads]
            total = max(sum(channels), 1)
            self._mix(number, reads, [each / total for each in channels])
        elif kind in ("multiply", "matmul"):
            self._multiply(number, reads)
        else:
            self._add(number, reads, 1.0 if kind == "add" else 1 / len(reads))

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

    def _scale(self, number: int, source: int, share: float) -> None:
        self._shares[number] = share
        self._set(
            number,
            share * self.variances[source],
            share * self.covariances[source],
            share * self.squared_means[source],
            share * self.jacobians[source],
        )

    def _copy(self, number: int, source: int, share: float) -> None:
        self._scale(number, source, share)
        self._sources[number] = self._sources[source]
        self._scales[number] = self._scales[source] * math.sqrt(share)

    def _activate(self, number: int, source: int) -> None:
        name = "sigmoid" if self.flow.kinds[number] == "softmax" else self.flow.names[number]
        after = activate(
            name, self.variances[source], self.covariances[source], self.squared_means[source]
        )
        self._set(number, *after[:3], self.jacobians[source] * after.slope)
        self._shares[number] = after.slope

    def _normalize(self, number: int, source: int) -> None:
        # Over a batch each channel's mean is taken away, over channels they count.
        squared_mean = 0.0 if "batch" in self.flow.names[number] else self.squared_means[source]
        share = 1 / max(self.variances[source] + squared_mean, _TINY)
        self._copy(number, source, share)
        self.squared_means[number] = squared_mean * share

    def _mix(self, number: int, reads: list[int], shares: list[float]) -> None:
        parts = (self.variances, self.covariances, self.squared_means, self.jacobians)
        self._set(
            number,
            *(
                sum(share * part[s] for s, share in zip(reads, shares, strict=True))
                for part in parts
            ),
        )
        self._shares[number] = shares

    def _multiply(self, number: int, reads: list[int]) -> None:
        power = product = squared_mean = 1.0
        for source in reads:
            power *= self.power(source)
            product *= self.covariances[source] + self.squared_means[source]
            squared_mean *= self.squared_means[source]
        shares = [power / max(self.power(source), _TINY) for source in reads]
        jacobian = sum(self.jacobians[s] * share for s, share in zip(reads, shares, strict=True))
        self._set(number, power - squared_mean, product - squared_mean, squared_mean, jacobian)
        self._shares[number] = shares

    def _add(self, number: int, reads: list[int], share: float) -> None:
        amplitudes: dict[int, float] = {}
        for read in reads:
            scale, sources = self._scales[read] * math.sqrt(share), self._sources[read]
            if isinstance(sources, int):
                amplitudes[sources] = amplitudes.get(sources, 0.0) + scale
            else:
                for source, amplitude in sources.items():
                    amplitudes[source] = amplitudes.get(source, 0.0) + scale * amplitude
        variance = covariance = jacobian = 0.0
        for source, amplitude in amplitudes.items():
            square = amplitude * amplitude
            variance += square * self.variances[source]
            covariance += square * self.covariances[source]
            jacobian += square * self.jacobians[source]
        squared_mean = share * sum(self.squared_means[read] for read in reads)
        self._set(number, variance, covariance, squared_mean, jacobian)
        self._shares[number] = share
        # Where nothing before it is read again, it is a source of its own.
        if not self.flow.is_shared_by_all[number]:
            self._sources[number] = amplitudes


def signal_columns(signals: Signals) -> dict[str, float]:
    """Describe how signals and gradients run through a network."""
    flow = signals.flow
    end, body = flow.end, flow.body
    power, jacobian = signals.power(end), signals.jacobians[end]
    gradients = signals.gradients()
    read = [signals.power(flow.reads[number][0]) for number in body]
    # The mean squared gradients of the weights of layers.
    received = [gradients[number] * each for number, each in zip(body, read, strict=True)]
    correlations = np.array([signals.correlation(number) for number in body])
    powers, log_received = _log(read, 1e-12), _log(received, 1e-9)
    return {
        "log variance of the output": _log(signals.variances[end], 1e-6),
        "log power of the output": _log(power, 1e-6),
        "share of the mean in the output": 1 - signals.variances[end] / (power + _TINY),
        "correlation of outputs": signals.correlation(end),
        "log of 1 - correlation of outputs": _log(1 - signals.correlation(end), 1e-4),
        "log jacobian": _log(jacobian, 1e-12),
        "log jacobian over power": _log(jacobian / (power + _TINY), 1e-12),
        "log jacobian for each layer": _log(jacobian, 1e-12) / max(len(body), 1),
        "log gradient at the input": _log(gradients[flow.order[0]], 1e-12),
        "log values at the end": math.log(max(flow.values[end], 1)),
        "log positions at the end": math.log(max(flow.positions[end], 1)),
        "log fewest values of a layer": _log_least([flow.values[number] for number in body]),
        "log fewest channels of a layer": _log_least([flow.channels[number] for number in body]),
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


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _log_least(sizes: list[int]) -> float:
    return math.log(max(min(sizes, default=1), 1))


@overload
def _log(value: float, least: float) -> float: ...


@overload
def _log(value: list[float], least: float) -> Floats: ...


def _log(value: Any, least: float) -> Any:
    """Take logarithms of what should not be negative, but for rounding."""
    logs = np.log(np.maximum(value, 0.0) + least)
    return logs if isinstance(value, list) else float(logs)
