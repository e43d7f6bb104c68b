"""Columns that count: operations, weights and multiply-adds, successions, and decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..graphs import WIRE, Graphs
from ..spaces import SignalOperation, Skeleton

# Columns by name, each of shape (n_graphs,).
Columns = dict[str, NDArray[np.float64]]


def operation_counts(graphs: Graphs, operations: Sequence[SignalOperation]) -> Columns:
    """Count each operation: in all, next to the input and next to the output."""
    columns: Columns = {}
    first, last = graphs.reading_inputs(), graphs.read_by_output()
    for number, operation in enumerate(operations):
        there = graphs.by_node == number
        count = there.sum(axis=0)
        columns[f"number of {operation.name}"] = count
        columns[f"has {operation.name}"] = count > 0
        columns[f"{operation.name} after the input"] = (there & first).sum(axis=0)
        columns[f"{operation.name} before the output"] = (there & last).sum(axis=0)
    return columns


def weights_and_work(
    graphs: Graphs, operations: Sequence[SignalOperation], skeleton: Skeleton, kind: int
) -> Columns:
    """Count the weights and multiply-adds of a kind of cell in the whole network, as logarithms."""
    if not any(operation.mixing or operation.depthwise for operation in operations):
        return {}
    mixing = graphs.lookup([operation.mixing for operation in operations])
    depthwise = graphs.lookup([operation.depthwise for operation in operations])
    widths, resolutions = (graphs.numbers.get(name) for name in ("widths", "resolutions"))
    weights = work = np.zeros(graphs.n_graphs)
    places = Counter((p.width, p.resolution) for p in skeleton.positions if p.kind == kind)
    for (width, resolution), times in places.items():
        size = width if widths is None else width * widths.T
        here = times * (mixing * size**2 + depthwise * size)
        weights = weights + here.sum(axis=0)
        if resolutions is not None:
            here *= resolutions.T**2
        work = work + here.sum(axis=0) * resolution**2
    return {
        "log weights": np.log1p(weights),
        "log multiply-adds": np.log1p(work),
        "log mixing": np.log1p(mixing.sum(axis=0)),
    }


def successions(graphs: Graphs, operations: Sequence[SignalOperation]) -> Columns:
    """Count for each pair of operations how often the second reads what the first computes."""
    n_operations = len(operations)
    # What each node hands on, by the operation that it comes from: its own, or over wires another.
    handed_on = np.zeros((graphs.n_nodes, n_operations, graphs.n_graphs))
    counts = np.zeros((n_operations, n_operations, graphs.n_graphs))
    for node, sources in graphs.reads.items():
        kind = graphs.by_node[node]
        read = np.zeros((n_operations, graphs.n_graphs))
        for source, where in sources:
            read += handed_on[source] if where is None else handed_on[source] * where
        handed_on[node] = read * (kind == WIRE)
        for number in range(n_operations):
            there = kind == number
            if there.any():
                handed_on[node, number] += there
                counts[number] += read * there
    return {
        f"{second.name} after {first.name}": counts[j, i]
        for i, first in enumerate(operations)
        for j, second in enumerate(operations)
    }


def decision_columns(decisions: NDArray[np.int64], n_choices: Sequence[int]) -> Columns:
    """Write decisions as numbers and one-hot, and count how often each choice is taken."""
    columns: Columns = {}
    for place, (chosen, choices) in enumerate(zip(decisions.T, n_choices, strict=True)):
        columns[f"decision {place}"] = chosen.astype(np.float64)
        if choices > 2:
            for choice in range(choices):
                columns[f"decision {place} is {choice}"] = chosen == choice
    for choice in range(max(n_choices)):
        columns[f"number of choices {choice}"] = (decisions == choice).sum(axis=1)
    return columns
