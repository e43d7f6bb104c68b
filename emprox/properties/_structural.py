"""Structural properties of architectures, as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..spaces import SearchSpace, SignalOperation, get_space
from ..spaces._sequences import IntArray
from ..spaces._transformer import ArchitectureTransformer
from ..utils._sklearn import Interval, StrOptions
from ._counts import Columns, decision_columns, operation_counts, successions, weights_and_work
from ._paths import is_known, linear_paths, path_lengths, soft_path_sums
from ._signals import signal_columns

GROUPS = ("counts", "paths", "soft paths", "successions", "signals", "decisions")
_OF_A_CELL = (
    ("counts", operation_counts),
    ("paths", path_lengths),
    ("paths", linear_paths),
    ("soft paths", soft_path_sums),
    ("successions", successions),
)
# Weights of the groups of columns once they are standardised; of all others 1.
WEIGHTS = {"soft paths": 2.0, "decisions": 0.5, "successions": 0.5}
# Standardised values end here: in a column that hardly varies over the space, one of the few
# architectures that differ would be further from all others than anything else can be.
_LIMIT = 8.0


@dataclass(frozen=True)
class _Reference:
    """Which columns vary, by group and name, their means and scales, and the groups' weights."""

    keys: tuple[tuple[str, str], ...]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]


class StructuralProperties(ArchitectureTransformer):
    """Describe architectures by numbers that their structure determines.

    Nothing is trained or run: the numbers follow from the graph of the operations, from what the
    space says about each operation, and from the skeleton that the cells stand in. They are the
    same for descriptions of an architecture that differ in the order of its nodes or in parts
    that no signal passes.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    groups : "auto" or sequence of str, default="auto"
        Which columns to compute; see Notes. ``"auto"`` takes all that make sense for the space:
        those of the graph if it has one, signals if it says what its operations do, successions
        if it does not, and decisions if it is `positional`.
    standardize : bool, default=False
        Whether to center each column and to divide it by its standard deviation over the space,
        to set what is more than 8 away to 8, and then to multiply it by the weight of its group: 2
        for soft path sums, 1/2 for decisions and successions, 1 for the others. Columns that are
        not defined for an architecture without a path are 0, and so are at their mean.
    n_reference : int, default=1000
        Number of architectures that are drawn from the space, always the same, to find which
        columns vary, and their means and standard deviations. 0 takes the architectures given to
        `fit` instead, and so does a space of any graphs, of which random ones say little.

    Attributes
    ----------
    space_ : SearchSpace
        The search space.
    groups_ : tuple of str
        The groups of columns.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    ArchitectureTokenizer : Writes architectures as token sequences instead.
    emprox.spaces.SignalOperation : How a space describes its operations.

    Notes
    -----
    With a prefix for the kind of cell if there are several, the groups hold

    counts
        of each operation its number, whether it occurs, and its number next to the input and to
        the output; logarithms of the number of weights of the network, of its multiply-adds, and
        of the weights for each pair of channels.
    paths
        their number; the most, the fewest and the mean number on a path of layers, of layers with
        a kernel wider than 1, of each operation, the radius of the receptive field and weights;
        numbers of paths that are linear or copy only. In spaces that do not say what operations
        do: operations instead of layers.
    soft paths
        ``log(0.02 + sum over paths of the product of gains)`` for eight sets of gains of
        operations that copy, blur, or renew with a wide or narrow kernel; or for each operation
        with gains 3 and 0.3 where it is not known what it does.
    successions
        for each pair of operations how often the second reads the first.
    signals
        mean-field propagation through the whole network: variance of the output, its correlation
        for two inputs, squared Jacobian, gradients that reach each operation, and what paths the
        signal took, in the first and the last cell of each kind; variance and correlation after
        each stage. Once as if blurring changed nothing, and once as if signals were white.
    decisions
        each decision as a number and one-hot, and how often each choice is taken.

    Columns that are the same for all reference architectures are left out.

    References
    ----------
    Ben Poole, Subhaneil Lahiri, Maithra Raghu, Jascha Sohl-Dickstein and Surya Ganguli.
    Exponential expressivity in deep neural networks through transient chaos. NeurIPS 2016.
    (Propagation of variances and correlations.)

    Samuel Schoenholz, Justin Gilmer, Surya Ganguli and Jascha Sohl-Dickstein. Deep Information
    Propagation. ICLR 2017. (Gradients.)

    Gabriela Kadlecová, Jovita Lukasik, Martin Pilát, Petra Vidnerová, Mahmoud Safari, Roman
    Neruda and Frank Hutter. Surprisingly Strong Performance Prediction with Neural Graph Features.
    ICML 2024. (Counts and path lengths as features.)

    Examples
    --------
    >>> from emprox.properties import StructuralProperties
    >>> cells = [(0, 1, 2, 1, 1, 3), (2, 2, 2, 2, 2, 2)]
    >>> properties = StructuralProperties("nasbench201", groups=["paths"]).fit(cells)
    >>> names = list(properties.get_feature_names_out())
    >>> properties.transform(cells)[:, names.index("most wide layers")]
    array([1., 3.])
    """

    _reads = "StructuralProperties"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureTransformer._parameter_constraints,
        "groups": [StrOptions({"auto"}), list, tuple],
        "standardize": ["boolean"],
        "n_reference": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        groups: str | Sequence[str] = "auto",
        standardize: bool = False,
        n_reference: int = 1000,
    ) -> None:
        self.space = space
        self.groups = groups
        self.standardize = standardize
        self.n_reference = n_reference

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        space = self.space_
        self.groups_ = _choose_groups(space, self.groups, decisions)
        typical = space.sample_is_typical and not get_space(self.space).is_open
        if not typical or self.n_reference == 0:
            self._reference = _refer(space, self.groups_, decisions)
        else:
            n_reference = min(self.n_reference, space.size)
            self._reference = _refer_to_sample(space, self.groups_, n_reference)
        return [name for _, name in self._reference.keys]

    def _describe(self, space: SearchSpace, decisions: IntArray) -> NDArray[np.float64]:
        reference = self._reference
        columns = _compute(space, self.space_, self.groups_, decisions)
        part = np.array([columns[key] for key in reference.keys], dtype=np.float64).T
        if self.standardize:
            part -= reference.means
            part /= reference.scales
            np.clip(part, -_LIMIT, _LIMIT, out=part)
            part *= reference.weights
        return np.nan_to_num(part, copy=False)


