"""What of a network is drawn: layers in columns by stage, repeated blocks once, and what skips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..networks import Network

# Kinds of layers as they are told apart in a picture, and the kinds of operations in each.
KINDS = (
    "convolution",
    "grouped or depthwise",
    "1x1 convolution",
    "linear",
    "attention",
    "recurrent",
    "embedding",
    "pooling",
    "resize",
    "other",
)
_KIND_OF = {"matmul": "attention"} | {
    name: name for name in ("convolution", "linear", "recurrent", "embedding", "pooling", "resize")
}
# Stages that come again more often than in the way down and up again are drawn once.
_MOST_RETURNS = 2
_LONGEST_BLOCK, _FEWEST_SAVED = 64, 3


@dataclass
class Layers:
    """A row for each layer drawn, the stage of every operation, and the edges that skip layers."""

    table: pd.DataFrame
    column: NDArray[np.int64]
    kind: NDArray[np.object_]
    # Rows of the table: from the end of the first to the start of the second, or to its end.
    skips: list[tuple[int, int, bool]]


def layers_of(network: Network) -> Layers:
    """Choose what is drawn of a network, and in which column."""
    operations = network.operations
    kind = _kinds(network)
    is_end = np.isin(operations.kind, ("input", "output"))
    is_drawn = (kind != "other") & ~is_end
    if not is_drawn.any():
        is_drawn = ~is_end if not is_end.all() else ~is_drawn
    drawn = np.flatnonzero(is_drawn)
    last = np.clip(np.cumsum(is_drawn) - 1, 0, None)
    column_of, order = _columns(network.stages()[drawn])
    table = pd.DataFrame(
        {
            "operation": drawn,
            "column": column_of,
            "kind": kind[drawn],
            "kernel": operations.kernel[drawn],
            "stride": operations.stride[drawn],
            "positions": operations.positions[drawn],
            "channels": operations.out_channels[drawn],
        }
    )
    _place_products(table, operations.n_values[drawn])
    carrier, reads = _contract(network, is_drawn)
    table = table.iloc[order].reset_index(drop=True)
    row_of = dict(zip(table["operation"].tolist(), range(len(table)), strict=True))
    where = operations.where[table["operation"]].tolist()
    sources = [
        {row_of[source] for source in reads[operation]} for operation in table["operation"].tolist()
    ]
    table["block"], table["copies"], stands_for = _fold(table, sources, where)
    is_first = stands_for == np.arange(len(table))
    new = (np.cumsum(is_first) - 1).tolist()
    skips = _skips(network, carrier, row_of, stands_for)
    drawn_skips = sorted({(new[start], new[end], at_end) for start, end, at_end in skips})
    return Layers(table[is_first].reset_index(drop=True), column_of[last], kind, drawn_skips)


def _kinds(network: Network) -> NDArray[np.object_]:
    """Tell for every operation of which kind it is in a picture."""
    operations = network.operations
    kind = np.array([_KIND_OF.get(each, "other") for each in operations.kind], dtype=object)
    is_convolution = operations.kind == "convolution"
    kind[is_convolution & (operations.kernel == 1)] = "1x1 convolution"
    kind[is_convolution & (operations.groups > 1)] = "grouped or depthwise"
    return kind


def _columns(stages: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the column of each layer, and the order that they are drawn in."""
    starts = np.flatnonzero(np.diff(stages, prepend=-1))
    runs = np.split(np.arange(len(stages)), starts[1:])
    columns: list[NDArray[np.int64]] = []
    for run in runs:
        columns.append(run)
        # Branches of a block that makes an image smaller: first all large, then all small.
        while len(columns) > 3 and all(
            stages[columns[-number][0]] == stages[columns[-number - 2][0]] for number in (1, 2)
        ):
            small, large = columns.pop(), columns.pop()
            columns[-1] = np.append(columns[-1], small)
            columns[-2] = np.append(columns[-2], large)
    names = np.unique(stages)
    if len(columns) > _MOST_RETURNS * len(names):
        columns = [np.flatnonzero(stages == name) for name in names]
        columns.sort(key=lambda rows: float(np.median(rows)))
    order = np.concatenate(columns)
    column = np.repeat(np.arange(len(columns)), [len(rows) for rows in columns])
    return column[np.argsort(order)], order


