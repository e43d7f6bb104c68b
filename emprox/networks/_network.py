"""What a network computes: its operations, their numbers, and the graph of the data."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..utils._texts import shown
from ._kinds import KINDS

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = 1
_TEXTS = ("name", "kind", "where")
_NUMBERS = (
    "n_weights",
    "multiply_adds",
    "in_channels",
    "out_channels",
    "kernel",
    "stride",
    "dilation",
    "groups",
    "transposed",
)
# Layers are what has weights that multiply what comes in.
LAYERS = ("convolution", "linear", "recurrent")
# What tells in which stage a network is.
_PLACES = ("input", *LAYERS, "embedding", "pooling", "resize")
_STAGE_FACTOR = 1.5


class Operations(NamedTuple):
    """The operations of a network in the order of execution, an array for each of their numbers.

    Parameters
    ----------
    name : ndarray of str of shape (n_operations,)
        The operator, as PyTorch calls it: "convolution", "addmm", "relu"; "input" and "output".
    kind : ndarray of str of shape (n_operations,)
        What it is; one of `emprox.networks.KINDS`.
    where : ndarray of str of shape (n_operations,)
        The path of the submodule that it runs in.
    shape : tuple of tuple of int
        The shape of what it writes.
    n_weights : ndarray of int of shape (n_operations,)
        Size of the parameters that it reads.
    multiply_adds : ndarray of int of shape (n_operations,)
        Multiplications with an addition each.
    in_channels, out_channels : ndarray of int of shape (n_operations,)
        Channels, or features, of what it reads and writes; of products the inner and the last
        dimension.
    kernel, stride, dilation : ndarray of int of shape (n_operations,)
        Of convolutions and pooling, the largest over the dimensions; 1 where there is none.
    groups : ndarray of int of shape (n_operations,)
        Groups of a convolution, number of matrices of a product of two activations; otherwise 1.
    transposed : ndarray of int of shape (n_operations,)
        1 for a transposed convolution.
    n_values : ndarray of int of shape (n_operations,)
        Number of values that it writes.
    positions : ndarray of int of shape (n_operations,)
        Number of values in a channel: sites of an image, tokens of a sequence.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.networks import capture
    >>> operations = capture(nn.Conv2d(3, 8, 3), (1, 3, 6, 6)).operations
    >>> [str(kind) for kind in operations.kind], operations.n_values.tolist()
    (['input', 'convolution', 'output'], [108, 128, 128])
    """

    name: NDArray[np.str_]
    kind: NDArray[np.str_]
    where: NDArray[np.str_]
    shape: tuple[tuple[int, ...], ...]
    n_weights: NDArray[np.int64]
    multiply_adds: NDArray[np.int64]
    in_channels: NDArray[np.int64]
    out_channels: NDArray[np.int64]
    kernel: NDArray[np.int64]
    stride: NDArray[np.int64]
    dilation: NDArray[np.int64]
    groups: NDArray[np.int64]
    transposed: NDArray[np.int64]
    n_values: NDArray[np.int64]
    positions: NDArray[np.int64]


class Network:
    """A neural network as the operations that it consists of.

    Made by `capture`, or of what `to_json` wrote. It is immutable, small, and equal to every other
    network that computes the same with the same numbers, whatever its modules are called.

    Parameters
    ----------
    content : mapping
        The object that `to_json` writes, as `json.loads` reads it.

    Attributes
    ----------
    name : str
        The class of the module.
    operations : Operations
        The operations and their numbers.
    edges : ndarray of int of shape (n_edges, 2)
        Which operation reads what which other wrote: pairs of the one that wrote and the one that
        reads, which comes later.
    n_weights : int
        Number of weights: values of all parameters of the module, shared ones once.
    weight_bytes : int
        Memory that they take.
    multiply_adds : int
        Multiplications with an addition each, for the inputs it was captured with; half of what
        `torch.utils.flop_counter` counts.
    peak_activation : int
        How many values are alive at once in inference, at most, if each is forgotten when it was
        last read.
    input_shapes, output_shapes : tuple of tuple of int
        Shapes of what it was captured with, and of what it returned.
    measured : mapping of str to float
        Scores of the module on one batch, with the weights that it had when it was captured; NaN
        where one is not defined. Empty if they were not asked for. They do not make networks
        differ.

    See Also
    --------
    capture : Makes one of a module.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.networks import Network, capture
    >>> network = capture(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)), (1, 8))
    >>> network.n_weights, network.multiply_adds, network.peak_activation
    (161, 144, 32)
    >>> network.edges.tolist()
    [[0, 1], [1, 2], [2, 3], [3, 4]]
    >>> Network.from_json(network.to_json()) == network
    True
    """

    name: str
    n_weights: int
    weight_bytes: int
    multiply_adds: int
    peak_activation: int
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    operations: Operations
    edges: NDArray[np.int64]
    measured: Mapping[str, float]

    _OWN = (
        "name",
        "n_weights",
        "weight_bytes",
        "multiply_adds",
        "peak_activation",
        "input_shapes",
        "output_shapes",
    )

    def __init__(self, content: Mapping[str, Any]) -> None:
        set_once = self.__dict__.__setitem__
        for key in self._OWN:
            value = content[key]
            set_once(key, _as_tuples(value) if key.endswith("shapes") else value)
        columns = content["operations"]
        shapes = _as_tuples(columns["shape"])
        n_values = np.array([math.prod(shape) for shape in shapes], dtype=np.int64)
        texts: Any = {key: np.array(columns[key], dtype=np.str_) for key in _TEXTS}
        numbers: Any = {key: np.array(columns[key], dtype=np.int64) for key in _NUMBERS}
        numbers |= {"n_values": n_values}
        numbers |= {"positions": n_values // np.maximum(numbers["out_channels"], 1)}
        pairs = np.array(content["edges"], dtype=np.int64).reshape(-1, 2)
        for each in (*texts.values(), *numbers.values(), pairs):
            each.flags.writeable = False
        set_once("operations", Operations(shape=shapes, **texts, **numbers))
        set_once("edges", pairs)
        measured = {
            str(key): math.nan if value is None else float(value)
            for key, value in content.get("measured", {}).items()
        }
        set_once("measured", MappingProxyType(measured))

    @classmethod
    def _from_operations(
        cls, operations: Sequence[Any], weight_sizes: Mapping[int, int], **own: Any
    ) -> Network:
        """Make a network of what was recorded."""
        columns: dict[str, Any] = {
            key: [getattr(each, key) for each in operations]
            for key in (*_TEXTS, *_NUMBERS, "shape")
            if key != "n_weights"
        }
        columns["n_weights"] = [
            sum(weight_sizes[weight] for weight in each.weights) for each in operations
        ]
        edges = [
            (s, target) for target, each in enumerate(operations) for s in sorted(each.sources)
        ]
        return cls({**own, "operations": columns, "edges": edges})

    def _with_measured(self, measured: Mapping[str, float]) -> Network:
        """Return the same network with these scores."""
        network = object.__new__(type(self))
        network.__dict__.update(self.__dict__, measured=MappingProxyType(dict(measured)))
        return network

    def to_json(self) -> str:
        """Write the network as a text that `from_json` reads.

        Returns
        -------
        str
            A JSON object.
        """
        operations = self.operations
        columns = {key: getattr(operations, key).tolist() for key in (*_TEXTS, *_NUMBERS)}
        content = {
            "format": _FORMAT,
            **{key: getattr(self, key) for key in self._OWN},
            "operations": {**columns, "shape": operations.shape},
            "edges": self.edges.tolist(),
        }
        if self.measured:
            # NaN is no number in JSON.
            content["measured"] = {
                key: None if math.isnan(value) else value for key, value in self.measured.items()
            }
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Network:
        """Read a network from a text.

        Parameters
        ----------
        text : str
            What `to_json` wrote.

        Returns
        -------
        Network
            The network.

        Raises
        ------
        ValueError
            If it is no such text.
        """
        try:
            content = json.loads(text)
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {shown(content['format'])}, not {_FORMAT}")
            return cls._checked(content)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as e:
            raise ValueError(
                f"not a network as Network.to_json writes it ({type(e).__name__}: {shown(str(e))}):"
                f" {shown(text)}"
            ) from e

    @classmethod
    def _checked(cls, content: Mapping[str, Any]) -> Network:
        """Make a network of a JSON object, if it can be one."""
        network = cls(content)
        n_operations = len(network.operations.kind)
        if {len(each) for each in network.operations} != {n_operations} or n_operations == 0:
            raise ValueError("the columns of its operations differ in length")
        if unknown := set(network.operations.kind.tolist()) - set(KINDS):
            raise ValueError(f"unknown kinds of operations: {sorted(unknown)}")
        low, high = network.edges.T
        if (low < 0).any() or (high >= n_operations).any() or (low >= high).any():
            raise ValueError("an operation reads what a later one writes, or none")
        for key in cls._OWN:
            kind = str if key == "name" else tuple if key.endswith("shapes") else int
            if not isinstance(getattr(network, key), kind):
                raise ValueError(f"{key} is {shown(content[key])}")
        return network

    def table(self) -> pd.DataFrame:
        """List all operations.

        Returns
        -------
        DataFrame of shape (n_operations, 15)
            A row for each operation, a column for each field of `Operations`.
        """
        import pandas as pd

        return pd.DataFrame({key: list(each) for key, each in self.operations._asdict().items()})

    def stages(self) -> NDArray[np.int64]:
        """Return the stage that each operation is in: all at about the same number of positions.

        Numbers of positions that differ by less than half, such as those of 14 x 14 patches and of
        197 tokens, are one stage. What comes between layers, and layers with a single
        position, such as those of squeeze-and-excitation, are in the stage of the layer before; a
        single position is a stage of its own only after all others.

        Returns
        -------
        ndarray of int of shape (n_operations,)
            Stages are counted from 0 in the order in which they begin.
        """
        positions = self.operations.positions.copy()
        # Outputs are where what they return is.
        written, read = self.edges[self.operations.kind[self.edges[:, 1]] == "output"].T
        positions[read] = positions[written]
        is_layer = np.isin(self.operations.kind, _PLACES) & (positions > 1)
        layers = np.flatnonzero(is_layer)
        if len(layers):
            # Each takes the positions of the last layer; what ends with one position keeps it.
            last = np.maximum.accumulate(np.where(is_layer, np.arange(len(positions)), layers[0]))
            is_end = np.arange(len(positions)) > np.flatnonzero(positions > 1)[-1]
            positions = np.where(is_end, 1, positions[last])
        stages: dict[int, int] = {}
        top = 0
        for size in np.unique(positions)[::-1].tolist():
            top = size if not top or size * _STAGE_FACTOR < top or size == 1 else top
            stages[size] = top
        _, first, stage = np.unique(
            [stages[size] for size in positions.tolist()], return_index=True, return_inverse=True
        )
        return np.argsort(np.argsort(first))[stage]

    def summary(self) -> pd.DataFrame:
        """Summarise the network by its stages.

        Returns
        -------
        DataFrame
            A row for each stage, with the number of positions (sites or tokens), of layers with
            weights, the mean of their output channels, weights and multiply-adds, and the kinds of
            operations with how many there are of each.
        """
        import pandas as pd

        table = self.table().assign(stage=self.stages())
        table = table[~table.kind.isin(("input", "output"))]
        rows = []
        for stage, part in table.groupby("stage"):
            layers = part[part.kind.isin(LAYERS)]
            places = part[part.kind.isin(_PLACES)]
            kinds = part.kind.value_counts()
            rows.append(
                {
                    "stage": stage,
                    "positions": int((places if len(places) else part).positions.max()),
                    "layers": len(layers),
                    "width": round(layers.out_channels.mean()) if len(layers) else 0,
                    "weights": int(part.n_weights.sum()),
                    "multiply_adds": int(part.multiply_adds.sum()),
                    "operations": ", ".join(f"{n} {kind}" for kind, n in kinds.items()),
                }
            )
        columns = ("positions", "layers", "width", "weights", "multiply_adds", "operations")
        return pd.DataFrame(rows, columns=["stage", *columns]).set_index("stage")

    @cached_property
    def _key(self) -> bytes:
        """Return what equal networks have in common."""
        operations = self.operations
        parts = [*(getattr(operations, key) for key in _NUMBERS), operations.n_values, self.edges]
        texts = json.dumps([operations.name.tolist(), operations.shape, self.n_weights])
        return sha256(b"".join([*(each.tobytes() for each in parts), texts.encode()])).digest()

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Network cannot be changed, so {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Network cannot be changed, so {name} cannot be deleted")

    def __copy__(self) -> Network:
        return self

    def __deepcopy__(self, memo: Any) -> Network:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (zlib.compress(self.to_json().encode()),)

    def __repr__(self) -> str:
        n_layers = int(np.isin(self.operations.kind, LAYERS).sum())
        return (
            f"Network({self.name}: {readable(self.n_weights)} weights,"
            f" {readable(self.multiply_adds)} multiply-adds, {n_layers} layers)"
        )

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p><code>{escape(repr(self))}</code></p>{self.summary().to_html()}"


def readable(number: float) -> str:
    """Write a number so that its size is seen: 314, 25.6 M, 4.09 G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if abs(number) >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:,.0f}"


def _unpack(compressed: bytes) -> Network:
    return Network.from_json(zlib.decompress(compressed).decode())


def _as_tuples(shapes: Any) -> tuple[tuple[int, ...], ...]:
    # Most are equal to others, and then one object.
    different: dict[tuple[int, ...], tuple[int, ...]] = {}
    return tuple([different.setdefault(each, each) for each in map(_as_tuple, shapes)])


def _as_tuple(shape: Any) -> tuple[int, ...]:
    return tuple([int(size) for size in shape])
