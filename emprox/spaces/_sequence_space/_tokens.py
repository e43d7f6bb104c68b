"""Token sequences of lists of decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._sequences import PADDING, IntArray, TokenSequence, flatten_graphs, unflatten_graphs
from ._records import Choice, label


class DecisionTokens:
    """Writes decisions as tokens, and reads them; `SequenceSpace` says what they mean.

    Parameters
    ----------
    decisions : mapping of str to sequence of choices
        The choices of each decision, in order; None, if it is one, comes first.
    ordinal : collection of str
        The decisions whose choices have an order.
    """

    def __init__(self, decisions: Mapping[str, Sequence[Choice]], ordinal: Collection[str]) -> None:
        n_decisions = len(decisions)
        optional = np.array([choices[0] is None for choices in decisions.values()])
        n_tokens = np.array([len(choices) for choices in decisions.values()]) - optional
        sharing: dict[tuple[Any, ...], list[int]] = {}
        for position, choices in enumerate(decisions.values()):
            # True equals 1, but does not mean the same.
            kind = tuple((isinstance(c, bool), c) for c in choices if c is not None)
            sharing.setdefault(kind, []).append(position)
        vocabulary = ["padding"]
        # The token of each choice; -1 where a decision has fewer choices than another.
        self._tokens = np.full((n_decisions, max(map(len, decisions.values()))), -1)
        for kind, positions in sharing.items():
            first = len(vocabulary)
            vocabulary += [
                label("/".join(list(decisions)[position] for position in positions), choice)
                for _, choice in kind
            ]
            for position in positions:
                start = int(optional[position])
                self._tokens[position, :start] = PADDING
                self._tokens[position, start : start + len(kind)] = range(first, len(vocabulary))
        is_ordinal = np.array([name in ordinal for name in decisions]) & (n_tokens > 0)
        # The sequence "levels": the decision of each token, and the token of an ordinal decision
        # that stands there if its choice is as high; 0 for other decisions.
        widths = np.where(is_ordinal, n_tokens, 1)
        self._starts = np.cumsum(widths) - widths
        self._level_decision = np.repeat(np.arange(n_decisions), widths)
        rank = np.arange(widths.sum()) - np.repeat(self._starts, widths)
        lowest = self._tokens[np.arange(n_decisions), optional.astype(int) * is_ordinal]
        self._level = np.where(
            is_ordinal[self._level_decision], lowest[self._level_decision] + rank, PADDING
        )
        n_nodes = n_decisions + 2
        self.sequences = {
            "decisions": TokenSequence(
                n_decisions, tuple(vocabulary), "the choice of each decision; padding if inactive"
            ),
            "levels": TokenSequence(
                len(self._level),
                tuple(vocabulary),
                "as decisions, but for an ordinal decision every choice up to its own",
            ),
            "adjacency": TokenSequence(
                (n_nodes - 1) * (n_nodes + 2) // 2,
                ("padding", "no edge", "edge", *vocabulary[1:], "output"),
                "a chain of the decisions, column by column (EmProx paper)",
            ),
        }

    def write(self, matrix: IntArray, written: NDArray[np.bool_], sequence: str) -> IntArray:
        """Write decisions as tokens.

        Parameters
        ----------
        matrix : ndarray of shape (n_architectures, n_decisions)
            Decision matrix.
        written : ndarray of shape (n_architectures, n_decisions)
            Which decisions are written; the others become padding.
        sequence : str
            A key of `sequences`.

        Returns
        -------
        ndarray of shape (n_architectures, length)
            Token matrix.
        """
        tokens = self._tokens[np.arange(matrix.shape[1]), matrix]
        tokens[~written] = PADDING
        if sequence == "levels":
            tokens = tokens[:, self._level_decision]
            reached = np.where(self._level <= tokens, self._level, PADDING)
            return np.where(self._level == PADDING, tokens, reached)
        if sequence == "adjacency":
            chain = np.eye(matrix.shape[1] + 2, k=1, dtype=bool)
            nodes = np.where(tokens == PADDING, PADDING, tokens + 2)
            output = self.sequences["adjacency"].vocabulary_size - 1
            return flatten_graphs(chain, np.pad(nodes, ((0, 0), (1, 1)), constant_values=output))
        return tokens

    def read(self, tokens: IntArray, sequence: str) -> IntArray:
        """Read decisions from tokens.

        Parameters
        ----------
        tokens : ndarray of shape (n_architectures, length)
            Token matrix.
        sequence : str
            A key of `sequences`.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix. What is no token of a decision is read as its first choice: to find
            it, write the decisions again.
        """
        if sequence == "levels":
            # The tokens of a decision rise, so that the largest is that of its choice.
            tokens = np.maximum.reduceat(tokens, self._starts, axis=1)
        elif sequence == "adjacency":
            nodes = unflatten_graphs(tokens, len(self._tokens) + 2)[1][:, 1:-1]
            tokens = np.where(nodes == PADDING, PADDING, nodes - 2)
        matches = self._tokens == tokens[:, :, None]
        return np.where(matches.any(axis=2), matches.argmax(axis=2), 0)