def _place_products(table: pd.DataFrame, n_values: NDArray[np.int64]) -> None:
    """Give products of activations the positions of the layers around, and channels to match."""
    is_product = (table["kind"] == "attention").to_numpy()
    around = table["positions"].where(~is_product).groupby(table["column"])
    positions = around.ffill().fillna(around.bfill()).fillna(table["positions"]).astype(np.int64)
    table["positions"] = positions
    channels = np.maximum(1, n_values // positions.to_numpy())
    table["channels"] = np.where(is_product, channels, table["channels"])


def _contract(network: Network, is_drawn: NDArray[np.bool_]) -> tuple[list[int], list[set[int]]]:
    """Return for each operation the last layer that it comes from, and the layers that it reads."""
    reads: list[set[int]] = [set() for _ in is_drawn]
    carrier = np.where(is_drawn, np.arange(len(is_drawn)), -1).tolist()
    for source, target in network.edges.tolist():
        if carrier[source] >= 0:
            reads[target].add(carrier[source])
        if not is_drawn[target]:
            carrier[target] = max(carrier[target], carrier[source])
    return carrier, reads


def _skips(
    network: Network,
    carrier: list[int],
    row_of: dict[int, int],
    stands_for: NDArray[np.int64],
) -> set[tuple[int, int, bool]]:
    """Find the layers that read another than the one before, as pairs of rows."""
    skips = set()
    for source, target in network.edges.tolist():
        start, end = carrier[source], carrier[target]
        # Further copies are like the first.
        if -1 in (start, end) or start == end or row_of[end] != stands_for[row_of[end]]:
            continue
        a, b, at_end = int(stands_for[row_of[start]]), row_of[end], end != target
        if b - a > 1 or (at_end and b > a):
            skips.add((a, b, at_end))
    return skips


def _fold(
    table: pd.DataFrame, sources: list[set[int]], where: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find blocks that are repeated: for each row its block, its copies and the row it repeats."""
    columns = ["column", "kind", "kernel", "stride", "positions", "channels"]
    same = table.groupby(columns, sort=False).ngroup().to_numpy()
    n = len(same)
    # For each length of a block, how many rows from here on equal those so many further.
    ahead = np.zeros((min(_LONGEST_BLOCK, n // 2) + 1, n + 1), dtype=np.int64)
    for length in range(1, len(ahead)):
        differs = np.flatnonzero(same[:-length] != same[length:])
        nearest = np.append(differs, n - length)[np.searchsorted(differs, np.arange(n - length))]
        ahead[length, : n - length] = nearest - np.arange(n - length)
    block, copies, stands_for = np.zeros(n, int), np.ones(n, int), np.arange(n)
    row = number = 0
    while row < n:
        length, times = _longest_repeat(row, ahead, sources)
        if times > 1:
            row = _best_start(row, length, times, ahead, where)
        end = row + length * times
        stands_for[row:end] = row + np.arange(length * times) % length
        number += times > 1
        block[row:end], copies[row:end] = number, times
        row = end
    # What stands between repeated blocks is a block as well.
    starts = (np.diff(block, prepend=0) != 0) | (np.diff(copies, prepend=0) != 0)
    return np.cumsum(starts) - 1, copies, stands_for


def _longest_repeat(row: int, ahead: NDArray[np.int64], sources: list[set[int]]) -> tuple[int, int]:
    """Return the length and the number of copies of the block that covers most from here on."""
    best = (1, 1)
    for length in np.flatnonzero(ahead[:, row] >= np.arange(len(ahead)))[1:].tolist():
        times = 1 + int(ahead[length, row]) // length
        # One after the other, not beside each other.
        follows = any(row <= source < row + length for source in sources[row + length])
        saved = length * (times - 1)
        if follows and saved >= _FEWEST_SAVED and length * times > best[0] * best[1]:
            best = (length, times)
    return best


def _best_start(
    row: int, length: int, times: int, ahead: NDArray[np.int64], where: list[str]
) -> int:
    """Move the start of a repeated block to where a module begins, if as much is repeated."""
    starts = [
        start for start in range(row, row + length) if ahead[length, start] >= length * (times - 1)
    ]
    return min(starts, key=lambda start: _shared_depth(where, start))


def _shared_depth(where: list[str], row: int) -> int:
    """Count the modules that a row and the one before are both in."""
    if row == 0:
        return -1
    pairs = zip(where[row - 1].split("."), where[row].split("."), strict=False)
    depth = 0
    for before, here in pairs:
        if before != here:
            break
        depth += 1
    return depth
