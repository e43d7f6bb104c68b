"""PyTorch networks, with whatever layers, as architectures."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..graphs import Architecture, ArchitectureError
from ..networks import Network, capture
from ..networks._network import LAYERS, readable
from ._base import SearchSpace
from ._graph_forms import is_module
from ._parsing import refuse, split
from ._sequences import IntArray, TokenSequence

_EMPTY = (
    "the space {name!r} holds no networks yet: use the space that learn(networks) returns, or fit"
    " an estimator"
)


class NetworkSpace(SearchSpace):
    """All networks that can be written in PyTorch.

    `encode` reads modules, which it captures, `Network` objects and their JSON form, mixed. The
    only decision is which network it is of those that the space holds; networks that compute the
    same with the same numbers are one. The space without networks is *open*: transformers and
    regressors learn in fit the space that holds the known networks, and describe any other. No
    networks can be drawn or changed at random.

    Parameters
    ----------
    inputs : tuple, tensor, list or dict, default=None
        What modules are captured with, see `emprox.networks.capture`: a shape with the batch
        dimension, such as ``(1, 3, 224, 224)``, a tensor, or several. None takes the example that
        a module itself has, such as ``example_input_array``, and refuses modules without one.
    networks : sequence of Network, default=()
        The networks that the space holds.
    batch : True, tuple, tensor, list or dict, default=None
        What modules are scored on, untrained; see `emprox.networks.capture`. The group "measured"
        of `NetworkProperties` needs it. Networks that compute the same keep the scores of the
        first of them. None scores none.

    Attributes
    ----------
    networks : tuple of Network
        The different networks that the space holds; decisions are positions among them.

    See Also
    --------
    emprox.networks.capture : Makes a `Network` of a module.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.spaces import NetworkSpace
    >>> small, large = (
    ...     nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1)) for width in (8, 16)
    ... )
    >>> space = NetworkSpace(inputs=(1, 4)).learn([small, large, small])
    >>> len(space.networks)
    2
    >>> space.encode([large, small])
    array([[1],
           [0]])
    """

    name = "network"
    title = "Any PyTorch network: modules, as they are or captured"
    described_by = "NetworkProperties"
    accepted = "a torch.nn.Module, a Network or the JSON form of a Network"
    operations: tuple[str, ...] = ()
    positional = False
    sample_is_typical = False
    is_catalogue = True

    def __init__(
        self, inputs: Any = None, networks: Sequence[Network] = (), *, batch: Any = None
    ) -> None:
        self.inputs = inputs
        self.batch = batch
        self.networks = tuple(dict.fromkeys(networks))
        self._numbers = {network: number for number, network in enumerate(self.networks)}

    @property
    def is_open(self) -> bool:
        """Whether there are no networks yet."""
        return not self.networks

    @property
    def n_choices(self) -> tuple[int, ...]:
        return (len(self.networks),)

    @cached_property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """The only decision: which network."""
        return {"network": tuple(map(_text, self.networks))}

    @property
    def sequences(self) -> Mapping[str, TokenSequence]:
        """There are none, and asking for them is an error."""
        self._refuse("written as tokens: take recipe='best', or NetworkProperties")

    def prepare(self, architectures: Any) -> Any:
        """Capture modules and read texts, once for all that is done with them.

        Parameters
        ----------
        architectures : sequence, array, Series, DataFrame or iterator
            Networks in any form that `encode` reads.

        Returns
        -------
        list, iterator or ndarray of shape (n_architectures, 1)
            The networks; a decision matrix as it is. Those of an iterator come one by one as it
            is gone through, and where one cannot be read, the error that `encode` will raise.

        Raises
        ------
        ArchitectureError
            If something cannot be read; ``index`` says which.
        """
        if isinstance(architectures, Iterator):
            return map(self._try_to_read, architectures)
        items = self._split(architectures)
        if isinstance(items, np.ndarray):
            return items
        # What stands there twice is captured once; the list keeps it, and so its id.
        read: dict[int, Any] = {}
        for index, item in enumerate(items):
            if id(item) not in read:
                try:
                    read[id(item)] = self._to_network(item)
                except ArchitectureError as error:
                    raise ArchitectureError(error.message, index) from error
        return [read[id(item)] for item in items]

    def learn(self, architectures: Any) -> NetworkSpace:
        """Return the space that holds these networks.

        Parameters
        ----------
        architectures : sequence, array, Series or DataFrame
            Networks in any form that `encode` reads.

        Returns
        -------
        NetworkSpace
            A space that holds the different ones among these networks, after those that this one
            holds; if there is nothing new, the space itself.

        Raises
        ------
        ArchitectureError
            If a module cannot be captured, or something is no network; ``index`` says which.
        """
        items = self.prepare(architectures)
        if isinstance(items, np.ndarray):
            if self.is_open:
                raise ArchitectureError("networks cannot be learned from numbers: give networks")
            return self
        new = [item for item in items if not _is_row(item) and item not in self._numbers]
        held = (*self.networks, *new)
        return type(self)(self.inputs, held, batch=self.batch) if new else self

    def extend(self, architectures: Any) -> NetworkSpace:
        return self.learn(architectures)

    def decode(self, decisions: ArrayLike) -> list[Any]:
        """Look networks up.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of Network
            The networks.
        """
        return [self.networks[number] for number in self._check(decisions)[:, 0]]

    def format(self, decisions: ArrayLike) -> list[str]:
        """Say in a line for people what each network is.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of str
            The name, weights and multiply-adds, as "ResNet, 25.6 M weights, 4.09 G multiply-adds".
            What `encode` reads is a network's JSON
            form, ``network.to_json()``.
        """
        return list(map(_text, self.decode(decisions)))

    def outline(self, decisions: ArrayLike) -> list[Architecture]:
        """Write networks as chains of their stages.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        list of Architecture
            What `format` says, then what most of the work of each stage is, with its number of
            layers, their mean width, and the number of positions.
        """
        chains = [(_text(each), *_stages(each), "output") for each in self.decode(decisions)]
        return [Architecture(each, tuple(pairwise(range(len(each))))) for each in chains]

    def keys(self, decisions: ArrayLike) -> list[Hashable]:
        return list(self.decode(decisions))

    def sample(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("drawn at random: give the candidates themselves")

    def mutate(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("changed at random: give the candidates themselves")

    def neighbors(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("changed: give the candidates themselves")

    def enumerate(self) -> NoReturn:
        self._refuse("listed: there is no end of them")

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(f"networks of the space {self.name!r} cannot be {what}")

    def _split(self, architectures: Any) -> list[Any] | NDArray[Any]:
        if is_network(architectures):
            raise TypeError(
                f"expected several networks, got one {type(architectures).__name__}: put it into"
                " a list"
            )
        if isinstance(architectures, (list, tuple, str, bytes, Architecture)):
            return split(architectures)
        array = np.asarray(architectures)
        if array.ndim == 2 and array.shape[1] > 1 and any(map(is_module, array.flat)):
            # numpy goes through modules as if they were lists of their layers.
            raise ArchitectureError(
                f"an array of the layers of modules, of shape {array.shape}: give a list of modules"
            )
        return split(array)

    def _to_network(self, item: Any) -> Any:
        """Capture or read a network; rows of a decision matrix stay as they are."""
        if isinstance(item, Network) or _is_row(item):
            return item
        if isinstance(item, ArchitectureError):
            raise item
        try:
            if is_module(item):
                return capture(item, self.inputs, batch=self.batch)
            if isinstance(item, str):
                return Network.from_json(item)
        except (TypeError, ValueError) as error:
            raise ArchitectureError(str(error)) from error
        raise refuse(item, self.accepted)

    def _graph_of(self, item: Any) -> None:
        return None

    def _try_to_read(self, item: Any) -> Any:
        try:
            return self._to_network(item)
        except ArchitectureError as error:
            return error

    def _read(self, item: Any) -> Sequence[int]:
        if _is_row(item):
            return super()._read(item)
        network = self._to_network(item)
        if network not in self._numbers:
            raise ArchitectureError(
                f"{_text(network)}: it is none of the {len(self.networks)} networks that this space"
                " holds; extend(networks) makes one that also holds others"
            )
        return [self._numbers[network]]

    def _check(self, decisions: ArrayLike) -> IntArray:
        if self.is_open and len(np.atleast_1d(np.asarray(decisions))):
            raise ArchitectureError(_EMPTY.format(name=self.name))
        return super()._check(decisions)

    def __eq__(self, other: object) -> bool:
        # Tensors among the inputs cannot be compared as others are.
        return isinstance(other, NetworkSpace) and (
            (repr(self.inputs), repr(self.batch), self.networks)
            == (repr(other.inputs), repr(other.batch), other.networks)
        )

    __hash__ = SearchSpace.__hash__

    def __repr__(self) -> str:
        held = f" with {len(self.networks)} networks" * bool(self.networks)
        return super().__repr__().replace(">", f"{held}>")


def _is_row(item: Any) -> bool:
    """Say whether an item is a row of a decision matrix, or cannot be a network anyhow."""
    return isinstance(item, (list, tuple, np.ndarray))


def is_network(item: Any) -> bool:
    """Say whether something is a module or a captured network."""
    return is_module(item) or isinstance(item, Network)


def _text(network: Network) -> str:
    weights, multiply_adds = map(readable, (network.n_weights, network.multiply_adds))
    return f"{network.name}, {weights} weights, {multiply_adds} multiply-adds"


def _stages(network: Network) -> Iterator[str]:
    """Say of each stage what it mainly does."""
    table = network.table().assign(stage=network.stages())
    for _, part in table[~table["kind"].isin(("input", "output"))].groupby("stage"):
        layers = part[part["kind"].isin(LAYERS)]
        work = part.groupby("kind")["multiply_adds"].agg(["sum", "size"])
        texts = [work.sort_values(["sum", "size"]).index[-1]]
        if len(layers) > 1:
            texts.append(f"{len(layers)} layers")
        if len(layers):
            texts.append(f"{round(layers['out_channels'].mean()):,} wide")
        if (positions := part["positions"].max()) > 1:
            texts.append(f"{positions:,} positions")
        yield ", ".join(texts)
