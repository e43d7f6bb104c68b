"""Properties of networks, as a scikit-learn transformer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..graphs import ArchitectureError
from ..networks import Network
from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ..spaces._transformer import ArchitectureTransformer
from ..utils._sklearn import StrOptions
from ._network_columns import GROUPS
from ._network_facts import NetworkFacts

# Standardised values end here. Few networks are known, of many kinds: one that has more of
# something than any of them would otherwise be far from all, and nothing be known about it.
_LIMIT = 3.0
# Weights of the groups of columns once they are standardised; of all others 1.
WEIGHTS = {
    "size": 2.0,
    "depth": 1.5,
    "downsampling": 1.5,
    "quarters": 0.5,
    "functions": 0.5,
}
_MEASURED = "measured"
# Scores with heavy tails, as logarithms; the covariance is never above minus one.
_LOGARITHMS = {"gradient norm": 1, "SNIP": 1, "synflow": 1, "Jacobian covariance": -1}


class NetworkProperties(ArchitectureTransformer):
    """Describe networks by numbers that their operations determine.

    Nothing is trained or run: the numbers follow from the operations that `emprox.networks.capture`
    recorded, and from how data flows among them. Only the group "measured" has scores from a run.

    Parameters
    ----------
    space : str or SearchSpace, default="network"
        The space of the networks, whose ``decode`` returns `emprox.networks.Network` objects.
    groups : "auto" or sequence of str, default="auto"
        Which columns to compute; see Notes. ``"auto"`` takes all but "measured".
    standardize : bool, default=False
        Whether to center each column and to divide it by its standard deviation over the networks
        given to `fit`, to set what is more than 3 away to 3, and then to multiply it by the weight
        of its group: 2 for size, 1.5 for depth and downsampling, 1/2 for quarters and functions,
        1 for the others.

    Attributes
    ----------
    space_ : SearchSpace
        The space, with the networks given to `fit`.
    groups_ : tuple of str
        The groups of columns.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    emprox.networks.capture : Makes networks of PyTorch modules.
    StructuralProperties : Describes architectures of the search spaces of benchmarks.

    Notes
    -----
    A *layer* is a convolution, a linear or a recurrent layer; *attention* stands for every product
    of two activations. The *body* are the layers that write more than one position (a pixel, a
    token); the *head* are those behind it. The *stage* of an operation is how often the side of
    the input was halved until there: ``log2(side of the input / side)``, of sequences with the
    number of tokens as the side. Means "by multiply-adds", and the like, are weighted with them.
    The groups hold

    size
        logarithms of weights, multiply-adds, the side of the input, values that layers and all
        operations write, those alive at once, multiply-adds for each weight or value, and means of
        a layer.
    depth
        logarithms of numbers of layers: in all, on the longest and on the shortest path; of sums
        of branches, and how far kernels reach.
    width
        logarithms of channels and kernels: means, the most, of stem and head, and by how much
        layers widen or narrow what they read.
    stages
        the stage at which multiply-adds, weights, values and layers are; for each of the stages 1
        to 6 layers, channels, and its shares of weights and multiply-adds.
    downsampling
        layers and pooling with a stride: how many, how far they step and how far their kernels
        overlap, and what kinds of layers they are.
    quarters
        for each quarter of the layers in their order channels, stage, and its shares of weights
        and multiply-adds.
    layers
        of eleven kinds of layers the shares in multiply-adds, values, weights and number; the
        kernel of depthwise and the channels of grouped convolutions.
    functions
        shares of kinds of activations and normalisation in the values that these write; numbers of
        gates (products with a factor of fewer values, as in squeeze-and-excitation), by how much
        layers of pooled values squeeze their channels; numbers of learned
        scalings (as in a layer scale), and of all other operations, as logarithms and for each
        layer.
    attention
        logarithms of heads and windows, of channels of a head, queries and keys; which share of
        the tokens a query is compared with.
    successions
        of what layers and sums of branches read, and of what reads them, the shares of
        normalizations, activations, sums, products, concatenations and layers.
    paths
        ``log(sum over paths of the product of gains)`` of all paths from input to output, for
        eleven sets of gains of wide layers (whose kernel is wider than 1), of narrow, and of
        depthwise ones, of pooling and of attention; with all of them 1 it is the logarithm of the
        number of paths. The same where each path counts by its share of the variance of the
        output. ``log(1 + length)`` of the longest, the shortest and the mean path, in layers, wide
        and narrow layers, poolings and in the radius that kernels add up to; the same means by
        variance, and the entropy of the shares. Kinds of branches where paths join, for each
        layer. Paths lead through what is carried on, not through what it is multiplied with, such
        as gates or the shares of attention.
    signals
        mean-field propagation from the input to the last operation of more than one position, with
        PyTorch's initialisation: at the end variance, power (variance and squared mean),
        correlation for two inputs whose own is 0.8, and mean squared jacobian; means, spread and
        extremes over the layers of the power that they read and of the squared gradients that reach
        their weights; of how many values the signal consists, at the end and at the least.
        Activations map signals as their Hermite coefficients say; layers keep a third of the power;
        normalisation makes it 1; a gate lets half of an amplitude through; independent signals add
        up in power, copies of one in amplitude.
    measured
        Scores of the untrained network on one batch, of networks captured with
        ``capture(module, inputs, batch=…)``; not among those of "auto". With the mean cross-entropy
        L for random classes and weights w of two or more dimensions: the gradient norm, the sum
        of ``||dL/dw||``; SNIP, ``sum(|w dL/dw|)``; synflow, ``sum(|w dR/dw|)`` for the sum R of
        the outputs for an input of ones, all weights made positive; ZiCo, the sum over weights of
        ``log(sum(mean |dL/dw| / std |dL/dw|))`` over the halves of the batch; NASWOT,
        ``sum(log(s + 1e-5))`` of the eigenvalues s of how many inputs of activations are positive,
        or are not, for both of two samples; `emprox.predictors.jacobian_covariance`. The first
        three and the last are logarithms. Batch normalisation takes mean and variance of the
        batch, but for synflow. A score that is not defined, such as NASWOT of networks
        without activations or the Jacobian covariance for integers, or that is zero where a
        logarithm is taken, counts as the mean of those known.

    Columns that are the same for all networks given to `fit` are left out.

    References
    ----------
    Ben Poole, Subhaneil Lahiri, Maithra Raghu, Jascha Sohl-Dickstein and Surya Ganguli.
    Exponential expressivity in deep neural networks through transient chaos. NeurIPS 2016.
    (Propagation of variances and correlations.)

    Samuel Schoenholz, Justin Gilmer, Surya Ganguli and Jascha Sohl-Dickstein. Deep Information
    Propagation. ICLR 2017. (Gradients.)

    Amit Daniely, Roy Frostig and Yoram Singer. Toward Deeper Understanding of Neural Networks: The
    Power of Initialization and a Dual View on Expressivity. NeurIPS 2016. (Activations.)

    Mohamed Abdelfattah, Abhinav Mehrotra, Łukasz Dudziak and Nicholas Lane. Zero-Cost Proxies for
    Lightweight NAS. ICLR 2021. (Gradient norm; SNIP and synflow as scores of networks.)

    Hidenori Tanaka, Daniel Kunin, Daniel Yamins and Surya Ganguli. Pruning neural networks without
    any data by iteratively conserving synaptic flow. NeurIPS 2020. (Synflow.)

    Joe Mellor, Jack Turner, Amos Storkey and Elliot Crowley. Neural Architecture Search without
    Training. ICML 2021. (NASWOT.)

    Guihong Li, Yuedong Yang, Kartikeya Bhardwaj and Radu Marculescu. ZiCo: Zero-shot NAS via
    Inverse Coefficient of Variation on Gradients. ICLR 2023.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.networks import capture
    >>> from emprox.properties import NetworkProperties
    >>> networks = [
    ...     capture(nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 1)), (1, 10))
    ...     for width in (90, 990)
    ... ]
    >>> properties = NetworkProperties(groups=["size"]).fit(networks)
    >>> names = list(properties.get_feature_names_out())
    >>> properties.transform(networks)[:, names.index("log10 multiply-adds")].round(2)
    array([3.  , 4.04])
    """

    _reads = "NetworkProperties"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureTransformer._parameter_constraints,
        "groups": [StrOptions({"auto"}), list, tuple],
        "standardize": ["boolean"],
    }

    def __init__(
        self,
        space: str | SearchSpace = "network",
        *,
        groups: str | Sequence[str] = "auto",
        standardize: bool = False,
    ) -> None:
        self.space = space
        self.groups = groups
        self.standardize = standardize

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        self.groups_ = _check_groups(self.groups)
        keys, matrix = self._compute(self.space_, decisions)
        # Scores that are not defined have no say.
        valid = np.ma.masked_invalid(matrix)
        means, scales = (each.filled(0.0) for each in (valid.mean(axis=0), valid.std(axis=0)))
        kept = scales > 1e-9 * np.maximum(1, np.abs(means))
        if not kept.any():
            # Of a single network nothing varies.
            kept, scales = ~kept, np.ones_like(scales)
        self._kept, self._means, self._scales = kept, means[kept], scales[kept]
        groups = [group for (group, _), keep in zip(keys, kept, strict=True) if keep]
        self._weights = np.array([WEIGHTS.get(group, 1.0) for group in groups])
        return [name for (_, name), keep in zip(keys, kept, strict=True) if keep]

    def _describe(self, space: SearchSpace, decisions: IntArray) -> NDArray[np.float64]:
        part = self._compute(space, decisions)[1][:, self._kept]
        part = np.where(np.isfinite(part), part, self._means)
        if self.standardize:
            part -= self._means
            part /= self._scales
            np.clip(part, -_LIMIT, _LIMIT, out=part)
            part *= self._weights
        return part

    def _compute(
        self, space: SearchSpace, decisions: IntArray
    ) -> tuple[list[tuple[str, str]], NDArray[np.float64]]:
        """Return the groups and names of all columns, and the columns."""
        computed = tuple(group for group in self.groups_ if group != _MEASURED)
        networks: list[Any] = space.decode(decisions)
        rows = [_describe_network(each, computed) for each in networks]
        if _MEASURED in self.groups_:
            pairs = enumerate(zip(rows, networks, strict=True))
            rows = [row | _measured_columns(network, index) for index, (row, network) in pairs]
        return list(rows[0]), np.array([list(row.values()) for row in rows], dtype=np.float64)


def _check_groups(groups: str | Sequence[str]) -> tuple[str, ...]:
    if groups == "auto":
        return tuple(GROUPS)
    known = (*GROUPS, _MEASURED)
    if not groups or any(name not in known for name in groups):
        raise ValueError(
            f"groups has to be 'auto' or some of {', '.join(map(repr, known))}, got {groups!r}"
        )
    return tuple(name for name in known if name in groups)


def _measured_columns(network: Network, index: int) -> dict[tuple[str, str], float]:
    """Return the scores of a network; networks that are equal may have others."""
    if not network.measured:
        raise ArchitectureError(
            f"{network.name} was not measured, but groups has 'measured': capture the module with"
            " capture(module, inputs, batch=…), or give modules with"
            " space=NetworkSpace(inputs=…, batch=…)",
            index,
        )
    columns = {}
    for name, score in network.measured.items():
        if sign := _LOGARITHMS.get(name):
            # What is zero has no logarithm, and is left out.
            score = sign * math.log10(sign * score) if sign * score > 0 else math.nan
            name = f"log10 {name}" if sign > 0 else f"-log10 -{name}"
        columns[_MEASURED, name] = score
    return columns


@lru_cache(maxsize=4096)
def _describe_network(network: Network, groups: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """Compute the columns of a network, by group and name; remembered for the next fit."""
    facts = NetworkFacts(network)
    return {
        (group, name): value for group in groups for name, value in GROUPS[group](facts).items()
    }
