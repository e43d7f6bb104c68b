"""Token sequences: how a batch of architectures becomes a matrix of integers, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import ArchitectureError
from ..graphs._graphs import IntArray

PADDING = 0
NO_EDGE, EDGE = 1, 2


@dataclass(frozen=True)
class TokenSequence:
    """One way to write the architectures of a space as token sequences of equal length.

    Parameters
    ----------
    length : int
        Number of tokens of a sequence.
    vocabulary : tuple of str
        Meaning of each token; token 0 is padding.
    description : str
        What the sequence holds, in a line.
    write : callable
        Turns a decision matrix into a token matrix.
    read : callable
        Turns a token matrix into a decision matrix, as far as it is one: `SearchSpace.detokenize`
        checks by writing it again.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> sequence = get_space("nasbench201").sequences["adjacency"]
    >>> sequence.length, sequence.vocabulary_size
    (35, 9)
    """

    length: int
    vocabulary: tuple[str, ...]
    description: str
    write: Callable[[IntArray], IntArray] = field(repr=False)
    read: Callable[[IntArray], IntArray] = field(repr=False)

    @property
    def vocabulary_size(self) -> int:
        """Number of different tokens, padding included."""
        return len(self.vocabulary)


def check_tokens(tokens: ArrayLike, sequence: TokenSequence) -> IntArray:
    """Return a token matrix; refuse what is not in the vocabulary."""
    matrix: NDArray[Any] = np.asarray(tokens)
    if matrix.ndim != 2 or matrix.shape[1] != sequence.length:
        raise ArchitectureError(
            f"the sequences have {sequence.length} tokens, got an array of shape {matrix.shape}"
        )
    wrong = np.argwhere((matrix < 0) | (matrix >= sequence.vocabulary_size))
    if len(wrong):
        row, column = (int(position) for position in wrong[0])
        raise ArchitectureError(
            f"token {matrix[row, column]} at position {column} is not in the vocabulary"
            f" (0 to {sequence.vocabulary_size - 1})",
            index=row,
        )
    return matrix.astype(np.int64)


def flatten_graphs(adjacency: NDArray[np.bool_], node_tokens: IntArray) -> IntArray:
    """Write labelled graphs column by column, as the EmProx paper does (section 3.1, Figure 4).

    For every node but the first, in order: one token for each earlier node that says whether an
    edge leads here (2) or not (1), then the token of the node's operation.
    """
    n_graphs, n_nodes = node_tokens.shape
    edges = np.broadcast_to(adjacency, (n_graphs, n_nodes, n_nodes)) != 0
    columns = []
    for node in range(1, n_nodes):
        columns.append(np.where(edges[:, :node, node], EDGE, NO_EDGE))
        columns.append(node_tokens[:, node, None])
    return np.concatenate(columns, axis=1).astype(np.int64)


def unflatten_graphs(tokens: IntArray, n_nodes: int) -> tuple[NDArray[np.bool_], IntArray]:
    """Read adjacency matrices and node tokens from sequences written by `flatten_graphs`."""
    adjacency = np.zeros((len(tokens), n_nodes, n_nodes), dtype=bool)
    node_tokens = np.zeros((len(tokens), n_nodes), dtype=np.int64)
    start = 0
    for node in range(1, n_nodes):
        adjacency[:, :node, node] = tokens[:, start : start + node] == EDGE
        node_tokens[:, node] = tokens[:, start + node]
        start += node + 1
    return adjacency, node_tokens


def shift_left(tokens: IntArray, length: int | None = None) -> IntArray:
    """Move the padding of every row to its end, keeping the order of the other tokens."""
    order = np.argsort(tokens == PADDING, axis=1, kind="stable")
    return np.take_along_axis(tokens, order[:, :length], axis=1)


def sorted_words(words: IntArray, present: NDArray[np.bool_], end: int, length: int) -> IntArray:
    """Write a set of words per row, longest first, then by their tokens, each with an end token.

    Padding inside a word of `words`, of shape (n_rows, n_words, word_length), is dropped; `end`
    has to be larger than every other token.
    """
    n_rows, _, word_length = words.shape
    words = shift_left(words.reshape(-1, word_length)).reshape(words.shape)
    # Reading a word as a number sorts words as text; an absent word is less than all others.
    place_values = (end + 1) ** np.arange(word_length - 1, -1, -1)
    n_tokens = (words != PADDING).sum(axis=2)
    rank = np.where(present, (n_tokens + 1) * (end + 1) ** word_length + words @ place_values, 0)
    order = np.argsort(-rank, axis=1, kind="stable")
    words = np.where(present[:, :, None], words, PADDING)
    ends = np.where(present, end, PADDING)[:, :, None]
    written = np.concatenate([words, ends], axis=2)
    written = np.take_along_axis(written, order[:, :, None], axis=1)
    return shift_left(written.reshape(n_rows, -1), length)
