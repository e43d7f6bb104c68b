"""Architectures from the graph objects of NASLib."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..graphs import Architecture, ArchitectureError
from ..utils._optional_imports import import_optional
from ..utils._texts import shown
from ._graph_forms import is_networkx

INPUT, OUTPUT = "input", "output"


def from_naslib(graph: Any, space: str | None = None) -> Architecture:
    """Build an architecture from a graph of NASLib.

    NASLib has its operations on the edges: ``graph.edges[u, v]["op"]`` is a primitive, whose
    property ``get_op_name`` names it, or a graph in turn, as a node's ``"subgraph"`` can be. The
    architecture is the line graph: each operation becomes a node, which leads to the operations on
    the edges that follow. Graphs inside the graph are taken apart in their place.

    Parameters
    ----------
    graph : naslib.search_spaces.core.graph.Graph
        A graph whose edges hold one operation each, as after sampling an architecture or after
        discretization. NASLib is not needed: any `networkx.DiGraph` of this shape will do.
    space : str, default=None
        Name of the search space.

    Returns
    -------
    Architecture
        The line graph, with nodes "input", one for each operation, and "output".

    Raises
    ------
    ArchitectureError
        If the graph is of another shape, has a cycle, or an edge holds several operations, among
        which no choice has been made yet.

    See Also
    --------
    DAGSpace : The space of such architectures.

    References
    ----------
    Michael Ruchte, Arber Zela, Julien Siems, Josif Grabocka and Frank Hutter. NASLib: A Modular
    and Flexible Neural Architecture Search Library. 2020.

    Examples
    --------
    >>> import networkx
    >>> from emprox.spaces import from_naslib
    >>> class Convolution:
    ...     get_op_name = "conv3x3"
    >>> graph = networkx.DiGraph()
    >>> graph.add_edge(1, 2, op=Convolution())
    >>> graph.add_edge(2, 3, op=Convolution())
    >>> from_naslib(graph).operations
    ('input', 'conv3x3', 'conv3x3', 'output')
    """
    _check_graph(graph)
    n_inputs = sum(graph.in_degree(node) == 0 for node in graph)
    builder = _LineGraph()
    # Every input node of the outermost graph is an input of the network.
    arriving = {position: {builder.add(INPUT)} for position in range(n_inputs)}
    last = builder.unfold(graph, arriving, list(arriving))
    builder.add(OUTPUT, last)
    return Architecture(tuple(builder.operations), tuple(builder.edges), space)


class _LineGraph:
    """Collects the operations in the order in which they are computed."""

    # A signal between them is the set of the operations that it is made of.

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.edges: list[tuple[int, int]] = []

    def add(self, operation: str, signal: set[int] | None = None) -> int:
        self.operations.append(operation)
        number = len(self.operations) - 1
        self.edges += [(source, number) for source in sorted(signal or ())]
        return number

    def unfold(self, graph: Any, arriving: Mapping[Any, set[int]], inputs: list[Any]) -> set[int]:
        """Add the operations of a graph; the inputs say what arrives at which input node."""
        signals: dict[Any, dict[Any, set[int]]] = {node: {} for node in graph}
        waiting = iter(inputs)
        signal: set[int] = set()
        places = {node: place for place, node in enumerate(_sorted_nodes(graph))}
        for node in places:
            if graph.in_degree(node) == 0:
                source = next(waiting, None)
                if source not in arriving:
                    raise ArchitectureError(
                        f"the inputs {inputs} of a graph inside the graph do not match what"
                        f" arrives there, from {list(arriving)}"
                    )
                signals[node] = {source: arriving[source]}
            signal = set().union(*signals[node].values())
            subgraph = graph.nodes[node].get("subgraph")
            if subgraph is not None:
                signal = self._unfold_inner(subgraph, signals[node])
            for target in sorted(graph.successors(node), key=places.__getitem__):
                signals[target][node] = self._apply(graph, node, target, signal)
        return signal

    def _apply(self, graph: Any, source: Any, target: Any, signal: set[int]) -> set[int]:
        edge = f"edge {source!r} -> {target!r}"
        try:
            operation = graph.edges[source, target]["op"]
        except (KeyError, AttributeError) as error:
            raise ArchitectureError(f"{edge} has no attribute 'op'") from error
        if is_networkx(operation):
            return self._unfold_inner(operation, {source: signal})
        if isinstance(operation, (list, tuple)):
            raise ArchitectureError(
                f"{edge} holds {len(operation)} operations: sample an architecture or discretize"
                " the graph first"
            )
        return {self.add(_name(operation), signal)}

    def _unfold_inner(self, graph: Any, arriving: Mapping[Any, set[int]]) -> set[int]:
        _check_graph(graph)
        inputs = getattr(graph, "input_node_idxs", None)
        return self.unfold(graph, arriving, list(arriving) if inputs is None else list(inputs))


def _name(operation: Any) -> str:
    """Name an operation as NASLib does, whose ``get_op_name`` is a property."""
    if inspect.isclass(operation):
        return operation.__name__
    name = getattr(operation, "get_op_name", None)
    if callable(name):
        name = name()
    return name if isinstance(name, str) else type(operation).__name__


def _check_graph(graph: Any) -> None:
    if not is_networkx(graph) or not graph.is_directed() or graph.is_multigraph():
        raise ArchitectureError(f"expected a graph of NASLib, got {shown(graph)}")
    if not len(graph):
        raise ArchitectureError("the graph has no nodes")


def _sorted_nodes(graph: Any) -> list[Any]:
    """Sort the nodes topologically, and by their names where there is a choice, as NASLib does."""
    networkx = import_optional("networkx", extra="plot", purpose="from_naslib")
    try:
        return list(networkx.lexicographical_topological_sort(graph))
    except networkx.NetworkXUnfeasible as error:
        raise ArchitectureError("the graph has a cycle") from error
    except TypeError as error:
        raise ArchitectureError(
            f"the nodes cannot be sorted by name: {shown(list(graph))}"
        ) from error
