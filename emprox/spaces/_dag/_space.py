"""Any labelled directed acyclic graph as an architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...graphs import (
    ABSENT,
    WIRE,
    Architecture,
    ArchitectureError,
    Graphs,
    canonical_orders,
    reorder,
)
from ...graphs._graphs import BoolArray
from ...utils._texts import shown
from .._base import SearchSpace
from .._graph_forms import (
    GRAPH_FORMS,
    graphs_of,
    is_networkx,
    read_graph,
    refuse_module,
    survey,
    with_last,
)
from .._parsing import split
from .._sequences import IntArray, TokenSequence
from .._signals import SignalOperation
from ._batches import (
    connected_with_first,
    draw_connected,
    join,
    leading_to,
    n_connected_graphs,
    n_links,
    pairs,
    reached,
    take_apart,
    with_ends,
)
from ._tokens import dag_sequences

_LEARN = (
    "call learn(architectures) and use the space that it returns, fit a transformer, or give"
    " operations and max_nodes"
)
_LEARN_ALL = "DAGSpace().learn(all_architectures) makes a space that holds them all"


class DAGSpace(SearchSpace):
    """All connected directed acyclic graphs whose nodes are labelled with operations.

    The space for graphs that no benchmark has a format for; PyTorch modules are of the space
    "network". `encode` reads an `Architecture` of any space, its JSON form, a dict with
    its fields, a pair ``(operations, adjacency)`` with the nodes in any order, and a
    `networkx.DiGraph` with the node attribute "operation". `format` writes the JSON form.

    A space made without arguments is *open*: it knows neither its operations nor its size, and can
    do nothing but `learn` them from architectures, with or without known accuracy. Transformers do
    so in fit, and describe later architectures that have further operations and more nodes by all
    that they know of them. `encode` itself refuses what the space does not hold.

    Parameters
    ----------
    operations : sequence of str, default=None
        The operations; None if they are to be learned.
    max_nodes : int, default=None
        Largest number of nodes; None if it is to be learned.
    max_edges : int, default=None
        Largest number of edges, a node without predecessor other than the first counting as one.
        It keeps the sequence "nodes" short. None sets no limit where operations and max_nodes are
        given, and is learned otherwise.
    input : str, default=None
        The operation of nodes that stand for an input of the network. If it is given, the
        canonical form is without nodes that no input reaches. It needs `output`.
    output : str, default=None
        The operation of the node that stands for the output of the network. If it is given, every
        graph has one such node, without successors, and the canonical form is without nodes that
        do not lead there.
    signals : mapping of str to SignalOperation, default=None
        What each operation does to a signal, by the name of the operation; their own names are not
        looked at. Input and output need none. If it is given, `StructuralProperties` sends signals
        through the graphs, in which nodes add up what leads to them; otherwise it is limited to
        counts and paths.
    handle_unknown : {"error", "ignore"}, default=None
        What transformers do with an architecture beyond the space they were fitted in: refuse it,
        or leave out the columns of what is unknown, which is taken to renew signals. None stands
        for "ignore" in a space that is learned and for "error" in one that is given.

    Raises
    ------
    ValueError
        If the parameters contradict each other, or signals are given but not for an operation.

    See Also
    --------
    emprox.capture : Captures a PyTorch module as a network.
    emprox.spaces.from_naslib : Makes one of a graph of NASLib.

    Notes
    -----
    The decisions are the operation of each node (0 where there is no node) and, pair by pair in
    the order 0->1, 0->2, 1->2, 0->3, …, whether an edge joins two nodes.

    The canonical form merges graphs that differ in the order of their nodes. This is exact up to
    the order in which a node's inputs are combined. Different canonical forms can belong to
    isomorphic graphs only where a graph has so many symmetries of a kind that colour refinement
    does not see that more than 64 ways to break them would have to be followed; graphs that are
    not isomorphic are never merged. Where `output` is given, nodes that do not lead there are
    dropped, which is exact, and where `input` is given, nodes that no input reaches, which is exact
    if an operation without an input adds nothing; a graph whose output no input reaches keeps them.
    Graphs with skip connections or zeros that make no difference are left apart.

    `sample` is uniform in spaces of few graphs. In larger ones the numbers of nodes and the
    operations are; a random tree joins the nodes, to which a geometric number of further edges
    comes, on average half as many as there are nodes.

    The sequence "nodes" lists for each node its operation and how many places back its predecessors
    stand, which is left out where the node before is the only one. In canonical order, depth first,
    a change to one part of a graph leaves the tokens of the others as they are.

    Examples
    --------
    >>> from emprox.spaces import Architecture, DAGSpace
    >>> chain = Architecture(["input", "conv", "relu"], [(0, 1), (1, 2)])
    >>> residual = Architecture(["input", "conv", "add"], [(0, 1), (0, 2), (1, 2)])
    >>> space = DAGSpace().learn([chain, residual])
    >>> space.operations, space.max_nodes, space.max_edges
    (('add', 'conv', 'input', 'relu'), 3, 3)
    >>> tokens = space.tokenize(space.encode([chain, residual]))
    >>> tokens
    array([[3, 2, 4, 0, 0, 0],
           [3, 2, 1, 6, 7, 0]])
    >>> [space.sequences["nodes"].vocabulary[token] for token in tokens[1]]
    ['input', 'conv', 'add', '1 back', '2 back', 'padding']
    """

    name = "dag"
    title = "Any labelled directed acyclic graph; operations and size are learned"
    default_sequence = "nodes"
    accepted = GRAPH_FORMS
    operations: tuple[str, ...] = ()

    def __init__(
        self,
        operations: Sequence[str] | None = None,
        max_nodes: int | None = None,
        *,
        max_edges: int | None = None,
        input: str | None = None,
        output: str | None = None,
        signals: Mapping[str, SignalOperation] | None = None,
        handle_unknown: str | None = None,
    ) -> None:
        names = () if operations is None else tuple(operations)
        texts = {name for name in names if isinstance(name, str)}
        if isinstance(operations, str) or len(texts) < len(names):
            raise ValueError(f"operations have to be different texts, got {shown(operations)}")
        if input is not None and (output is None or input == output):
            raise ValueError("input needs an output, which is another operation")
        ends = {input, output} - {None}
        if operations is not None and not (ends <= {*names} and {*names} > {output} - {None}):
            raise ValueError(
                f"the operations have to be others than the output {output!r} as well, and input"
                f" and output have to be among them; got {shown(names)}"
            )
        least = 1 + (output is not None)
        if max_nodes is not None and max_nodes < least:
            raise ValueError(f"max_nodes has to be at least {least}, got {max_nodes}")
        if max_edges is not None and (max_nodes is None or max_edges < max_nodes - 1):
            raise ValueError(
                "max_edges needs max_nodes and has to be at least one less, as many as it takes to"
                f" join so many nodes; got max_edges={max_edges}, max_nodes={max_nodes}"
            )
        if handle_unknown not in (None, "error", "ignore"):
            raise ValueError(
                f"handle_unknown is 'error', 'ignore' or None, got {shown(handle_unknown)}"
            )
        if signals is not None:
            described = {
                name for name, what in signals.items() if isinstance(what, SignalOperation)
            }
            if missing := {*names, *signals} - described - ends:
                raise ValueError(
                    f"signals has to say what each operation does; {missing} is missing"
                )
        self.operations, self.max_nodes, self.max_edges = names, max_nodes, max_edges
        self.input, self.output, self.signals = input, output, signals
        self.handle_unknown = handle_unknown
        self._numbers = {name: number for number, name in enumerate(names, start=1)}

    @property
    def is_open(self) -> bool:
        """Whether the operations or the size are still to be learned."""
        return not self.operations or self.max_nodes is None

    @property
    def sample_is_typical(self) -> bool:
        """Whether random graphs are like those that people have: they are not."""
        return False

    @cached_property
    def n_choices(self) -> tuple[int, ...]:
        """Number of choices of each decision."""
        return (len(self._known_operations) + 1,) * self._n_nodes + (2,) * len(
            pairs(self._n_nodes)[0]
        )

    @cached_property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """The decisions by name, each with the names of its choices."""
        edges = [f"edge {s} -> {t}" for s, t in zip(*pairs(self._n_nodes), strict=True)]
        nodes = {f"node {node}": ("nothing", *self.operations) for node in range(self._n_nodes)}
        return nodes | {edge: (f"no {edge}", edge) for edge in edges}

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write an architecture as tokens, by name."""
        return dag_sequences(self._known_operations, self._n_nodes, self.max_edges)

    @property
    def signal_operations(self) -> tuple[SignalOperation, ...]:
        """What each operation does to a signal, as far as `signals` says it."""
        known = self.signals or {}
        return tuple(
            replace(known[name], name=name) if name in known else SignalOperation(name)
            for name in self.operations
        )

    @cached_property
    def size(self) -> int:
        """Number of graphs, those that differ in the order of their nodes counted apart."""
        counts = n_connected_graphs(self._n_nodes, self.max_edges)
        return sum(
            count * self._n_labellings(n_nodes) for n_nodes, count in enumerate(counts, start=1)
        )

    def learn(self, architectures: Any) -> DAGSpace:
        """Return the space that holds these architectures.

        Parameters
        ----------
        architectures : sequence, array or Series
            Architectures in any form that `encode` reads.

        Returns
        -------
        DAGSpace
            A space whose operations, in alphabetical order, and largest numbers of nodes and edges
            are those of the architectures, as far as they were not given. If they were, the space
            itself, and the architectures are not looked at.

        Raises
        ------
        ArchitectureError
            If an item is not a directed acyclic graph; ``index`` says which.
        ValueError
            If there are no architectures.
        """
        if not self.is_open:
            return self
        names, max_nodes, max_links = survey(self._split(architectures))
        max_nodes = self.max_nodes or max_nodes
        return self._with(
            operations=self.operations or names,
            max_nodes=max_nodes,
            max_edges=self.max_edges or max(max_nodes - 1, max_links),
            handle_unknown=self.handle_unknown or "ignore",
        )

    def extend(self, architectures: Any) -> DAGSpace:
        items = self._split(architectures)
        if self.handle_unknown != "ignore" or isinstance(items, np.ndarray):
            return self
        names, max_nodes, max_links = survey(items)
        further = [name for name in names if name not in self._numbers]
        max_nodes = max(max_nodes, self._n_nodes)
        signals = self.signals
        return self._with(
            operations=(*self.operations, *further),
            max_nodes=max_nodes,
            max_edges=self.max_edges and max(self.max_edges, max_nodes - 1, max_links),
            signals=signals and {**{n: SignalOperation(n, "renew") for n in further}, **signals},
        )

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        labels, adjacency = take_apart(self._check(decisions), self._n_nodes)
        return graphs_of(labels - 1, adjacency, self.operations).architectures(self.name)

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        inner = [name for name in self.operations if name not in {self.input, self.output}]
        return (self._graphs(decisions, inner),)

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        # The order of the nodes makes no difference, and it takes time to find the canonical one.
        return (self._graphs(decisions, self.operations),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        labels, adjacency = take_apart(self._check(decisions), self._n_nodes)
        if self.output is not None:
            live = self._live(labels, adjacency)
            labels, adjacency = reorder(
                labels * live,
                adjacency & live[:, :, None] & live[:, None, :],
                np.argsort(~live, axis=1, kind="stable"),
            )
        return join(*reorder(labels, adjacency, canonical_orders(labels, adjacency)))

    def format(self, decisions: ArrayLike) -> list[str]:
        return [architecture.to_string() for architecture in self.decode(decisions)]

    def _graph_of(self, item: Any) -> Architecture | None:
        return None

    def _read(self, item: Any) -> Sequence[int]:
        if isinstance(item, (tuple, list)) or (isinstance(item, np.ndarray) and item.ndim):
            row = list(item)
            if len(row) == self.n_decisions and all(isinstance(n, (int, np.integer)) for n in row):
                return row
        graph = read_graph(item)
        if graph.n_nodes > self._n_nodes:
            raise ArchitectureError(
                f"the graph has {graph.n_nodes} nodes, but graphs of this space have at most"
                f" {self._n_nodes}; {_LEARN_ALL}"
            )
        if self.output is not None:
            graph = with_last(graph, self.output)
        decisions = [0] * self.n_decisions
        for node, name in enumerate(graph.operations):
            if name not in self._numbers:
                close = get_close_matches(name[:100], self.operations, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ArchitectureError(
                    f"unknown operation {shown(name)} of node {node}{hint}; the operations are"
                    f" {shown(', '.join(self._known_operations), 400)}; {_LEARN_ALL}"
                )
            decisions[node] = self._numbers[name]
        for source, target in graph.edges:
            decisions[self._n_nodes + target * (target - 1) // 2 + source] = 1
        return decisions

    def _split(self, architectures: Any) -> list[Any] | NDArray[Any]:
        if isinstance(architectures, Mapping) or is_networkx(architectures):
            raise TypeError("expected several architectures, got one: put it into a list")
        refuse_module(architectures)
        return split(architectures)

    def _faults(self, decisions: IntArray) -> dict[str, NDArray[np.bool_]]:
        labels, adjacency = take_apart(decisions, self._n_nodes)
        present = labels > 0
        faults: dict[str, Any] = {
            "the graph has no first node": ~present[:, 0],
            "a node is missing before another": (present[:, 1:] & ~present[:, :-1]).any(axis=1),
            "an edge leads to a missing node": (adjacency.any(axis=1) & ~present).any(axis=1),
            "the graph is disconnected: edges have to connect all nodes": (
                present & ~connected_with_first(adjacency)
            ).any(axis=1),
        }
        if self.max_edges is not None:
            faults[
                f"the graph has more than max_edges={self.max_edges} edges, a node without"
                f" predecessor counting as one; {_LEARN_ALL}"
            ] = n_links(adjacency, present.sum(axis=1)) > self.max_edges
        if self.output is not None:
            is_output = labels == self._numbers[self.output]
            last = present & ~np.pad(present[:, 1:], ((0, 0), (0, 1)))
            faults[f"the last of two or more nodes, and no other, has to be an {self.output!r}"] = (
                labels[:, 1:].max(axis=1, initial=0) == 0
            ) | (is_output != last).any(axis=1)
        return faults

    def _changeable(self, decisions: IntArray) -> NDArray[np.bool_]:
        # A node comes and goes with its edges; one beyond the last is as far as a change can get.
        n_near = (decisions[:, : self._n_nodes] > 0).sum(axis=1, keepdims=True) + 1
        return np.hstack([np.arange(self._n_nodes) < n_near, pairs(self._n_nodes)[1] < n_near])

    def _holds(self, n_architectures: int) -> bool:
        # To count a large space takes time; to count the operations of one of its graphs does not.
        return n_architectures <= self._n_labellings(self._n_nodes) or super()._holds(
            n_architectures
        )

    def _graphs(self, decisions: ArrayLike, names: Sequence[str]) -> Graphs:
        labels, adjacency = take_apart(self._check(decisions), self._n_nodes)
        ends = {self.input, self.output}
        operations = [WIRE if name in ends else names.index(name) for name in self.operations]
        nodes = np.array([ABSENT, *operations])[labels]
        return with_ends(nodes, adjacency, self._live(labels, adjacency), names)

    def _live(self, labels: IntArray, adjacency: BoolArray) -> BoolArray:
        """Mark the nodes on ways to the output, from an input where one leads there."""
        if self.output is None:
            return labels > 0
        leading = leading_to(adjacency, labels == self._numbers[self.output])
        if self.input is None:
            return leading
        live = leading & reached(adjacency, labels == self._numbers.get(self.input))
        return np.where(live.any(axis=1, keepdims=True), live, leading)

    def _draw(self, n_architectures: int, rng: np.random.Generator) -> IntArray:
        labels = np.zeros((n_architectures, self._n_nodes), dtype=np.int64)
        adjacency = np.zeros((n_architectures, self._n_nodes, self._n_nodes), dtype=bool)
        sizes = rng.integers(1 + (self.output is not None), self._n_nodes + 1, n_architectures)
        others = [number for name, number in self._numbers.items() if name != self.output]
        for size in np.unique(sizes).tolist():
            rows = np.flatnonzero(sizes == size)
            adjacency[rows, :size, :size] = draw_connected(len(rows), size, rng)
            labels[rows, :size] = rng.choice(others, (len(rows), size))
            if self.output is not None:
                labels[rows, size - 1] = self._numbers[self.output]
        return join(labels, adjacency)

    def _n_labellings(self, n_nodes: int) -> int:
        """Count the ways to choose the operations of a graph."""
        n_operations = len(self._known_operations)
        if self.output is None:
            return n_operations**n_nodes
        return (n_operations - 1) ** (n_nodes - 1) if n_nodes > 1 else 0

    def _with(self, **parameters: Any) -> DAGSpace:
        return type(self)(**{**self._parameters, **parameters})

    @property
    def _parameters(self) -> dict[str, Any]:
        names = ("max_nodes", "max_edges", "input", "output", "signals", "handle_unknown")
        given = {name: getattr(self, name) for name in names}
        return {"operations": self.operations or None, **given}

    @property
    def _known_operations(self) -> tuple[str, ...]:
        if not self.operations:
            raise ValueError(f"the space {self.name!r} does not know its operations yet: {_LEARN}")
        return self.operations

    @property
    def _n_nodes(self) -> int:
        if self.max_nodes is None:
            raise ValueError(f"the space {self.name!r} does not know its size yet: {_LEARN}")
        return self.max_nodes
