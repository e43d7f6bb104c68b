"""Networks that are a chain of layers, each layer one decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..graphs import ABSENT, Architecture, ArchitectureError, Graphs
from ..utils._texts import shown
from ._base import SearchSpace
from ._parsing import read_choice
from ._sequences import NOTHING, TokenSequence, adjacency_sequence, decision_sequence


class ChainSpace(SearchSpace):
    """Networks that are a chain of layers, for each of which one operation is chosen.

    As a graph a network is the path from an input over its layers to an output.

    A subclass sets the attributes below and those of `SearchSpace`, and implements ``_write_text``
    and ``_read_text`` if there is a usual text form.

    Attributes
    ----------
    operations : tuple of str
        Names of the operations.
    n_layers : int
        Number of layers.
    optional : bool
        Whether operation 0 stands for no layer at all. It may then follow the last layer only,
        and is neither a node of the graph nor a token.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("natsbench_size")
    >>> space.sequences["adjacency"].length
    27
    """

    operations: ClassVar[tuple[str, ...]]
    n_layers: ClassVar[int]
    optional: ClassVar[bool] = False
    default_sequence = "operations"

    @cached_property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The operations of each layer."""
        return {f"layer {layer}": self.operations for layer in range(self.n_layers)}

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write a network as tokens."""
        left_out = self.operations[0] if self.optional else NOTHING
        return {
            "operations": decision_sequence(self.choices, "the operation of each layer", left_out),
            "adjacency": adjacency_sequence(
                self, "adjacency and operations of the chain, column by column (EmProx paper)"
            ),
        }

    @property
    def positional(self) -> bool:
        """Whether a decision means the same thing in every architecture: each is a layer."""
        return True

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write networks as chains of layers.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            The chains, as the only kind of cell.
        """
        matrix = self._check(decisions)
        if not self.optional:
            return (Graphs.chain(matrix, self.operations),)
        layers = np.where(matrix == 0, ABSENT, matrix - 1)
        return (Graphs.chain(layers, self.operations[1:], optional=True),)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        return self._read_items(list(architecture.operations[1:-1]))

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        shortest = 1 if self.optional else self.n_layers
        if not shortest <= len(items) <= self.n_layers:
            allowed = f"at most {self.n_layers}" if self.optional else self.n_layers
            raise ArchitectureError(
                f"a network has {allowed} layers, got {len(items)}: {shown(items)}"
            )
        layers = [
            read_choice(item, f"layer {layer}", self.operations) for layer, item in enumerate(items)
        ]
        return layers + [0] * (self.n_layers - len(layers))
