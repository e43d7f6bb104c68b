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
    unflatten_graphs,
)
from ._choices import label


def make_sequences(
    choices: Mapping[str, Sequence[Any]],
    ordinal: Collection[str],
    written: Callable[[IntArray], NDArray[np.bool_]],
) -> dict[str, TokenSequence]:
    """Make the sequences of a space, in which some decisions are ordinal and some not written."""
    n_decisions = len(choices)
    words, table = choice_tokens(
        choices, None, lambda decisions, choice: label("/".join(decisions), choice)
    )
    vocabulary, rows = tuple(words), np.arange(n_decisions)
    # For each token of the sequence "levels" its decision, and for an ordinal decision the
    # token that stands there if the choice is as high.
    is_ordinal = np.array([name in ordinal for name in choices])
    n_tokens = np.where(is_ordinal, (table > 0).sum(axis=1), 1).clip(min=1)
    starts = np.cumsum(n_tokens) - n_tokens
    decision_of = np.repeat(rows, n_tokens)
    lowest = np.where(table > 0, table, len(vocabulary)).min(axis=1)
    level = (lowest - starts)[decision_of] + np.arange(len(decision_of))
    rising = is_ordinal[decision_of] & (level < len(vocabulary))
    chain = np.eye(n_decisions + 2, k=1, dtype=bool)

    def write(decisions: IntArray) -> IntArray:
        return np.where(written(decisions), table[rows, decisions], PADDING)

    def read(tokens: IntArray) -> IntArray:
        return (table == tokens[:, :, None]).argmax(axis=2)

    def write_levels(decisions: IntArray) -> IntArray:
        tokens = write(decisions)[:, decision_of]
        return np.where(rising, np.where(level <= tokens, level, PADDING), tokens)

    def write_chain(decisions: IntArray) -> IntArray:
        tokens = write(decisions)
        nodes = np.where(tokens == PADDING, PADDING, tokens + 2)
        ends = ((0, 0), (1, 1))
        return flatten_graphs(chain, np.pad(nodes, ends, constant_values=len(vocabulary) + 2))

    def read_chain(tokens: IntArray) -> IntArray:
        nodes = unflatten_graphs(tokens, len(chain))[1][:, 1:-1]
        return read(np.where(nodes == PADDING, PADDING, nodes - 2))

    return {
        "decisions": TokenSequence(
            n_decisions,
            vocabulary,
            "the choice of each decision; padding if inactive",
            write,
            read,
        ),
        "levels": TokenSequence(
            len(level),
            vocabulary,
            "as decisions, but for an ordinal decision every choice up to its own",
            write_levels,
            # The tokens of a decision rise, so that the largest is that of its choice.
            lambda tokens: read(np.maximum.reduceat(tokens, starts, axis=1)),
        ),
        "adjacency": TokenSequence(
            (len(chain) - 1) * (len(chain) + 2) // 2,
            ("padding", "no edge", "edge", *vocabulary[1:], "output"),
            "a chain of the decisions, column by column (EmProx paper)",
            write_chain,
            read_chain,
        ),
    }
