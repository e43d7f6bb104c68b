"""Random cells, and their paths one by one: what the columns are compared with."""

from typing import NamedTuple

import numpy as np
import pytest

from emprox.spaces import ABSENT, WIRE, CellGraphs, SignalOperation


class Cells(NamedTuple):
    graphs: CellGraphs
    operations: tuple[SignalOperation, ...]


OPERATIONS = (
    SignalOperation("copy", "copy"),
    SignalOperation("pool", "blur", kernel_size=3),
    SignalOperation("wide", "renew", kernel_size=5, n_layers=2, mixing=2, depthwise=22),
    SignalOperation("narrow", "renew", mixing=1, depthwise=2),
    SignalOperation("block", "renew", kernel_size=3, n_layers=2, mixing=18, residual=True),
)


def draw_cells(seed, n_cells=12, concatenate=False, n_inputs=None):
    """Draw cells over a random graph, with wires and absent edges among the operations.

    Some nodes are joined by two edges.
    If asked for, the output concatenates what wires bring it.
    """
    rng = np.random.default_rng(seed)
    if n_inputs is None:
        n_inputs = int(rng.integers(1, 3))
    n_nodes = n_inputs + int(rng.integers(2, 5))
    edges = [
        (source, target)
        for target in range(n_inputs, n_nodes)
        for source in range(target)
        for _ in range(max(int(rng.choice(3, p=[0.15, 0.75, 0.1])), source == target - 1))
    ]
    operations = rng.integers(-2, len(OPERATIONS), size=(n_cells, len(edges)))
    operations[rng.random(operations.shape) < 0.15] = ABSENT
    if concatenate:
        last = np.array([target == n_nodes - 1 for _, target in edges])
        operations[:, last] = np.where(operations[:, last] == ABSENT, ABSENT, WIRE)
    concatenated = frozenset({n_nodes - 1} if concatenate else ())
    return Cells(CellGraphs(tuple(edges), operations, n_inputs, concatenated), OPERATIONS)


def list_paths(graphs, cell):
    """List the paths of a cell from an input to the output, each a list of edge numbers."""
    there = [e for e in range(len(graphs.edges)) if graphs.operations[cell, e] != ABSENT]
    paths, unfinished = [], [[e] for e in there if graphs.edges[e][0] < graphs.n_inputs]
    while unfinished:
        path = unfinished.pop()
        end = graphs.edges[path[-1]][1]
        if end == graphs.n_nodes - 1:
            paths.append(path)
        unfinished += [[*path, e] for e in there if graphs.edges[e][0] == end]
    return paths


@pytest.fixture(scope="session")
def random_cells():
    return draw_cells


@pytest.fixture(scope="session")
def all_paths():
    return list_paths


@pytest.fixture(scope="session")
def words():
    """List the operations along each path of a cell, wires left out."""

    def words(graphs, cell):
        along = [[graphs.operations[cell, e] for e in path] for path in list_paths(graphs, cell)]
        return [[number for number in word if number != WIRE] for word in along]

    return words
