"""Generated architectures with a made-up accuracy: for documentation, tests and bug reports."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from sklearn.utils import Bunch

from ..spaces import Architecture, SearchSpace, get_space
from ..utils._random import RandomState, as_generator
from ._base import make_bunch, shape_bunch

# Operations through which no signal passes, and operations that do not add to the depth.
_BLOCKING = {"none", "zero", "zeroize"}
_PASSING = {"input", "output", "skip_connect", "skip", "identity"}

_CHANCE = 10.0


def make_architectures(
    space: str | SearchSpace,
    n_architectures: int = 100,
    *,
    noise: float = 0.5,
    random_state: RandomState = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Generate architectures of any search space, with an accuracy that is made up.

    The architectures are drawn uniformly, without replacement. The accuracy depends on the
    canonical form alone, so that architectures that compute the same function differ by noise
    only. Nothing is trained or downloaded: what predicts well here need not do so on real
    networks.

    Parameters
    ----------
    space : str or SearchSpace
        The search space: a registered name or an object.
    n_architectures : int, default=100
        How many.
    noise : float, default=0.5
        Standard deviation of the normal noise added to the accuracy, in percentage points.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the architectures and the noise.
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The accuracy is in percent;
        ``noise_free_target`` of shape (n_architectures,) is the same before noise was added.

    Raises
    ------
    ValueError
        If the space does not exist or holds fewer architectures, or is an open one, which has to
        learn from architectures what it holds, or if `noise` is negative.

    See Also
    --------
    load_nasbench201 : Accuracies that were measured, without a download.

    Notes
    -----
    In the graph of the canonical form, operations called none, zero or zeroize are left out with
    their edges, and so is whatever then is on no path from a first node to a last one. Of what
    is left, the operations other than input, output, skip_connect, skip and identity count. With
    d the largest number of them on a path, and q the mean of their weights, the accuracy without
    noise is

        90 + 4 q - 30 / 2^d,

    or 10, the chance level, if there is no path. Every name of an operation has a weight that is
    always the same: ``zlib.crc32(name) / 2**31 - 1``, between -1 and 1. Noise may not carry the
    accuracy below 0 or above 100.

    Examples
    --------
    >>> from emprox.datasets import make_architectures
    >>> X, y = make_architectures("nasbench201", 3, random_state=0, return_X_y=True)
    >>> X[0]
    '|nor_conv_1x1~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|none~1|avg_pool_3x3~2|'
    >>> y.round(1).tolist()
    [83.5, 77.7, 87.3]
    """
    if not noise >= 0:
        raise ValueError(f"noise has to be at least 0, got {noise!r}")
    resolved = get_space(space)
    rng = as_generator(random_state)
    decisions = resolved.sample(n_architectures, rng)
    canonical = resolved.decode(resolved.canonicalize(decisions))
    noise_free = np.array([_accuracy(architecture) for architecture in canonical], dtype=float)
    noisy = np.clip(noise_free + rng.normal(0, noise, len(noise_free)), 0, 100)
    bunch = make_bunch(
        resolved.format(decisions),
        {"synthetic_accuracy": noisy},
        "generated.rst",
        resolved.name,
        chance_level=_CHANCE,
        noise_free_target=noise_free,
    )
    return shape_bunch(bunch, "synthetic_accuracy", return_X_y, as_frame)


def _accuracy(architecture: Architecture) -> float:
    """Return the accuracy without noise, in percent."""
    operations = architecture.operations
    nodes = range(len(operations))
    sources = {node: [start for start, end in architecture.edges if end == node] for node in nodes}
    targets = {node: [end for start, end in architecture.edges if start == node] for node in nodes}
    depth: dict[int, int] = {}  # most operations on a path that ends here, where a signal arrives
    for node in nodes:
        before = [depth[source] for source in sources[node] if source in depth]
        if operations[node] not in _BLOCKING and (before or not sources[node]):
            depth[node] = max(before, default=0) + (operations[node] not in _PASSING)
    used: set[int] = set()
    for node in reversed(nodes):
        if node in depth and (not targets[node] or used.intersection(targets[node])):
            used.add(node)
    if not used:
        return _CHANCE
    counted = [operations[node] for node in sorted(used) if operations[node] not in _PASSING]
    weights = [crc32(name.encode()) / 2**31 - 1 for name in counted]
    quality = sum(weights) / len(weights) if weights else 0.0
    return 90 + 4 * quality - 30 / 2 ** max(depth[node] for node in used)
