"""Random graphs, a space that holds them, and their paths one by one."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from emprox.graphs import ABSENT, WIRE, Graphs
from emprox.properties import StructuralProperties
from emprox.spaces import SearchSpace, SignalOperation, Skeleton

OPERATIONS = (
    SignalOperation("copy", "copy"),
    SignalOperation("pool", "blur", kernel_size=3),
    SignalOperation("wide", "renew", kernel_size=5, n_layers=2, mixing=2, depthwise=22),
    SignalOperation("narrow", "renew", mixing=1, depthwise=2),
    SignalOperation("block", "renew", kernel_size=3, n_layers=2, mixing=18, residual=True),
)
# A network of one cell.
SINGLE = Skeleton()


class ListedSpace(SearchSpace):
    """A space of the graphs that it is given, which are its first decision."""

    name = title = "listed"
    default_sequence = ""
    operations = signal_operations = skeleton = sequences = choices = None

    def __init__(self, kinds, operations, skeleton):
        self.kinds, self.signal_operations, self.skeleton = kinds, operations, skeleton
        self.operations = tuple(operation.name for operation in operations)
        # A single column would be taken for a column of a data frame.
        self.choices = {"graph": range(kinds[0].n_graphs), "nothing": ("nothing",)}

    def graphs(self, decisions):
        rows = np.asarray(decisions)[:, 0]
        return tuple(
            replace(
                graphs,
                operations=graphs.operations[rows],
                present=None if graphs.present is None else graphs.present[rows],
                numbers={name: values[rows] for name, values in graphs.numbers.items()},
            )
            for graphs in self.kinds
        )

    def format(self, decisions):
        return [str(number) for number, _ in decisions]


def describe(kinds, operations=OPERATIONS, skeleton=SINGLE, groups="auto"):
    """Compute the columns of graphs of one or several kinds: by name, those that vary."""
    kinds = (kinds,) if isinstance(kinds, Graphs) else tuple(kinds)
    space = ListedSpace(kinds, tuple(operations), skeleton)
    properties = StructuralProperties(space, groups=groups, n_reference=0)
    numbers = np.arange(kinds[0].n_graphs)
    columns = properties.fit_transform(np.column_stack([numbers, 0 * numbers]))
    return dict(zip(properties.get_feature_names_out(), columns.T, strict=True))


def check(columns, expected, rows=slice(None)):
    """Compare columns with expected numbers by name; one that is missing must not vary."""
    for name, numbers in expected.items():
        if name in columns:
            np.testing.assert_allclose(columns[name][rows], numbers, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_allclose(numbers, np.full(len(numbers), numbers[0]), err_msg=name)


def draw_graphs(seed, n_graphs=12, concatenate=False, n_inputs=None):
    """Draw graphs over the same nodes, some of which are absent, wires, or read nothing.

    If asked for, the output concatenates what it reads.
    """
    rng = np.random.default_rng(seed)
    if n_inputs is None:
        n_inputs = int(rng.integers(1, 3))
    n_nodes = n_inputs + int(rng.integers(3, 7))
    edges = [
        (source, target)
        for target in range(n_inputs, n_nodes)
        for source in range(target)
        if source == target - 1 or rng.random() < 0.8
    ]
    operations = rng.integers(-2, len(OPERATIONS), size=(n_graphs, n_nodes))
    operations[rng.random(operations.shape) < 0.1] = ABSENT
    operations[:, :n_inputs] = operations[:, -1] = WIRE
    present = rng.random((n_graphs, len(edges))) < (1 if seed % 2 else 0.8)
    names = [operation.name for operation in OPERATIONS]
    joined = frozenset({n_nodes - 1} if concatenate else ())
    return Graphs(operations, edges, names, present, n_inputs, concatenates=joined)


def list_paths(graphs, row):
    """List the paths of a graph from an input to the output, each a list of nodes."""
    there = [
        edge for edge, present in zip(graphs.edges, graphs.there[:, row], strict=True) if present
    ]
    paths, unfinished = [], [[node] for node in range(graphs.n_inputs)]
    while unfinished:
        path = unfinished.pop()
        if path[-1] == graphs.n_nodes - 1:
            paths.append(path)
        unfinished += [[*path, target] for source, target in there if source == path[-1]]
    return paths


def list_sources(graphs, row):
    """List what each node of a graph reads, for all nodes that something leads to."""
    sources = dict.fromkeys(range(graphs.n_inputs), ())
    for (source, target), there in zip(graphs.edges, graphs.there[:, row], strict=True):
        if there and source in sources:
            sources[target] = (*sources.get(target, ()), source)
    return sources


def list_words(graphs, row):
    """List the operations along each path of a graph, wires left out."""
    along = [graphs.operations[row, path] for path in list_paths(graphs, row)]
    return [[number for number in word.tolist() if number != WIRE] for word in along]


@pytest.fixture(scope="session")
def cells():
    """The helpers of this module."""
    return SimpleNamespace(
        operations=OPERATIONS,
        draw=draw_graphs,
        describe=describe,
        check=check,
        paths=list_paths,
        words=list_words,
        sources=list_sources,
    )
