"""Any labelled directed acyclic graph as an architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._architecture import Architecture
from .._base import SearchSpace
from .._errors import ArchitectureError
from .._graph_forms import is_networkx, read_graph
from .._nonempty import NOTHING
from .._random import RandomState, as_generator
from .._sequences import EDGE, NO_EDGE, PADDING, IntArray, TokenSequence
from .._signals import CellGraphs, SignalOperation
from ._batches import connected_with_first, draw_connected, leading_to, n_links, reached
from ._counts import n_connected_graphs
from ._node_sequences import read_nodes, write_nodes
from ._order import BoolArray, canonical_orders, reorder, topological_orders
from ._signals import cell_graphs

_LEARN = (
    "call learn(architectures) and use the space that it returns, fit an ArchitectureTokenizer, or"
    " give operations and max_nodes"
)
_LEARN_ALL = "DAGSpace().learn(all_architectures) makes a space that holds them all"
_WHOLE = (int, np.integer)
# A change of few decisions that leaves a valid graph is found among the first few hundred.
_N_ATTEMPTS = 1000


class DAGSpace(SearchSpace):
    """All connected directed acyclic graphs whose nodes are labelled with operations.

    The space for architectures that no benchmark has a format for, such as a family of your own
    PyTorch models (`emprox.from_torch`). `parse` reads an `Architecture` of any space, its JSON
    form, a dict with its fields, a pair ``(operations, adjacency)`` with the nodes in any order,
    and a `networkx.DiGraph` whose nodes have the attribute "operation". `format` writes the JSON
    form.

    A space made without arguments is *open*: it knows neither its operations nor its size, and can
    do nothing but `learn` them from architectures, with or without known accuracy. An
    `ArchitectureTokenizer` does so in fit. What was not among those architectures is refused
    later: ``DAGSpace().learn(all_architectures)`` knows them all beforehand.

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

    Raises
    ------
    ValueError
        If the parameters contradict each other, or signals are given but not for an operation.

    See Also
    --------
    emprox.from_torch : Makes such an architecture of a PyTorch module.
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
    dropped, which is exact, and where `input` is given, nodes that no input reaches, which is
    exact if an operation without an input adds nothing; a graph whose output no input reaches
    keeps them. Nothing else is known of operations, so that graphs with skip connections or zeros
    that make no difference are left apart.

    `sample` draws as `sample_decisions` does, which is not uniform.

    The sequence "nodes" lists for each node its operation and how many places back its
    predecessors stand, which is left out where the node before is the only one: a chain is the
    list of its operations. It is also what is embedded for prediction: in canonical order, depth
    first, a change to one part of a graph leaves the tokens of the others as they are.

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
    >>> [space.get_sequence().vocabulary[token] for token in tokens[1]]
    ['input', 'conv', 'add', '1 back', '2 back', 'padding']
    """

    name = "dag"
    title = "Any labelled directed acyclic graph; operations and size are learned"
    default_sequence = "nodes"

    def __init__(
        self,
        operations: Sequence[str] | None = None,
        max_nodes: int | None = None,
        *,
        max_edges: int | None = None,
        input: str | None = None,
        output: str | None = None,
        signals: Mapping[str, SignalOperation] | None = None,
    ) -> None:
        names = () if operations is None else tuple(operations)
        if isinstance(operations, str) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"operations have to be several texts, got {operations!r}")
        if len(set(names)) < len(names):
            raise ValueError(f"an operation stands twice in {names}")
        if input is not None and (output is None or input == output):
            raise ValueError("input needs an output, which is another operation")
        if operations is not None and not set(names) > {output} - {None}:
            raise ValueError(
                f"the operations have to be the output {output!r} and others, got {names}"
                if output is not None
                else "there has to be an operation at least"
            )
        if operations is not None and input is not None and input not in names:
            raise ValueError(f"the input {input!r} is not among the operations {names}")
        least = 1 if output is None else 2
        if max_nodes is not None and max_nodes < least:
            raise ValueError(f"max_nodes has to be at least {least}, got {max_nodes}")
        if max_edges is not None and (max_nodes is None or max_edges < max_nodes - 1):
            raise ValueError(
                "max_edges needs max_nodes and has to be at least one less, as many as it takes to"
                f" join so many nodes; got max_edges={max_edges}, max_nodes={max_nodes}"
            )
        if signals is not None:
            missing = [name for name in names if name not in {*signals, input, output}]
            if missing:
                raise ValueError(
                    f"signals has to say what each operation does; {missing[0]!r} is missing"
                )
            for name, signal in signals.items():
                if not isinstance(signal, SignalOperation):
                    raise ValueError(
                        f"signals[{name!r}] has to be a SignalOperation, got {signal!r}"
                    )
        self.operations = names
        self.max_nodes = max_nodes
        self.max_edges = max_edges
        self.input = input
        self.output = output
        self.signals = signals
        self._numbers = {name: number for number, name in enumerate(names, start=1)}

    @property
    def is_open(self) -> bool:
        """Whether the operations or the size are still to be learned."""
        return not self.operations or self.max_nodes is None

    @property
    def n_choices(self) -> tuple[int, ...]:  # type: ignore[override]
        """Number of choices of each decision."""
        return (len(self._known_operations) + 1,) * self._n_nodes + (2,) * len(self._pairs[0])

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:  # type: ignore[override]
        """The ways to write an architecture as tokens."""
        operations, n_nodes = self._known_operations, self._n_nodes
        n_pairs = len(self._pairs[0])
        max_edges = n_pairs if self.max_edges is None else min(self.max_edges, n_pairs)
        back = (f"{distance} back" for distance in range(1, n_nodes))
        return {
            "nodes": TokenSequence(
                n_nodes + max_edges,
                ("padding", *operations, "no predecessor", *back),
                "for each node its operation and how far back its predecessors are, if it is not"
                " just the node before",
            ),
            "adjacency": TokenSequence(
                n_nodes + n_pairs,
                ("padding", "no edge", "edge", *operations),
                "adjacency and operations, column by column (EmProx paper)",
            ),
        }

    @property
    def signal_operations(self) -> tuple[SignalOperation, ...]:
        """What each operation does to a signal, as far as `signals` says it."""
        known = self.signals or {}
        return tuple(
            replace(known[name], name=name) if name in known else SignalOperation(name)
            for name in self.operations
        )

    def learn(self, architectures: Any) -> DAGSpace:
        """Return the space that holds these architectures.

        Parameters
        ----------
        architectures : sequence, array or Series
            Architectures in any form that `parse` reads.

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
        items = self._items(architectures)
        if isinstance(items, np.ndarray):
            raise ArchitectureError(
                "operations cannot be learned from a decision matrix: give graphs, or a space with"
                " operations and max_nodes"
            )
        if not items:
            raise ValueError(NOTHING)
        graphs = []
        for index, item in enumerate(items):
            try:
                graphs.append(read_graph(item))
            except ArchitectureError as error:
                raise ArchitectureError(error.message, index) from error
        max_nodes = self.max_nodes or max(1, *(graph.n_nodes for graph in graphs))
        max_edges = self.max_edges
        if max_edges is None:
            links = (n_links(graph.adjacency[None] > 0, graph.n_nodes).item() for graph in graphs)
            max_edges = max(max_nodes - 1, *links)
        return type(self)(
            self.operations or sorted({name for graph in graphs for name in graph.operations}),
            max_nodes,
            max_edges=max_edges,
            input=self.input,
            output=self.output,
            signals=self.signals,
        )

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        labels, adjacency = self._graphs(decisions)
        names = [[self.operations[label - 1] for label in row if label] for row in labels.tolist()]
        rows, sources, targets = np.nonzero(adjacency)
        edges = list(zip(sources.tolist(), targets.tolist(), strict=True))
        bounds = np.searchsorted(rows, np.arange(len(names) + 1)).tolist()
        return [
            Architecture(tuple(row), tuple(edges[bounds[i] : bounds[i + 1]]), self.name)
            for i, row in enumerate(names)
        ]

    def format(self, architecture: Any) -> str:
        return self.parse(architecture).to_string()

    def cell_graphs(self, decisions: ArrayLike) -> tuple[CellGraphs, ...]:
        """Write graphs with operations on the edges.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of CellGraphs
            The graphs, as the only kind of cell, without nodes that the canonical form drops. The
            first node leads to all nodes without predecessor, and all without successor lead to
            the last; the operations `input` and `output` are wires.
        """
        labels, adjacency = self._live_graphs(decisions)
        passing = [self._numbers[name] for name in (self.input, self.output) if name is not None]
        return (cell_graphs(labels, adjacency, passing),)

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each graph by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix of the canonical forms.
        """
        labels, adjacency = self._live_graphs(decisions)
        return self._join(*reorder(labels, adjacency, canonical_orders(labels, adjacency)))

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """List the nodes of each graph in another topological order, chosen at random.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.
        """
        labels, adjacency = self._graphs(decisions)
        chance = as_generator(random_state).random(labels.shape)
        # The output stays the last of the nodes.
        last = (labels == PADDING) * 2 + (labels == self._numbers.get(self.output or "", -1))
        ranks = np.argsort(np.argsort(chance + last, axis=1), axis=1)
        return self._join(*reorder(labels, adjacency, topological_orders(adjacency, ranks)))

    def is_valid(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        faults = self._faults(*self._split(np.asarray(decisions)))
        return ~np.any(list(faults.values()), axis=0)

    def sample_decisions(
        self, n_architectures: int, random_state: RandomState = None, replace: bool = False
    ) -> IntArray:
        """Draw graphs at random, as a decision matrix.

        The number of nodes is uniform, as long as there are graphs left. A random tree joins the
        nodes, to which a geometric number of further edges comes, on average half as many as there
        are nodes; operations are uniform. A graph with too many edges is drawn again. This is not
        uniform over all graphs, of which almost all have as many nodes as possible and half of all
        possible edges.

        Parameters
        ----------
        n_architectures : int
            How many.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.
        replace : bool, default=False
            Whether the same graph may be drawn twice.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Raises
        ------
        ValueError
            If more are wanted without replacement than the space holds.
        """
        if n_architectures < 0:
            raise ValueError(f"n_architectures has to be at least 0, got {n_architectures}")
        # To count a large space takes a second; one kind of graph of the largest size does not.
        if (
            not replace
            and n_architectures > self._n_labellings(self._n_nodes)
            and (n_architectures > self.size)
        ):
            raise ValueError(
                f"{n_architectures} architectures are wanted without replacement, but the space"
                f" {self.name!r} holds {self.size}; take fewer or set replace=True"
            )
        rng = as_generator(random_state)
        drawn = np.empty((0, self.n_decisions), dtype=np.int64)
        while len(drawn) < n_architectures:
            batch = self._draw(n_architectures, rng)
            drawn = np.concatenate([drawn, batch[self.is_valid(batch)]])
            if not replace:
                first = np.unique(drawn, axis=0, return_index=True)[1]
                drawn = drawn[np.sort(first)]
        return drawn[:n_architectures]

    def mutate(
        self, architecture: Any, n_mutations: int = 1, random_state: RandomState = None
    ) -> Architecture:
        """Change some decisions of a graph at random.

        A decision is the operation of a node or whether an edge joins two nodes. Since a node that
        comes or goes does so with its edges, it takes two changes or more.

        Parameters
        ----------
        architecture : Architecture, str, dict, pair or networkx.DiGraph
            A graph in any form that `parse` reads.
        n_mutations : int, default=1
            How many decisions to change.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        Architecture
            A graph of the space that differs in exactly `n_mutations` decisions.

        Raises
        ------
        ValueError
            If `n_mutations` is less than 1 or more than there are decisions about the nodes and
            one further node, or if no such graph was found.
        """
        parent = self._encode_one(architecture)[0]
        n_near = min(int((parent[: self._n_nodes] > 0).sum()) + 1, self._n_nodes)
        n_pairs = n_near * (n_near - 1) // 2
        near = np.concatenate([np.arange(n_near), self._n_nodes + np.arange(n_pairs)])
        if not 1 <= n_mutations <= len(near):
            raise ValueError(f"n_mutations has to be between 1 and {len(near)}, got {n_mutations}")
        rng = as_generator(random_state)
        choices = np.asarray(self.n_choices)
        for _ in range(_N_ATTEMPTS):
            children = np.tile(parent, (16, 1))
            for child in children:
                changed = rng.choice(near, n_mutations, replace=False)
                steps = rng.integers(1, choices[changed])
                child[changed] = (parent[changed] + steps) % choices[changed]
            if (valid := self.is_valid(children)).any():
                return self.decode(children[valid][:1])[0]
        raise ValueError(f"found no valid graph that differs in exactly {n_mutations} decisions")

    def enumerate(self) -> Iterator[Architecture]:
        """Go through all graphs of the space, those with few nodes first.

        Yields
        ------
        Architecture
            The next graph.
        """
        labels = range(1, len(self._known_operations) + 1)
        for n_nodes in range(1, self._n_nodes + 1):
            n_pairs = n_nodes * (n_nodes - 1) // 2
            used = [*range(n_nodes), *range(self._n_nodes, self._n_nodes + n_pairs)]
            rows = product(*[labels] * n_nodes, *[(0, 1)] * n_pairs)
            while chunk := list(islice(rows, 1024)):
                decisions = np.zeros((len(chunk), self.n_decisions), dtype=np.int64)
                decisions[:, used] = chunk
                yield from self.decode(decisions[self.is_valid(decisions)])

    @cached_property
    def size(self) -> int:
        """Number of graphs, those that differ in the order of their nodes counted apart."""
        counts = n_connected_graphs(self._n_nodes, self.max_edges)
        return sum(
            count * self._n_labellings(n_nodes) for n_nodes, count in enumerate(counts, start=1)
        )

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_decisions(decisions)
        labels, adjacency = self._split(matrix)
        if spec is self.sequences["nodes"]:
            return write_nodes(labels, adjacency, len(self.operations), spec.length)
        nodes, is_label = self._adjacency_layout
        tokens = np.empty((len(matrix), spec.length), dtype=np.int64)
        # Pairs are in the same order in both. Labels begin with 1, operations with token 3.
        tokens[:, is_label] = labels + EDGE
        tokens[:, ~is_label] = matrix[:, self._n_nodes :] + NO_EDGE
        return np.where(labels[:, nodes] > 0, tokens, PADDING)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        if spec is self.sequences["nodes"]:
            graphs = read_nodes(matrix, self._n_nodes, len(self.operations))
            decisions = self._join(*graphs)
        else:
            is_label = self._adjacency_layout[1]
            labels = np.maximum(matrix[:, is_label] - EDGE, 0)
            decisions = np.hstack([labels, matrix[:, ~is_label] == EDGE])
        valid = self.is_valid(decisions)
        written = np.zeros_like(matrix)
        written[valid] = self.tokenize(decisions[valid], sequence)
        wrong = np.flatnonzero((written != matrix).any(axis=1) | ~valid)
        if len(wrong):
            row = int(wrong[0])
            words = " ".join(repr(spec.vocabulary[token]) for token in matrix[row] if token)
            raise ArchitectureError(f"these tokens are not the sequence of a graph: {words}", row)
        return decisions

    def _read(self, architecture: Any) -> Sequence[int]:
        operations, n_nodes = self._known_operations, self._n_nodes
        if isinstance(architecture, (tuple, list, np.ndarray)):
            row = list(architecture)
            if len(row) == self.n_decisions and all(isinstance(x, _WHOLE) for x in row):
                return row
        graph = read_graph(architecture)
        if self.output is not None:
            graph = _with_last(graph, self.output)
        if graph.n_nodes > n_nodes:
            raise ArchitectureError(
                f"the graph has {graph.n_nodes} nodes, but graphs of this space have at most"
                f" {n_nodes}; {_LEARN_ALL}"
            )
        decisions = [0] * self.n_decisions
        for node, name in enumerate(graph.operations):
            if name not in self._numbers:
                close = get_close_matches(name, operations, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ArchitectureError(
                    f"unknown operation {name!r} of node {node}{hint}; the operations are"
                    f" {', '.join(operations)}; {_LEARN_ALL}"
                )
            decisions[node] = self._numbers[name]
        for source, target in graph.edges:
            decisions[n_nodes + target * (target - 1) // 2 + source] = 1
        return decisions

    def _items(self, architectures: Any) -> list[Any] | NDArray[Any]:
        if isinstance(architectures, Mapping) or is_networkx(architectures):
            raise TypeError("expected several architectures, got one: put it into a list")
        return super()._items(architectures)

    def _check_decisions(self, decisions: ArrayLike) -> IntArray:
        matrix = super()._check_decisions(decisions)
        faults = self._faults(*self._split(matrix))
        wrong = np.any(list(faults.values()), axis=0)
        if wrong.any():
            row = int(wrong.argmax())
            raise ArchitectureError(next(text for text, bad in faults.items() if bad[row]), row)
        return matrix

    def _faults(self, labels: IntArray, adjacency: BoolArray) -> dict[str, Any]:
        """Return what can be wrong with a graph, and for each graph whether it is."""
        present = labels > 0
        faults = {
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
                ~present[:, 1] | (is_output != last).any(axis=1)
            )
        return faults

    def _live(self, labels: IntArray, adjacency: BoolArray) -> BoolArray:
        """Mark the nodes on ways to the output, from an input where one leads there."""
        leading = leading_to(adjacency, labels == self._numbers.get(self.output or ""))
        if self.input is None:
            return leading
        live = leading & reached(adjacency, labels == self._numbers.get(self.input))
        return np.where(live.any(axis=1, keepdims=True), live, leading)

    def _live_graphs(self, decisions: ArrayLike) -> tuple[IntArray, BoolArray]:
        """Return the graphs without the nodes that the canonical form drops."""
        labels, adjacency = self._graphs(decisions)
        if self.output is None:
            return labels, adjacency
        live = self._live(labels, adjacency)
        return reorder(
            labels * live,
            adjacency & live[:, :, None] & live[:, None, :],
            np.argsort(~live, axis=1, kind="stable"),
        )

    def _draw(self, n_architectures: int, rng: np.random.Generator) -> IntArray:
        labels = np.zeros((n_architectures, self._n_nodes), dtype=np.int64)
        adjacency = np.zeros((n_architectures, self._n_nodes, self._n_nodes), dtype=bool)
        least = 1 if self.output is None else 2
        sizes = rng.integers(least, self._n_nodes + 1, n_architectures)
        output = self._numbers[self.output] if self.output is not None else None
        others = [number for number in self._numbers.values() if number != output]
        for size in np.unique(sizes).tolist():
            rows = np.flatnonzero(sizes == size)
            adjacency[rows, :size, :size] = draw_connected(len(rows), size, rng)
            labels[rows, :size] = rng.choice(others, (len(rows), size))
            if output is not None:
                labels[rows, size - 1] = output
        return self._join(labels, adjacency)

    def _graphs(self, decisions: ArrayLike) -> tuple[IntArray, BoolArray]:
        return self._split(self._check_decisions(decisions))

    def _split(self, decisions: IntArray) -> tuple[IntArray, BoolArray]:
        labels = decisions[:, : self._n_nodes]
        adjacency = np.zeros((len(decisions), self._n_nodes, self._n_nodes), dtype=bool)
        adjacency[:, self._pairs[0], self._pairs[1]] = decisions[:, self._n_nodes :] > 0
        return labels, adjacency

    def _join(self, labels: IntArray, adjacency: BoolArray) -> IntArray:
        return np.hstack([labels, adjacency[:, self._pairs[0], self._pairs[1]]])

    def _n_labellings(self, n_nodes: int) -> int:
        """Count the ways to choose the operations of a graph."""
        n_operations = len(self._known_operations)
        if self.output is None:
            return n_operations**n_nodes
        return (n_operations - 1) ** (n_nodes - 1) if n_nodes > 1 else 0

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

    @cached_property
    def _pairs(self) -> tuple[IntArray, IntArray]:
        """Sources and targets of all pairs of nodes that an edge can join, by target."""
        targets, sources = np.tril_indices(self._n_nodes, -1)
        return sources, targets

    @cached_property
    def _adjacency_layout(self) -> tuple[IntArray, BoolArray]:
        """For each token of the sequence "adjacency" its node, and whether it is its operation."""
        nodes = np.repeat(np.arange(self._n_nodes), np.arange(1, self._n_nodes + 1))
        return nodes, np.diff(nodes, append=self._n_nodes) > 0


def _with_last(graph: Architecture, operation: str) -> Architecture:
    """Move the nodes with an operation to the end, as far as the edges allow it."""
    if operation not in graph.operations[:-1]:
        return graph
    order = sorted(range(graph.n_nodes), key=lambda node: graph.operations[node] == operation)
    return Architecture.from_adjacency(
        [graph.operations[node] for node in order], graph.adjacency[np.ix_(order, order)]
    )
