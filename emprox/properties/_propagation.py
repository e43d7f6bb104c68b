"""Mean-field propagation of signals through cells of known operations.

A signal is described by its variance over channels and positions, and by its correlation with the
signal that another input of the network leads to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._counts import Columns
from ._wiring import TINY, Array, Mixture, Renewal, Wiring

# Blurring a signal more often than this changes its correlation with itself by little.
MAX_BLURS = 3


def renewed_correlation(correlation: Array) -> Array:
    """Return the correlation after rectification, random weights and normalisation."""
    # Cho and Saul, Kernel Methods for Deep Learning, NeurIPS 2009, equation 6: the arc-cosine
    # kernel of degree one, here centred and scaled.
    c = np.clip(correlation, -1, 1)
    kernel = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / (2 * np.pi)
    independent, equal = 1 / (2 * np.pi), 0.5
    return (kernel - independent) / (equal - independent)


def blur_autocovariances(n_blurs: int) -> Array:
    """Return the covariance of white noise blurred i times and j times, by i + j."""
    # It is the central entry of so many boxes of 3 x 3 convolved.
    row, covariances = np.ones(1), []
    for _ in range(n_blurs + 1):
        covariances.append(row[len(row) // 2] ** 2)
        row = np.convolve(row, np.ones(3) / 3)
    return np.array(covariances)


@dataclass(frozen=True)
class Signals:
    """The signals of a batch of cells: at each arrival, and of each source."""

    # A jacobian is the mean squared derivative with respect to the cell's inputs.
    variances: list[Array]
    correlations: list[Array]
    jacobians: list[Array]
    source_variances: Array
    source_jacobians: Array


def propagate(wiring: Wiring, variances: Array, correlations: Array) -> Signals:
    """Send signals, given for each input and row, through a batch of cells."""
    n_inputs, n_rows = variances.shape
    # Variance, covariance with the other signal, and jacobian of each source.
    sources = np.ones((3, wiring.n_sources, n_rows))
    sources[0, :n_inputs] = variances
    sources[1, :n_inputs] = variances * correlations
    variance, correlation = list(variances), list(correlations)
    jacobian = [np.ones(n_rows)] * n_inputs
    renewed: dict[int, list[Array]] = {}
    for step in wiring.steps:
        arrival = step.arrival
        if isinstance(step, Renewal):
            if arrival not in renewed:
                renewed[arrival] = [renewed_correlation(correlation[arrival])]
                for _ in step.depths[1:]:
                    renewed[arrival].append(renewed_correlation(renewed[arrival][-1]))
            sources[1, step.source] = sum(map(np.multiply, renewed[arrival], step.depths))
            sources[2, step.source] = step.slope * jacobian[arrival] / variance[arrival]
            continue
        if isinstance(step, Mixture):
            arriving = sum(
                share * np.array([variance[p], variance[p] * correlation[p], jacobian[p]])
                for share, p in zip(step.shares, step.parts, strict=True)
            )
        else:
            arriving = np.einsum("sr,ksr->kr", step.powers, sources[:, : len(step.powers)])
        # Where no signal arrives, any numbers do.
        alive = arriving[0] > 0
        variance.append(np.where(alive, arriving[0], 1))
        correlation.append(arriving[1] / variance[-1])
        jacobian.append(np.where(alive, arriving[2], 1))
        if isinstance(step, Mixture) and step.source is not None:
            sources[:, step.source] = variance[-1], arriving[1], jacobian[-1]
    return Signals(variance, correlation, jacobian, sources[0], sources[2])


def gradients(wiring: Wiring, signals: Signals) -> Columns:
    """Send gradients of unit variance back from the output, and add up what each operation gets."""
    # Those that come back along several copies of a signal are added as if they were independent.
    output = signals.variances[wiring.output]
    received: Columns = {name: np.zeros(len(output)) for name in wiring.names.values()}
    # The gradient at each arrival, and at what each node hands on.
    none = np.zeros(len(output))
    at_arrival = {wiring.output: np.ones(len(output))}
    at_node: dict[int, Array] = {}
    steps = {step.arrival: step for step in wiring.steps if not isinstance(step, Renewal)}
    for arrival in range(len(wiring.readers) - 1, -1, -1):
        total = at_arrival.get(arrival, none)
        for node in wiring.readers[arrival]:
            arriving, through = at_node.get(node, none), wiring.passing[node]
            if node in wiring.renewals:
                through = through + wiring.renewals[node].slope / signals.variances[arrival]
                for name, there in wiring.renewals[node].operations.items():
                    received[name] += arriving * there
            total = total + arriving * through
        step = steps.get(arrival)
        if isinstance(step, Mixture):
            for part, share in zip(step.parts, step.shares, strict=True):
                at_arrival[part] = at_arrival.get(part, none) + total * share
        elif step is not None:
            for node, where in step.terms:
                at_node[node] = at_node.get(node, none) + (
                    total if where is None else total * where
                )
    return {name: gradient / output for name, gradient in received.items()}


def path_statistics(wiring: Wiring, signals: Signals, weights: str) -> Columns:
    """Describe the paths to the output by their share of its variance, or of its jacobian."""
    by_variance = weights == "variance"
    of_arrival = signals.variances if by_variance else signals.jacobians
    of_source = signals.source_variances if by_variance else signals.source_jacobians
    n_inputs, n_rows = wiring.graphs.n_inputs, of_source.shape[1]
    names = ["layers", *wiring.names.values(), "blurs", "no layer", "several layers", "wide layer"]
    names += [
        "several wide layers",
        "no blur",
        "empty path",
        "wide layer last",
        "blur last",
        "entropy",
    ]
    (blurs, none, several, wide, several_wide, no_blur, empty, wide_last, blur_last, entropy) = (
        range(len(wiring.names) + 1, len(names))
    )
    untouched = np.zeros((len(names), n_rows))
    untouched[[none, no_blur, empty]] = 1
    at_arrival = [untouched] * n_inputs
    at_source = np.zeros((wiring.n_sources, len(names), n_rows))
    at_source[:n_inputs] = untouched
    for step in wiring.steps:
        if isinstance(step, Renewal):
            before, after = at_arrival[step.arrival], at_source[step.source]
            after[:] = before
            layers, is_wide = step.layers, step.is_wide
            after[0] += layers
            for name, there in step.operations.items():
                after[names.index(name)] += there
            after[several] = np.where(layers > 1, 1, 1 - before[none])
            after[several_wide] = np.where(
                is_wide * layers > 1, 1, np.where(is_wide, before[wide], before[several_wide])
            )
            after[wide] = np.maximum(is_wide, before[wide])
            after[wide_last] = is_wide
            after[[none, empty, blur_last]] = 0
            continue
        if isinstance(step, Mixture):
            here = np.zeros((len(names), n_rows))
            sizes = [s * of_arrival[part] for s, part in zip(step.shares, step.parts, strict=True)]
            total = np.maximum(sum(sizes), TINY)
            for size, part in zip(sizes, step.parts, strict=True):
                share = size / total
                here += share * at_arrival[part]
                here[entropy] -= share * np.log(share + TINY)
            if step.source is not None:
                at_source[step.source] = here
            at_arrival.append(here)
            continue
        n_sources = len(step.powers)
        shares = step.powers * of_source[:n_sources]
        total = shares.sum(axis=0)
        shares /= np.where(total > 0, total, 1)
        sources = at_source[:n_sources]
        here = np.einsum("sr,snr->nr", shares, sources)
        here[entropy] -= (shares * np.log(shares + TINY)).sum(axis=0)
        if step.blurs is not None:
            share_of_none, mean, uncertainty = step.blurs
            unblurred = shares * share_of_none
            last = slice(no_blur, blur_last + 1)
            here[last] = np.einsum("sr,snr->nr", unblurred, sources[:, last])
            here[blur_last] += (shares - unblurred).sum(axis=0)
            here[blurs] += np.einsum("sr,sr->r", shares, mean)
            here[entropy] += np.einsum("sr,sr->r", shares, uncertainty)
        at_arrival.append(here)
    return dict(zip(names, at_arrival[wiring.output], strict=True))
