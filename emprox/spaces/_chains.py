"""Networks that are a chain of layers, each layer one decision."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ._architecture import Architecture
from ._base import SearchSpace
from ._errors import ArchitectureError
from ._number_lists import read_numbers
from ._sequences import PADDING, IntArray, TokenSequence, flatten_graphs


class ChainSpace(SearchSpace):
    """Networks that are a chain of layers, for each of which one operation is chosen.

    As an `Architecture` a network is the path from an input over its layers to an output.

    A subclass sets the attributes below and those of `SearchSpace` except `sequences`, and
    implements ``_write``, which writes decisions in the usual text form, and ``_read_text``, which
    reads it.

    Attributes
    ----------
    optional : bool
        Whether operation 0 stands for no layer at all. It may then follow the last layer only,
        and is neither a node of the `Architecture` nor a token.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("natsbench_size")
    >>> space.sequences["adjacency"].length
    27
    """

    optional: ClassVar[bool] = False
    default_sequence = "operations"
    proximity_sequence = "operations"

    # For error messages: what `parse` reads, and what a layer is called.
    _accepted: ClassVar[str]
    _layer: ClassVar[str] = "layer"

    def __init__(self) -> None:
        layers = self.operations[1:] if self.optional else self.operations
        n_nodes = self.n_decisions + 2
        self.sequences = {
            "operations": TokenSequence(
                self.n_decisions, ("padding", *layers), "the operation of each layer"
            ),
            "adjacency": TokenSequence(
                (n_nodes - 1) * (n_nodes + 2) // 2,
                ("padding", "no edge", "edge", *layers, "output"),
                "adjacency and operations of the chain, column by column (EmProx paper)",
            ),
        }
        self._chain = np.eye(n_nodes, k=1, dtype=bool)
        self._numbers: dict[Any, int] = {
            key: number for number, name in enumerate(self.operations) for key in (name, number)
        }

    @property
    def positional(self) -> bool:
        """Whether a decision means the same thing in every architecture: each is a layer."""
        return True

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        matrix = self._check_decisions(decisions)
        names = np.array(self.operations, dtype=object)[matrix].tolist()
        n_layers = self._count_layers(matrix).tolist()
        edges = tuple((node, node + 1) for node in range(self.n_decisions + 1))
        return [
            Architecture(("input", *row[:n], "output"), edges[: n + 1], self.name)
            for row, n in zip(names, n_layers, strict=True)
        ]

    def format(self, architecture: Any) -> str:
        return self._write(self._encode_one(architecture)[0].tolist())

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        return self._write_tokens(self._check_decisions(decisions), spec)

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        spec = self.get_sequence(sequence)
        matrix = self._check_tokens(tokens, sequence)
        first = spec.vocabulary.index(self.operations[self.optional])
        positions = np.arange(self.n_decisions)
        if spec is self.sequences["adjacency"]:
            positions = np.cumsum(positions + 2) - 1
        layers = matrix[:, positions]
        present = (layers >= first) & (layers < first + len(self.operations) - self.optional)
        decisions = np.where(present, layers - first + self.optional, 0)
        # Tokens say more than the layers; what does not follow from these is wrong.
        wrong = np.argwhere(self._write_tokens(decisions, spec) != matrix)
        if len(wrong):
            row, position = (int(number) for number in wrong[0])
            token = int(matrix[row, position])
            raise ArchitectureError(
                f"token {token} ({spec.vocabulary[token]}) at position {position} is not what the"
                " sequence of a chain of layers has there",
                index=row,
            )
        return self._check_decisions(decisions)

    def _write_tokens(self, decisions: IntArray, spec: TokenSequence) -> IntArray:
        first = spec.vocabulary.index(self.operations[self.optional])
        layers = decisions - self.optional + first
        if self.optional:
            layers = np.where(decisions == 0, PADDING, layers)
        if spec is self.sequences["operations"]:
            return layers
        nodes = np.pad(layers, ((0, 0), (1, 1)))
        nodes[np.arange(len(nodes)), self._count_layers(decisions) + 1] = spec.vocabulary_size - 1
        # The column of a node that is not there says nothing about its edges either.
        written = np.repeat(nodes[:, 1:] != PADDING, np.arange(2, nodes.shape[1] + 1), axis=1)
        return np.where(written, flatten_graphs(self._chain, nodes), PADDING)

    def _count_layers(self, decisions: IntArray) -> IntArray:
        if self.optional:
            return (decisions != 0).sum(axis=1)
        return np.full(len(decisions), self.n_decisions)

    def _read(self, architecture: Any) -> Sequence[int]:
        if isinstance(architecture, Architecture):
            return self._read_chain(architecture)
        if isinstance(architecture, str):
            stripped = architecture.strip()
            if stripped.startswith("{"):
                return self._read_chain(Architecture.from_string(stripped))
            numbers = read_numbers(stripped)
            if numbers is not None and len(numbers) > 1:
                return self._read_layers(numbers)
            return self._read_text(stripped)
        if isinstance(architecture, (tuple, list, np.ndarray)):
            return self._read_layers(list(architecture))
        raise ArchitectureError(
            f"expected {self._accepted} or an Architecture,"
            f" got {architecture!r} of type {type(architecture).__name__}"
        )

    @abstractmethod
    def _write(self, decisions: Sequence[int]) -> str:
        """Write the usual text form of a network."""

    @abstractmethod
    def _read_text(self, text: str) -> Sequence[int]:
        """Read the usual text form of a network."""

    def _read_chain(self, architecture: Architecture) -> Sequence[int]:
        chain = tuple((node, node + 1) for node in range(architecture.n_nodes - 1))
        ends = architecture.operations[:1] + architecture.operations[-1:]
        if architecture.edges != chain or ends != ("input", "output"):
            raise ArchitectureError(
                "the graph is not a chain of layers between a node 'input' and a node 'output'"
            )
        return self._read_layers(list(architecture.operations[1:-1]))

    def _read_layers(self, layers: Sequence[Any]) -> Sequence[int]:
        shortest = 1 if self.optional else self.n_decisions
        if not shortest <= len(layers) <= self.n_decisions:
            allowed = f"at most {self.n_decisions}" if self.optional else self.n_decisions
            raise ArchitectureError(
                f"a network has {allowed} {self._layer}s, got {len(layers)}: {layers!r}"
            )
        numbers = []
        for position, layer in enumerate(layers):
            try:
                numbers.append(self._numbers[layer])
            # What cannot be hashed is no layer either.
            except (KeyError, TypeError) as error:
                raise ArchitectureError(
                    f"unknown {self._layer} {layer!r} at position {position};"
                    f" {self._allowed_layers()}"
                ) from error
        return numbers + [0] * (self.n_decisions - len(numbers))

    def _allowed_layers(self) -> str:
        names = ", ".join(f"{number} {name}" for number, name in enumerate(self.operations))
        return f"the {self._layer}s are {names}"
