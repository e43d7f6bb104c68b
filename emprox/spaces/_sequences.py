"""Token sequences: how a batch of architectures becomes a matrix of integers, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._errors import ArchitectureError

PADDING = 0
NO_EDGE, EDGE = 1, 2

IntArray = NDArray[np.int64]


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

    @property
    def vocabulary_size(self) -> int:
        """Number of different tokens, padding included."""
        return len(self.vocabulary)


def flatten_graphs(adjacency: NDArray[np.bool_], node_tokens: IntArray) -> IntArray:
    """Write labelled graphs column by column, as the EmProx paper does (section 3.1, Figure 4).

    For every node but the first, in order: one token for each earlier node that says whether an
    edge leads here (2) or not (1), then the token of the node's operation.

    Parameters
    ----------
    adjacency : ndarray of shape (n_nodes, n_nodes) or (n_graphs, n_nodes, n_nodes)
        Upper triangular adjacency, common to all graphs or one for each.
    node_tokens : ndarray of shape (n_graphs, n_nodes)
        Token of each node's operation; the first node's is not written.

    Returns
    -------
    ndarray of shape (n_graphs, (n_nodes - 1) * (n_nodes + 2) / 2)
        The token sequences.
    """
    n_graphs, n_nodes = node_tokens.shape
    edges = np.broadcast_to(adjacency, (n_graphs, n_nodes, n_nodes)) != 0
    columns = []
    for node in range(1, n_nodes):
        columns.append(np.where(edges[:, :node, node], EDGE, NO_EDGE))
        columns.append(node_tokens[:, node, None])
    return np.concatenate(columns, axis=1).astype(np.int64)


def unflatten_graphs(tokens: IntArray, n_nodes: int) -> tuple[NDArray[np.bool_], IntArray]:
    """Read adjacency and node tokens from sequences written by `flatten_graphs`.

    Parameters
    ----------
    tokens : ndarray of shape (n_graphs, (n_nodes - 1) * (n_nodes + 2) / 2)
        Token sequences.
    n_nodes : int
        Number of nodes.

    Returns
    -------
    adjacency : ndarray of shape (n_graphs, n_nodes, n_nodes)
        Upper triangular adjacency.
    node_tokens : ndarray of shape (n_graphs, n_nodes)
        Token of each node's operation, 0 for the first node.

    Raises
    ------
    ArchitectureError
        If a token that says whether there is an edge says something else.
    """
    adjacency = np.zeros((len(tokens), n_nodes, n_nodes), dtype=bool)
    node_tokens = np.zeros((len(tokens), n_nodes), dtype=np.int64)
    start = 0
    for node in range(1, n_nodes):
        entries = tokens[:, start : start + node]
        wrong = np.argwhere((entries != NO_EDGE) & (entries != EDGE))
        if len(wrong):
            row, source = (int(position) for position in wrong[0])
            raise ArchitectureError(
                f"token {int(entries[row, source])} at position {start + source} has to be"
                f" {NO_EDGE} (no edge) or {EDGE} (edge)",
                index=row,
            )
        adjacency[:, :node, node] = entries == EDGE
        node_tokens[:, node] = tokens[:, start + node]
        start += node + 1
    return adjacency, node_tokens


def shift_left(tokens: IntArray, length: int | None = None) -> IntArray:
    """Move the padding of every row to its end, keeping the order of the other tokens.

    Parameters
    ----------
    tokens : ndarray of shape (n_rows, n_tokens)
        Rows with padding (0) anywhere.
    length : int, default=None
        Number of columns to keep; None keeps all.

    Returns
    -------
    ndarray of shape (n_rows, length)
        The rows with their padding at the end.
    """
    order = np.argsort(tokens == PADDING, axis=1, kind="stable")
    return np.take_along_axis(tokens, order[:, :length], axis=1)


def sorted_words(words: IntArray, present: NDArray[np.bool_], end: int, length: int) -> IntArray:
    """Write a set of words per row in sorted order, each followed by an end token.

    Parameters
    ----------
    words : ndarray of shape (n_rows, n_words, word_length)
        Tokens of each word; padding inside a word is dropped.
    present : ndarray of shape (n_rows, n_words)
        Which words there are.
    end : int
        The token that ends a word. It has to be larger than every other token.
    length : int
        Number of columns of the result.

    Returns
    -------
    ndarray of shape (n_rows, length)
        The words, longest first and otherwise in the order of their tokens, padded with 0.
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
