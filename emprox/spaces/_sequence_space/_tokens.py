"""Token sequences of lists of decisions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graphs._graphs import IntArray
from .._sequences import (
    PADDING,
    TokenSequence,
    choice_tokens,
    flatten_graphs,
    table_sequence,
    unflatten_graphs,
)
from ._choices import label


def make_sequences(
    choices: Mapping[str, Sequence[Any]],
    known: Mapping[str, Sequence[Any]],
    ordinal: Collection[str],
    written: Callable[[IntArray], NDArray[np.bool_]],
) -> dict[str, TokenSequence]:
    """Make the sequences of a space in the words of the known choices; not all is written."""
    vocabulary, known_tokens = choice_tokens(known, None, lambda n, c: label("/".join(n), c))
    rows: list[list[int]] = []
    # For each token of the sequence "levels" its decision, and for an ordinal decision the
    # token that stands there if the choice is as high.
    levels: list[tuple[int, int]] = []
    for name, some in choices.items():
        tokens: list[int] = []
        for choice in some:
            # What is not known is written as the next lower choice, or not at all.
            lower = tokens[-1] if tokens and name in ordinal else PADDING
            is_known = choice in known[name]
            tokens.append(known_tokens[name][known[name].index(choice)] if is_known else lower)
        rising = sorted({*tokens} - {PADDING}) if name in ordinal else []
        levels += [(len(rows), level) for level in rising or [PADDING]]
        rows.append(tokens)
    decision_of, level = np.array(levels).T
    starts = np.searchsorted(decision_of, np.arange(len(rows)))
    chain = np.eye(len(rows) + 2, k=1, dtype=bool)
    single = table_sequence(
        rows, vocabulary, "the choice of each decision; padding if inactive", written
    )

    def write_levels(decisions: IntArray) -> IntArray:
        tokens = single.write(decisions)[:, decision_of]
        return np.where(level > 0, np.where(level <= tokens, level, PADDING), tokens)

    def read_levels(tokens: IntArray) -> IntArray:
        # The tokens of a decision rise, so that the largest is that of its choice.
        return single.read(np.maximum.reduceat(tokens, starts, axis=1))

    def write_chain(decisions: IntArray) -> IntArray:
        tokens = single.write(decisions)
        nodes, ends = tokens + 2 * (tokens > 0), ((0, 0), (1, 1))
        return flatten_graphs(chain, np.pad(nodes, ends, constant_values=len(vocabulary) + 2))

    def read_chain(tokens: IntArray) -> IntArray:
        nodes = unflatten_graphs(tokens, len(chain))[1][:, 1:-1]
        return single.read(nodes - 2 * (nodes > 0))

    return {
        "decisions": single,
        "levels": TokenSequence(
            len(level),
            single.vocabulary,
            "as decisions, but for an ordinal decision every choice up to its own",
            write_levels,
            read_levels,
        ),
        "adjacency": TokenSequence(
            (len(chain) - 1) * (len(chain) + 2) // 2,
            ("padding", "no edge", "edge", *vocabulary[1:], "output"),
            "a chain of the decisions, column by column (EmProx paper)",
            write_chain,
            read_chain,
        ),
    }
