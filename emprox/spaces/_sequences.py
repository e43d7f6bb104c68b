"""Token sequences: how a batch of architectures becomes a matrix of integers, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, zip_longest
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import ABSENT, WIRE, Architecture, ArchitectureError, Graphs, reorder
from ..graphs._graphs import IntArray
from ..utils._texts import one_line
from ._parsing import read_matrix

PADDING = 0
# No choice.
NOTHING = object()
NO_EDGE, EDGE = 1, 2
# The word for what an open space has not learned.
UNKNOWN = "unknown"


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
    write: Callable[[IntArray], IntArray] = field(repr=False, compare=False)
    read: Callable[[IntArray], IntArray] = field(repr=False, compare=False)

    @property
    def vocabulary_size(self) -> int:
        """Number of different tokens, padding included."""
        return len(self.vocabulary)


def translate(tokens: IntArray, source: TokenSequence, target: TokenSequence) -> IntArray:
    """Write tokens in the words of another sequence, as far as it has them and as long as it is."""
    numbers = {word: number for number, word in enumerate(target.vocabulary)}
    unknown = numbers.get(UNKNOWN, PADDING)
    table = np.array([numbers.get(word, unknown) for word in source.vocabulary])
    return table[tokens[:, : target.length]]


def read_tokens(space: Any, sequence: TokenSequence, tokens: ArrayLike) -> IntArray:
    """Read a token matrix; refuse what is not the sequence of an architecture of the space."""
    matrix = read_matrix(tokens, [sequence.vocabulary_size] * sequence.length, "token")
    decisions = sequence.read(matrix)
    bad = np.array(((decisions < 0) | (decisions >= space.n_choices)).any(axis=1))
    bad[~bad] = ~space.is_valid(decisions[~bad])
    # Tokens may say more than the decisions; what does not follow from these is wrong.
    bad[~bad] = (sequence.write(decisions[~bad]) != matrix[~bad]).any(axis=1)
    if bad.any():
        row = int(bad.argmax())
        words = ", ".join(sequence.vocabulary[token] for token in matrix[row].tolist())
        raise ArchitectureError(f"no architecture has the tokens {one_line(words, 200)}", row)
    return decisions


def choice_tokens(
    choices: Mapping[str, Sequence[Any]],
    left_out: Any = NOTHING,
    name: Callable[[Sequence[str], Any], str] = lambda decisions, choice: str(choice),
) -> tuple[list[str], dict[str, list[int]]]:
    """Give a token to each choice; decisions with the same choices share their tokens."""
    sharing: dict[tuple[Any, ...], list[str]] = {}
    for decision, some in choices.items():
        # True equals 1, but does not mean the same.
        kind = tuple(
            (isinstance(choice, bool), choice) for choice in some if choice is not left_out
        )
        sharing.setdefault(kind, []).append(decision)
    vocabulary, tokens = ["padding"], {}
    for kind, decisions in sharing.items():
        for decision in decisions:
            number = count(len(vocabulary))
            some = choices[decision]
            tokens[decision] = [PADDING if each is left_out else next(number) for each in some]
        vocabulary += [name(decisions, choice) for _, choice in kind]
    return vocabulary, tokens


def decision_sequence(
    choices: Mapping[str, Sequence[Any]],
    description: str,
    left_out: Any = NOTHING,
    vocabulary: Sequence[str] | None = None,
) -> TokenSequence:
    """Write decisions as one token each; a vocabulary may give the order of the tokens."""
    if vocabulary is not None:
        rows = [[vocabulary.index(choice) for choice in some] for some in choices.values()]
        return table_sequence(rows, vocabulary, description)
    vocabulary, tokens = choice_tokens(choices, left_out)
    return table_sequence([tokens[name] for name in choices], vocabulary, description)


def table_sequence(
    rows: Sequence[Sequence[int]],
    vocabulary: Sequence[str],
    description: str,
    written: Callable[[IntArray], Any] = lambda decisions: True,
) -> TokenSequence:
    """Write decisions as the tokens of their choices; a decision may be one that is not written."""
    table, places = np.array(list(zip_longest(*rows, fillvalue=-1))).T, np.arange(len(rows))
    return TokenSequence(
        len(rows),
        tuple(vocabulary),
        description,
        lambda decisions: np.where(written(decisions), table[places, decisions], PADDING),
        lambda tokens: (table == tokens[:, :, None]).argmax(axis=2),
    )


def path_sequence(
    decisions: TokenSequence,
    graphs: Callable[[IntArray], Graphs],
    length: int,
    description: str,
) -> TokenSequence:
    """Write decisions, and after them the operations along each path in sorted order."""
    # The operations of the graphs come first in the vocabulary of the decisions.
    end = decisions.vocabulary_size

    def write(matrix: IntArray) -> IntArray:
        operations, present = graphs(matrix).along_paths()
        words = np.where(operations < 0, PADDING, operations + 1)
        return np.hstack([decisions.write(matrix), sorted_words(words, present, end, length)])

    return TokenSequence(
        decisions.length + length,
        (*decisions.vocabulary, "end of path"),
        description,
        write,
        lambda tokens: decisions.read(tokens[:, : decisions.length]),
    )


def adjacency_sequence(
    space: Any,
    description: str = "adjacency and operations, column by column (EmProx paper)",
    wires: Sequence[str] = ("output",),
) -> TokenSequence:
    """Write the graphs of `decode` column by column; `wires` name the nodes without operation."""
    whole = space._whole(np.empty((0, space.n_decisions), dtype=np.int64))
    n_nodes = whole.n_nodes
    vocabulary = ("padding", "no edge", "edge", *whole.names, *wires)
    token_of_wire = [
        vocabulary.index(name) if name in wires else PADDING for name in whole.wire_names
    ]

    def write(decisions: IntArray) -> IntArray:
        graphs = space._whole(decisions)
        there = graphs.operations != ABSENT
        tokens = np.where(graphs.operations == WIRE, token_of_wire, graphs.operations + EDGE + 1)
        adjacency = graphs.adjacency
        if not there.all():
            order = np.argsort(~there, axis=1, kind="stable")
            tokens, adjacency = reorder(tokens, adjacency, order)
            there = np.take_along_axis(there, order, axis=1)
        # The column of a node that is not there says nothing about its edges either.
        written = np.repeat(there[:, 1:], np.arange(2, n_nodes + 1), axis=1)
        return np.where(written, flatten_graphs(adjacency, tokens), PADDING)

    def read(tokens: IntArray) -> IntArray:
        adjacency, nodes = unflatten_graphs(tokens, n_nodes)
        decisions = np.empty((len(tokens), space.n_decisions), dtype=np.int64)
        for row, (edges, labels) in enumerate(zip(adjacency, nodes.tolist(), strict=True)):
            names = [vocabulary[token] for token in labels[1:] if token != PADDING]
            joined = tuple((s, t) for s, t in np.argwhere(edges).tolist() if t <= len(names))
            graph = Architecture((whole.wire_names[0], *names), joined)
            try:
                decisions[row] = space._read_graph(graph)
            except ArchitectureError as error:
                raise ArchitectureError(error.message, row) from error
        return decisions

    length = (n_nodes - 1) * (n_nodes + 2) // 2
    return TokenSequence(length, vocabulary, description, write, read)


def flatten_graphs(adjacency: NDArray[np.bool_], node_tokens: IntArray) -> IntArray:
    """Write labelled graphs column by column, as the EmProx paper does (section 3.1, Figure 4)."""
    # For every node but the first, in order: for each earlier node whether an edge leads here (2)
    # or not (1), then the token of the node's operation.
    n_graphs, n_nodes = node_tokens.shape
    matrices = np.where(np.broadcast_to(adjacency, (n_graphs, n_nodes, n_nodes)), EDGE, NO_EDGE)
    targets, sources = np.tril_indices(n_nodes)
    matrices[:, range(n_nodes), range(n_nodes)] = node_tokens
    places = sources[1:] * n_nodes + targets[1:]
    return matrices.reshape(n_graphs, n_nodes**2).take(places, axis=1)


def unflatten_graphs(tokens: IntArray, n_nodes: int) -> tuple[NDArray[np.bool_], IntArray]:
    """Read adjacency matrices and node tokens from sequences written by `flatten_graphs`."""
    matrices = np.zeros((len(tokens), n_nodes, n_nodes), dtype=np.int64)
    targets, sources = np.tril_indices(n_nodes)
    matrices[:, sources[1:], targets[1:]] = tokens
    return np.triu(matrices == EDGE, k=1), matrices[:, range(n_nodes), range(n_nodes)]


def shift_left(tokens: IntArray, length: int | None = None) -> IntArray:
    """Move the padding of every row to its end, keeping the order of the other tokens."""
    order = np.argsort(tokens == PADDING, axis=1, kind="stable")
    return np.take_along_axis(tokens, order[:, :length], axis=1)


def sorted_words(words: IntArray, present: NDArray[np.bool_], end: int, length: int) -> IntArray:
    """Write a set of words per row, longest first, then by their tokens, each with an end token."""
    # Padding inside a word is dropped, and the end token is larger than every other one.
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
