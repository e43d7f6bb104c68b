"""The search space: everything that is known about one family of architectures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import Architecture, ArchitectureError, Graphs
from ..graphs._graphs import IntArray
from ..utils._options import check_option
from ._building import BuildsNetworks
from ._identity import Identity
from ._parsing import numbers_in, read_choices, refuse, split
from ._sequences import TokenSequence, adjacency_sequence, decision_sequence, read_tokens
from ._signals import SignalOperation, Skeleton

# Up to so many architectures are listed to find the one that a graph is of.
_MAX_LISTED = 200_000


class SearchSpace(BuildsNetworks, Identity):
    """A family of architectures, each described by the same number of decisions.

    Methods work on a *decision matrix*, one row of small integers for each architecture; `encode`
    makes one of whatever people have, `format` and `decode` write texts and graphs.

    A subclass sets `name` and `choices`, and overrides `graphs` if there is a graph behind the
    decisions. It overrides `canonicalize` if a network has several descriptions, ``_faults`` and
    `size` if not every combination is allowed, and ``_write_text`` and ``_read_text`` if there is
    a usual text form; otherwise the choices, joined by commas, are it. An ``__init__`` keeps each
    parameter under its name. `check_search_space` tests the result.

    Attributes
    ----------
    name : str
        The name that the space is registered under.
    skeleton : Skeleton
        How a network stacks its cells; by default it is a single cell.
    default_sequence : str
        Key of the sequence that holds only what varies; by default "decisions".
    accepted : str
        What `encode` reads, for its error messages.
    described_by : {"StructuralProperties", "NetworkProperties"}
        The transformer of `emprox.properties` that describes its architectures.

    See Also
    --------
    emprox.spaces.get_space : Look a space up by name.
    emprox.spaces.check_search_space : Test whether a space keeps this contract.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench201")
    >>> decisions = space.encode(["|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"])
    >>> decisions
    array([[1, 1, 2, 1, 1, 1]])
    >>> space.decode(decisions)[0].operations[3]
    'nor_conv_3x3'
    """

    name: str
    default_sequence: str = "decisions"
    skeleton: Skeleton = Skeleton()
    accepted: str = "a text, a choice for each decision"
    described_by: str = "StructuralProperties"

    @property
    @abstractmethod
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """The decisions by name, each with the names of its choices."""

    @property
    def title(self) -> str:
        """What the space is and where it was published, in a line; by default its name."""
        return self.name

    @property
    def operations(self) -> Sequence[str]:
        """Names of the operations; by default those of the graphs."""
        kinds = self.graphs(np.empty((0, self.n_decisions), dtype=np.int64))
        return tuple(dict.fromkeys(name for graphs in kinds for name in graphs.names))

    @cached_property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """The ways to write an architecture as tokens, by name."""
        return {
            "decisions": decision_sequence(self.choices, "the choice of each decision"),
            "adjacency": adjacency_sequence(self),
        }

    @property
    def proximity_sequence(self) -> str:
        """Key of the sequence to embed for prediction; `default_sequence` unless overridden."""
        return self.default_sequence

    @property
    def signal_operations(self) -> tuple[SignalOperation, ...]:
        """What each operation of `signal_graphs` does to a signal; here only their names."""
        return tuple(map(SignalOperation, self.operations))

    @property
    def is_open(self) -> bool:
        """Whether operations and size have yet to be learned from architectures; see `learn`."""
        return False

    @property
    def is_catalogue(self) -> bool:
        """Whether it is but a list of architectures, to which any other can be added."""
        return False

    @property
    def sample_is_typical(self) -> bool:
        """Whether what `sample` draws is like the architectures that people have."""
        return True

    @property
    def positional(self) -> bool:
        """Whether a decision means the same in every architecture, as it does without a graph."""
        return type(self).graphs is SearchSpace.graphs

    @property
    def pathless(self) -> IntArray | None:
        """Decisions of an architecture that no signal passes; None if there is none."""
        return None

    @property
    def n_choices(self) -> tuple[int, ...]:
        """Number of choices of each decision."""
        return tuple(map(len, self.choices.values()))

    @property
    def decision_names(self) -> tuple[str, ...]:
        """Name of each decision."""
        return tuple(self.choices)

    def prepare(self, architectures: Any) -> Any:
        """Do once what takes time in reading architectures.

        Parameters
        ----------
        architectures : sequence, array, Series, DataFrame or iterator
            Architectures in any form that `encode` reads.

        Returns
        -------
        object
            The same architectures in a form that `learn`, `extend` and `encode` read fast: here as
            they are.
        """
        return architectures

    def learn(self, architectures: Any) -> SearchSpace:
        """Return the space that these architectures are of.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that `encode` reads.

        Returns
        -------
        SearchSpace
            For an open space, the space that holds these architectures. Any other space returns
            itself.
        """
        return self

    def extend(self, architectures: Any) -> SearchSpace:
        """Return a space that holds these architectures as well as all of this one.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Architectures in any form that `encode` reads.

        Returns
        -------
        SearchSpace
            For a space that was learned from others, one that further has the operations and sizes
            of these, if they go beyond it. Any other space returns itself.
        """
        return self

    def encode(self, architectures: Any, at_least: int = 0) -> IntArray:
        """Read architectures and return their decisions.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Texts, `Architecture` objects and their JSON form, tuples of choices by name or by
            number, whatever else the space documents; or a decision matrix.
        at_least : int, default=0
            How many there have to be.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Raises
        ------
        ArchitectureError
            If an item is not an architecture of this space; ``index`` says which.
        TypeError
            If a single text is given instead of several.
        ValueError
            If there are fewer than `at_least`.
        """
        items = self._split(architectures)
        if len(items) < at_least:
            raise ValueError(
                f"found {len(items)} architectures ({len(items)} samples): at least {at_least}"
                f" {'is' if at_least == 1 else 'are'} required"
            )
        if isinstance(items, np.ndarray):
            return self._check(items)
        decisions = np.empty((len(items), self.n_decisions), dtype=np.int64)
        graphs: dict[int, Architecture] = {}
        for index, item in enumerate(items):
            try:
                if (graph := self._graph_of(item)) is None:
                    decisions[index] = self._read(item)
                else:
                    decisions[index] = self._read_graph(graph)
                    graphs[index] = graph
            except ArchitectureError as error:
                raise ArchitectureError(error.message, index) from error
        matrix = self._check(decisions)
        # A graph is what these decisions stand for, and nothing more.
        for index, again in zip(graphs, self.decode(matrix[list(graphs)]), strict=True):
            given = graphs[index]
            if (given.operations, given.edges) != (again.operations, again.edges):
                raise ArchitectureError(self._foreign(given).message, index)
        return matrix

    def format(self, decisions: ArrayLike) -> list[str]:
        """Write architectures in the space's usual text form.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of str
            Texts that `encode` reads.
        """
        return [self._write_text(row) for row in self._check(decisions).tolist()]

    def decode(self, decisions: ArrayLike) -> list[Architecture]:
        """Build labelled graphs from decisions.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of Architecture
            The architectures. In a space without graphs they are chains of choices.
        """
        return self._whole(self._check(decisions)).architectures(self.name)

    def outline(self, decisions: ArrayLike) -> list[Architecture]:
        """Write architectures as labelled graphs that are small enough to be drawn.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of Architecture
            What `decode` returns, unless that is too large to be seen or no graph.
        """
        return self.decode(decisions)

    def graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write architectures as graphs of operations, as they are and not in canonical form.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            One batch of graphs for each kind of cell; none if there is no graph behind the
            decisions.
        """
        return ()

    def signal_graphs(self, decisions: ArrayLike) -> tuple[Graphs, ...]:
        """Write canonical forms as the graphs that signals pass.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        tuple of Graphs
            As `graphs`, with what a signal meets beside the operations that were chosen; named as
            in `signal_operations`.
        """
        return self.graphs(self.canonicalize(decisions))

    def tokenize(self, decisions: ArrayLike, sequence: str | None = None) -> IntArray:
        """Write architectures as token sequences, as they are and not in canonical form.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.
        sequence : str, default=None
            A key of `sequences`; None stands for `default_sequence`.

        Returns
        -------
        ndarray of shape (n_architectures, length)
            Token matrix.
        """
        return self._sequence(sequence).write(self._check(decisions))

    def detokenize(self, tokens: ArrayLike, sequence: str | None = None) -> IntArray:
        """Read decisions from token sequences.

        Parameters
        ----------
        tokens : array-like of shape (n_architectures, length)
            Token matrix as `tokenize` writes it.
        sequence : str, default=None
            A key of `sequences`; None stands for `default_sequence`.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix.

        Raises
        ------
        ArchitectureError
            If a row is not the sequence of an architecture of this space.
        """
        return read_tokens(self, self._sequence(sequence), tokens)

    def _write_text(self, choices: list[int]) -> str:
        """Write one architecture in the usual text form."""
        named = zip(self.choices.values(), choices, strict=True)
        return ",".join(str(names[choice]) for names, choice in named)

    def _read_text(self, text: str) -> Sequence[int]:
        """Read the usual text form, without spaces around it."""
        return read_choices([name.strip() for name in text.split(",")], self.choices)

    def _read_items(self, items: list[Any]) -> Sequence[int]:
        """Read a tuple or list: here a choice for each decision, by name or by number."""
        return read_choices(items, self.choices)

    def _read_graph(self, architecture: Architecture) -> Sequence[int]:
        """Read a graph that `decode` makes; that it is one is checked elsewhere."""
        try:
            return self._rows_of_graphs[architecture.operations, architecture.edges]
        except KeyError:
            raise self._foreign(architecture) from None

    @cached_property
    def _rows_of_graphs(self) -> dict[Any, list[int]]:
        if self.size > _MAX_LISTED:
            raise TypeError(f"{type(self).__name__} has to implement _read_graph")
        return {
            (architecture.operations, architecture.edges): row
            for decisions in self.enumerate()
            for architecture, row in zip(self.decode(decisions), decisions.tolist(), strict=True)
        }

    def _read_other(self, item: Any) -> Sequence[int]:
        """Read whatever else the space accepts."""
        raise refuse(item, f"{self.accepted} or an Architecture")

    def _whole(self, decisions: ArrayLike) -> Graphs:
        """Write each architecture as a single graph, as `decode` shows it."""
        if kinds := self.graphs(decisions):
            (graphs,) = kinds
            return graphs
        matrix = self._check(decisions)
        starts = np.cumsum([0, *self.n_choices[:-1]])
        return Graphs.chain(
            matrix + starts,
            [f"{name}={choice}" for name, choices in self.choices.items() for choice in choices],
        )

    def _split(self, architectures: Any) -> list[Any] | NDArray[Any]:
        """Take a container apart: a list of single architectures, or a decision matrix."""
        return split(architectures)

    def _graph_of(self, item: Any) -> Architecture | None:
        """Return the graph that an item is, or None if it is given in another form."""
        if isinstance(item, str) and item.lstrip().startswith("{") and '"operations"' in item:
            item = Architecture.from_string(item)
        if not isinstance(item, Architecture):
            return None
        if item.space not in (None, self.name):
            raise self._foreign(item)
        return item

    def _foreign(self, architecture: Architecture) -> ArchitectureError:
        return refuse(architecture, f"a graph of the space {self.name!r}")

    def _read(self, item: Any) -> Sequence[int]:
        """Return the decisions of one architecture in any accepted form but a graph."""
        if isinstance(item, np.ndarray):
            item = item.tolist()
        if isinstance(item, str):
            numbers = numbers_in(item)
            return self._read_text(item.strip()) if numbers is None else self._read_items(numbers)
        if isinstance(item, (tuple, list)):
            return self._read_items(list(item))
        return self._read_other(item)

    def _sequence(self, sequence: str | None) -> TokenSequence:
        name = self.default_sequence if sequence is None else sequence
        check_option(f"sequence of the space {self.name!r}", name, self.sequences)
        return self.sequences[name]
