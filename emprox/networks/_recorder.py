"""Recording what a module computes while it runs on tensors without values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ._kinds import COPIES
from ._operations import Operation, count_multiply_adds, describe

# Values of constants are only kept up to this size: indices, masks, numbers of steps.
_MOST_KNOWN = 100_000
_OF_VALUES = {"_local_scalar_dense", "equal", "is_nonzero"}


class NeedsValuesError(RuntimeError):
    """What a module does depends on the values of a tensor that has none."""


@dataclass(slots=True)
class _Memory:
    """What is known of the tensors that share a piece of memory."""

    # The operation that wrote it last, if it depends on the input; the weights in it if not.
    producer: int | None = None
    weights: frozenset[int] = frozenset()
    # The values of the tensors in it, by their identity, as far as they are known.
    values: dict[int, Tensor] = field(default_factory=dict)
    # How many values are alive in it, since when and until when.
    n_values: int = 0
    written: int = 0
    read: int = 0


class Recorder(TorchDispatchMode):
    """Runs every operator on the meta device, and writes down those that depend on the input.

    Tensors with values, such as the weights of the user's module, are replaced on their way into
    an operator, so that nothing of the module is copied or changed. Memory that tensors share
    tells views from operations: a view writes none.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.multiply_adds = 0
        self.weight_sizes = {_place(each): each.numel() for each in module.parameters()}
        self._memory: dict[int, _Memory] = {
            place: _Memory(weights=frozenset([place])) for place in self.weight_sizes
        }
        self._replaced: dict[int, Tensor] = {}
        # Tensors stay alive, since they are told apart by their place in memory.
        self._alive: list[Tensor] = []
        self._names = {id(each): path for path, each in module.named_modules()}
        self._entered: list[tuple[str, int]] = []

    @property
    def where(self) -> str:
        """The path of the submodule that is running; empty for the module itself."""
        return self._entered[-1][0] if self._entered else ""

    def enter(self, module: nn.Module, *_: Any) -> None:
        """Note which submodule runs from here on."""
        if id(module) in self._names:
            self._entered.append((self._names[id(module)], len(self.operations)))

    def leave(self, module: nn.Module, *_: Any) -> None:
        """Note that a submodule is done; what a recurrent layer did is one operation."""
        if id(module) in self._names:
            start = self._entered.pop()[1]
            if isinstance(module, nn.RNNBase) and len(self.operations) > start:
                self._merge(start, module)

    def add_input(self, tensor: Tensor) -> Tensor:
        """Make an input without values of a tensor; the values of integers stay known."""
        replaced = torch.empty_like(tensor, device="meta")
        self._write(Operation("input", "input", "", tuple(tensor.shape)), [replaced])
        if not (tensor.is_floating_point() or tensor.is_complex()):
            self._keep_values(replaced, tensor)
        return replaced

    def add_output(self, output: Any) -> tuple[tuple[int, ...], ...]:
        """Record what the module returned, and return the shapes of the tensors in it."""
        found = [each for each in tensors_in(output) if self._is_activation(each)]
        memories = {id(memory): memory for memory in map(self._memory_of, found)}
        end = len(self.operations)
        sources = {memory.producer for memory in memories.values() if memory.producer is not None}
        for source in sorted(sources):
            shape = self.operations[source].shape
            self.operations.append(Operation("output", "output", "", shape, {source}))
        for memory in memories.values():
            memory.read = end
        return tuple(tuple(each.shape) for each in found)

    def peak_activation(self) -> int:
        """Count the values that are alive at once, at most: each until it was last read."""
        changes = [0] * (len(self.operations) + 2)
        for memory in self._memory.values():
            if memory.producer is not None:
                changes[memory.written] += memory.n_values
                changes[max(memory.written, memory.read) + 1] -= memory.n_values
        alive = peak = 0
        for change in changes:
            alive += change
            peak = max(peak, alive)
        return peak

    def values_of(self, tensor: Tensor) -> Tensor:
        """Return the values of a tensor, if they are known."""
        values = self._memory_of(tensor).values
        if id(tensor) not in values:
            raise NeedsValuesError("what it does depends on the values of a tensor")
        return values[id(tensor)]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operator without values, and record it."""
        read: list[Tensor] = []
        args = self._without_values(args, read)
        kwargs = {name: self._without_values(each, read) for name, each in (kwargs or {}).items()}
        name = func._schema.name.partition("::")[2]
        if name in _OF_VALUES:
            return self._compute(func, args, kwargs)
        is_known = all(id(each) in self._memory[_place(each)].values for each in read)
        is_known &= torch.Tag.nondeterministic_seeded not in func.tags
        device = kwargs.get("device")
        if device is not None:
            if read and is_known and torch.device(device).type != "meta":
                # On its way to a processor, where Python gets at the values.
                return self._compute(func, args, kwargs)
            kwargs["device"] = torch.device("meta")
        try:
            output = func(*args, **kwargs)
        except NotImplementedError as error:
            if not is_known:
                raise NeedsValuesError(
                    f"{name} needs the values of the tensors that it reads"
                ) from error
            # The shape depends on values, but on known ones.
            values = self._compute(func, args, kwargs)
            output = _map(lambda each: torch.empty_like(each, device="meta"), values)
        else:
            is_small = sum(each.numel() for each in tensors_in(output)) <= _MOST_KNOWN
            values = self._compute(func, args, kwargs) if is_known and is_small else None
        outputs = list(tensors_in(output))
        self._record(func, name.rstrip("_"), args, kwargs, read, output, outputs)
        if values is not None:
            for each, value in zip(outputs, tensors_in(values), strict=True):
                self._memory[_place(each)].values[id(each)] = value
        elif func._schema.is_mutable:
            for each in outputs:
                self._memory[_place(each)].values.clear()
        return output

    def _without_values(self, value: Any, read: list[Tensor]) -> Any:
        """Replace the tensors in an argument by tensors without values, and list them."""
        if isinstance(value, Tensor):
            if value.device.type != "meta":
                value = self._replace(value)
            elif _place(value) not in self._memory:
                self._memory[_place(value)] = _Memory()
                self._alive.append(value)
            read.append(value)
        elif isinstance(value, (list, tuple)):
            return [self._without_values(each, read) for each in value]
        return value

    def _replace(self, tensor: Tensor) -> Tensor:
        if id(tensor) not in self._replaced:
            replaced = torch.empty_like(tensor, device="meta")
            self._alive += [tensor, replaced]
            self._replaced[id(tensor)] = replaced
            weights = self._memory_of(tensor).weights
            self._memory[_place(replaced)] = _Memory(weights=weights)
            if not weights:
                self._keep_values(replaced, tensor)
        return self._replaced[id(tensor)]

    def _keep_values(self, replaced: Tensor, tensor: Tensor) -> None:
        if tensor.device.type != "meta" and tensor.numel() <= _MOST_KNOWN:
            values = self._memory[_place(replaced)].values
            values[id(replaced)] = tensor.detach().to("cpu", copy=True)

    def _compute(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator on known values."""
        args, kwargs = _map(self.values_of, args), _map(self.values_of, kwargs)
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        return func(*args, **kwargs)

    def _record(
        self,
        func: Any,
        name: str,
        args: Any,
        kwargs: Any,
        read: list[Tensor],
        output: Any,
        outputs: list[Tensor],
    ) -> None:
        """Write down what an operator did, if it is more than another view of what there is."""
        is_mutable = func._schema.is_mutable
        if not outputs or (
            not is_mutable and all(_place(each) in self._memory for each in outputs)
        ):
            self._alive += outputs
            return
        memories = [self._memory[_place(each)] for each in read]
        sources = {memory.producer for memory in memories if memory.producer is not None}
        weights = frozenset().union(*(memory.weights for memory in memories))
        multiply_adds = count_multiply_adds(func, args, kwargs, output)
        self.multiply_adds += multiply_adds
        is_copy = name in COPIES or (name == "copy" and len(sources) == 1)
        if not sources or is_copy:
            producer = next(iter(sources)) if sources else None
            self._hold(outputs, producer, weights)
        else:
            shape = tuple(outputs[0].shape)
            operation = Operation(name, "other", self.where, shape, sources, weights, multiply_adds)
            channels = self.operations[max(sources)].out_channels
            describe(operation, args, channels, self._is_activation)
            self._write(operation, outputs)
        for memory in memories:
            memory.read = len(self.operations) - 1

    def _memory_of(self, tensor: Tensor) -> _Memory:
        return self._memory.get(_place(tensor), _Memory())

    def _is_activation(self, tensor: Tensor) -> bool:
        return self._memory_of(tensor).producer is not None

    def _write(self, operation: Operation, outputs: list[Tensor]) -> None:
        self.operations.append(operation)
        self._hold(outputs, len(self.operations) - 1, frozenset())

    def _hold(self, outputs: list[Tensor], producer: int | None, weights: frozenset[int]) -> None:
        """Remember who wrote tensors, and which weights are in them if nobody did."""
        self._alive += outputs
        now = max(len(self.operations) - 1, 0)
        for each in outputs:
            memory = self._memory.setdefault(_place(each), _Memory(written=now))
            memory.n_values = max(memory.n_values, each.numel())
            memory.producer = producer
            memory.weights = frozenset() if producer is not None else memory.weights | weights

    def _merge(self, start: int, module: nn.RNNBase) -> None:
        """Make one operation of all from `start` on."""
        parts, self.operations = self.operations[start:], self.operations[:start]
        for memory in self._memory.values():
            if memory.producer is not None and memory.producer >= start:
                memory.producer = start
            memory.written, memory.read = min(memory.written, start), min(memory.read, start)
        sources = set().union(*(part.sources for part in parts))
        merged = Operation("recurrent", "recurrent", self._names[id(module)], parts[-1].shape)
        merged.sources = {source for source in sources if source < start}
        merged.weights = frozenset().union(*(part.weights for part in parts))
        merged.multiply_adds = sum(part.multiply_adds for part in parts)
        merged.in_channels = module.input_size
        merged.out_channels = module.hidden_size * (2 if module.bidirectional else 1)
        self.operations.append(merged)


class ValuesFromRecorder(TorchFunctionMode):
    """Answers what Python asks of a tensor's values past the dispatcher."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Give known values to what would otherwise read memory that there is not."""
        if func in (Tensor.tolist, Tensor.numpy, Tensor.__array__):
            args = (self._recorder.values_of(args[0]), *args[1:])
        return func(*args, **(kwargs or {}))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """List the tensors in what a module takes or returns."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, (list, tuple, set)):
        for each in value:
            yield from tensors_in(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from tensors_in(getattr(value, each.name))


def _map(change: Any, value: Any) -> Any:
    """Change the tensors in the arguments or the result of an operator."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {name: _map(change, each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_map(change, each) for each in value)
    return value


def _place(tensor: Tensor) -> int:
    """Tell the memory of tensors apart."""
    return tensor.untyped_storage()._cdata
