"""Columns that count: operations, weights and multiply-adds, and which operation follows which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..spaces import WIRE, SignalOperation, Skeleton
from ._cells import Columns, LiveCells


def operation_counts(cells: LiveCells, operations: Sequence[SignalOperation]) -> Columns:
    """Count each operation: in all, next to the input and next to the output.

    Parameters
    ----------
    cells : LiveCells
        The cells.
    operations : sequence of SignalOperation
        The operations of the space.

    Returns
    -------
    dict of str to ndarray of shape (n_cells,)
        Columns by name.
    """
    columns: Columns = {}
    first, last = cells.at_input(), cells.at_output()
    for number, operation in enumerate(operations):
        there = cells.operations == number
        count = there.sum(axis=0)
        columns[f"number of {operation.name}"] = count
        columns[f"has {operation.name}"] = count > 0
        columns[f"{operation.name} after the input"] = (there & first).sum(axis=0)
        columns[f"{operation.name} before the output"] = (there & last).sum(axis=0)
    return columns


def weights_and_work(
    cells: LiveCells, operations: Sequence[SignalOperation], skeleton: Skeleton, kind: int
) -> Columns:
    """Count the weights of a kind of cell in the whole network, and the multiply-adds.

    Parameters
    ----------
    cells : LiveCells
        The cells.
    operations : sequence of SignalOperation
        The operations of the space.
    skeleton : Skeleton
        Where the cells stand.
    kind : int
        Which kind of cell they are.

    Returns
    -------
    dict of str to ndarray of shape (n_cells,)
        Logarithms of one more than the number of weights, the number of multiply-adds, and the
        number of weights for each pair of channels; nothing if no operation has weights.
    """
    if not any(operation.mixing or operation.depthwise for operation in operations):
        return {}
    mixing = cells.lookup([operation.mixing for operation in operations])
    depthwise = cells.lookup([operation.depthwise for operation in operations])
    widths = 1 if cells.widths is None else cells.widths
    areas = 1 if cells.resolutions is None else cells.resolutions**2
    weights = work = np.zeros(cells.n_cells)
    for position in skeleton.positions:
        if position.kind == kind:
            width = position.width * widths
            here = mixing * width**2 + depthwise * width
            weights = weights + here.sum(axis=0)
            work = work + (here * position.resolution**2 * areas).sum(axis=0)
    return {
        "log weights": np.log1p(weights),
        "log multiply-adds": np.log1p(work),
        "log mixing": np.log1p(mixing.sum(axis=0)),
    }


def successions(cells: LiveCells, operations: Sequence[SignalOperation]) -> Columns:
    """Count for each pair of operations how often the second reads what the first computes.

    Parameters
    ----------
    cells : LiveCells
        The cells.
    operations : sequence of SignalOperation
        The operations of the space.

    Returns
    -------
    dict of str to ndarray of shape (n_cells,)
        Columns by name.
    """
    n_operations = len(operations)
    # What arrives at each node, by the operation that it comes from.
    arriving = np.zeros((cells.n_nodes, n_operations, cells.n_cells))
    counts = np.zeros((n_operations, n_operations, cells.n_cells))
    for edge, (source, target) in enumerate(cells.edges):
        kind = cells.operations[edge]
        arriving[target] += arriving[source] * (kind == WIRE)
        for number in range(n_operations):
            there = kind == number
            arriving[target, number] += there
            counts[number] += arriving[source] * there
    names = [operation.name for operation in operations]
    return {
        f"{second} after {first}": counts[j, i]
        for i, first in enumerate(names)
        for j, second in enumerate(names)
    }
