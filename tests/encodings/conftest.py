"""Operation graphs put together one by one, and all their paths: what is compared with."""

from dataclasses import dataclass

import pytest

from emprox.spaces import get_space

# Spaces whose architectures lie between one node "input" and one node "output".
PLAIN = (
    *("nasbench101", "nasbench201", "nasbench_asr", "nasbench_graph", "nasbench_macro"),
    *("transnasbench101_macro", "transnasbench101_micro"),
)
# One of the two operations of a pair of DARTS reads the first input of its cell, and so on.
DARTS_INPUTS = ("c_{k-2}", "c_{k-1}")


@dataclass
class Graph:
    """A graph of operations, with their names by node; other nodes only pass on."""

    prefix: str
    names: dict
    edges: list
    inputs: dict
    output: object

    def paths(self, start):
        """List all paths from a node to the output, as lists of the operations' nodes."""
        if start == self.output:
            return [[]]
        here = [start] if start in self.names else []
        after = [target for source, target in self.edges if source == start]
        return [here + rest for target in after for rest in self.paths(target)]


def plain_graph(space, row):
    (cell,) = space.decode(row[None])
    kept = {node for node, name in enumerate(cell.operations) if name not in ("none", "zero")}
    names = {node: cell.operations[node] for node in kept}
    names = {node: name for node, name in names.items() if name in space.operations}
    edges = [edge for edge in cell.edges if kept.issuperset(edge)]
    return [Graph("", names, edges, {"": 0}, cell.n_nodes - 1)]


def recurrent_graph(space, row):
    (cell,) = space.decode(row[None])
    ends = {"x": "x", "h_prev": "previous state", "h_new": "output"}
    places = [ends.get(name.rstrip("_0123"), node) for node, name in enumerate(cell.operations)]
    names = {node: name for node, name in enumerate(cell.operations) if name in space.operations}
    edges = [(places[source], places[target]) for source, target in cell.edges]
    return [Graph("", names, edges, {name: name for name in ("x", "previous state")}, "output")]


def darts_graphs(space, row):
    graphs = []
    for kind, cell in zip(("normal", "reduce"), row.reshape(2, 8, 2).tolist(), strict=True):
        names, edges = {}, []
        for place, (source, operation) in enumerate(cell):
            names[place] = space.operations[operation]
            first = 2 * (source - 2)
            sources = (DARTS_INPUTS[source],) if source < 2 else (first, first + 1)
            edges += [*((source, place) for source in sources), (place, "output")]
        inputs = {name: name for name in DARTS_INPUTS}
        graphs.append(Graph(f"{kind}: ", names, edges, inputs, "output"))
    return graphs


@pytest.fixture(params=[*PLAIN, "darts", "nasbench_nlp"])
def listed(request):
    """Return a space, some of its architectures, and their graphs."""
    space = get_space(request.param)
    decisions = space.sample(40, random_state=5)
    make = {"darts": darts_graphs, "nasbench_nlp": recurrent_graph}.get(request.param, plain_graph)
    return space, decisions, [make(space, row) for row in decisions]