def _choose_groups(
    space: SearchSpace, groups: str | Sequence[str], decisions: IntArray
) -> tuple[str, ...]:
    """Check the groups, or choose those that make sense for a space."""
    known = is_known(space.signal_operations)
    available = [name for name in GROUPS if known or name != "signals"]
    if not space.signal_graphs(decisions[:1]):
        available = ["decisions"]
    if groups == "auto":
        skipped = {"successions" if known else "", "" if space.positional else "decisions"}
        return tuple(name for name in available if name not in skipped)
    if not groups or any(name not in available for name in groups):
        raise ValueError(
            f"groups has to be 'auto' or some of {', '.join(map(repr, available))} for the space"
            f" {space.name!r}, got {groups!r}; signals have to be described by signal_operations,"
            " and all but decisions need graphs"
        )
    return tuple(name for name in GROUPS if name in groups)


def _compute(
    space: SearchSpace, learned: SearchSpace, groups: Sequence[str], decisions: IntArray
) -> dict[tuple[str, str], NDArray[Any]]:
    """Compute all columns of a learned space, by group and name, for a space that extends it."""
    operations, skeleton = space.signal_operations, space.skeleton
    if not is_known(learned.signal_operations):
        operations = tuple(SignalOperation(operation.name) for operation in operations)
    with_blurs = any(operation.effect == "blur" for operation in learned.signal_operations)
    blocking = [number for number, o in enumerate(operations) if o.effect == "block"]
    kinds = [graphs.without(blocking).live() for graphs in space.signal_graphs(decisions)]
    columns: dict[tuple[str, str], NDArray[Any]] = {}

    def add(group: str, found: Columns, prefix: str = "") -> None:
        columns.update({(group, prefix + name): column for name, column in found.items()})

    for kind, graphs in enumerate(kinds):
        prefix = f"{graphs.kind}: " if graphs.kind else ""
        for group, describe in _OF_A_CELL:
            if group in groups:
                add(group, describe(graphs, operations), prefix)
                if group == "counts":
                    add(group, weights_and_work(graphs, operations, skeleton, kind), prefix)
    if "signals" in groups:
        add("signals", signal_columns(kinds, operations, skeleton, with_blurs))
    if "decisions" in groups:
        add("decisions", decision_columns(space.canonicalize(decisions), space.n_choices))
    return columns


@lru_cache(maxsize=64)
def _refer_to_sample(space: SearchSpace, groups: tuple[str, ...], n_reference: int) -> _Reference:
    """Find out the same from random architectures, always the same ones."""
    return _refer(space, groups, space.sample(n_reference, random_state=0))


def _refer(space: SearchSpace, groups: Sequence[str], decisions: IntArray) -> _Reference:
    """Find out which columns vary, and their means and scales."""
    _check_descriptions(space, decisions)
    columns = _compute(space, space, groups, decisions)
    matrix = np.array(list(columns.values()), dtype=np.float64)
    defined = ~np.isnan(matrix)
    n_defined = np.maximum(defined.sum(axis=1), 1)
    means = np.where(defined, matrix, 0).sum(axis=1) / n_defined
    deviations = np.where(defined, matrix - means[:, None], 0)
    scales = np.sqrt((deviations**2).sum(axis=1) / n_defined)
    kept = scales > 1e-9 * np.maximum(1, np.abs(means))
    if not kept.any():
        raise ValueError(
            f"all {len(kept)} columns are the same for the {len(decisions)} architectures that they"
            " were to be compared on: give fit more different architectures, or set n_reference to"
            " 1000"
        )
    keys = tuple(key for key, keep in zip(columns, kept, strict=True) if keep)
    weights = np.array([WEIGHTS.get(group, 1.0) for group, _ in keys])
    return _Reference(keys, means[kept], scales[kept], weights)


def _check_descriptions(space: SearchSpace, decisions: IntArray) -> None:
    """Refuse a space that describes some of its operations but not others."""
    operations = space.signal_operations
    occurring = {
        n for graphs in space.signal_graphs(decisions) for n in np.unique(graphs.operations)
    }
    unknown = [o.name for n, o in enumerate(operations) if n in occurring and o.effect is None]
    if is_known(operations) and unknown:
        raise ValueError(
            f"the space {space.name!r} describes some of its operations, but not"
            f" {', '.join(map(repr, unknown))}: give these an effect in its signal_operations"
            " ('block' for an operation that stands for no edge), or describe none"
        )
