"""Recording what a module computes while it runs on tensors without values."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from ._kinds import COPIES, OF_SIZES
from ._meta import META, like, map_tensors, run_without_values
from ._operations import Operation, count_multiply_adds, describe

# Values are computed up to this size: of constants, such as indices, masks and numbers of steps,
# and of weights, where architecture parameters and temperatures are wanted, but no copies.
_MOST_KNOWN = 100_000
_MOST_KNOWN_WEIGHTS = 1_000


class NotRecordedError(RuntimeError):
    """What a module does cannot be recorded; the message says why, and what to do."""

    @classmethod
    def for_values(cls, reason: str) -> NotRecordedError:
        return cls(
            f"it needs values, but runs on tensors without any: {reason}. Only what does not depend"
            " on values of the input can be captured; capture the part of the module before, or"
            " replace the branch by one that is fixed"
        )


@dataclass(slots=True)
class _Memory:
    """What is known of the tensors that share a piece of memory."""

    # The operation that wrote it last, if it depends on the input; the weights in it if not.
    producer: int | None = None
    weights: frozenset[int] = frozenset()
    # The user's tensor that it stands for; not copied before its values are needed.
    original: Tensor | None = None
    # The values of the tensors in it, by their identity, as far as they are known.
    values: dict[int, Tensor] = field(default_factory=dict)
    # How many values are alive in it, since when and until when.
    n_values: int = 0
    written: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class _Operator:
    """What there is to know of an operator of PyTorch."""

    name: str
    is_mutable: bool
    is_random: bool
    returns_values: bool
    shape_needs_values: bool

    def failure(self) -> NotRecordedError:
        """Say why it cannot run without values."""
        if self.shape_needs_values:
            reason = f"the shape of what {self.name} returns depends on them"
            return NotRecordedError.for_values(reason)
        return NotRecordedError(
            f"PyTorch has no rule for the shape of what its operator {self.name} returns. Capture"
            " a module before it is quantised; give operators of your own such a rule by"
            " register_fake"
        )


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
        self.weights = list(module.parameters())
        self.weight_sizes = {id(each): each.numel() for each in self.weights}
        self._weights_in: dict[int, frozenset[int]] = {}
        for each in self.weights:
            others = self._weights_in.get(_place(each), frozenset())
            self._weights_in[_place(each)] = others | {id(each)}
        self._memory: dict[int, _Memory] = {}
        # What stands for the tensors of the module, by the identity of these.
        self._replaced: dict[int, Tensor] = {}
        # Tensors stay alive, since they are told apart by their place in memory.
        self._alive: list[Tensor] = []
        self._names = {id(each): path for path, each in module.named_modules()}
        self._entered: list[tuple[nn.Module, int, int]] = []
        self._thread = threading.get_ident()

    @property
    def where(self) -> str:
        """The path of the submodule that is running; empty for the module itself."""
        return self._names[id(self._entered[-1][0])] if self._entered else ""

    def enter(self, module: nn.Module, *_: Any) -> None:
        """Note which submodule runs from here on."""
        if id(module) in self._names and threading.get_ident() == self._thread:
            self._entered.append((module, len(self.operations), self.multiply_adds))

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        """Note that a submodule is done; what a recurrent layer did is one operation."""
        if id(module) not in self._names or threading.get_ident() != self._thread:
            return
        entered = None
        # Those that raised what the module caught did not leave.
        while entered is not module:
            entered, start, multiply_adds = self._entered.pop()
        if isinstance(module, nn.RNNBase) and len(self.operations) > start:
            # The state comes after what was computed for each step.
            shape = tuple(next(tensors_in(output)).shape)
            self._merge(start, module, shape, self.multiply_adds - multiply_adds)

    def add_input(self, tensor: Tensor) -> Tensor:
        """Make an input without values of a tensor; the values of integers stay known."""
        replaced = like(tensor)
        self._write(Operation("input", "input", "", tuple(tensor.shape)), [replaced])
        if not (tensor.is_floating_point() or tensor.is_complex() or tensor.is_meta):
            self._memory_of(replaced).original = tensor
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
        tensor = self._replaced.get(id(tensor), tensor)
        if not tensor.is_meta:
            return tensor
        memory = self._memory_of(tensor)
        if id(tensor) not in memory.values:
            if memory.original is None:
                raise NotRecordedError.for_values("what it does depends on what is in a tensor")
            memory.values[id(tensor)] = memory.original.detach().to("cpu", copy=True)
        return memory.values[id(tensor)]

    def stand_in(self, tensor: Tensor) -> Tensor:
        """Return what stands for a tensor of the module, or the tensor if it is of this run."""
        if tensor.is_meta and _place(tensor) in self._memory:
            return tensor
        if id(tensor) not in self._replaced:
            replaced = self._replaced[id(tensor)] = like(tensor)
            self._alive += [tensor, replaced]
            weights = self._weights_in.get(_place(tensor), frozenset())
            self._memory[_place(replaced)] = _Memory(
                weights=weights & {id(tensor)} or weights,
                original=None if tensor.is_meta else tensor,
            )
        return self._replaced[id(tensor)]

    def set_data(self, tensor: Tensor, values: Tensor) -> None:
        """Let another tensor stand for one of the module, which is not changed itself."""
        self._alive.append(tensor)
        self._replaced[id(tensor)] = self.stand_in(values)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operator without values, and record it."""
        # Otherwise each look at a shape would take a detour over other modes.
        with torch._C.DisableTorchFunction():
            return self._run(func, args, kwargs or {})

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        operator = _describe_operator(func)
        read: list[Tensor] = []
        args = self._without_values(args, read)
        kwargs = {name: self._without_values(each, read) for name, each in kwargs.items()}
        if operator.returns_values:
            return self._compute(func, args, kwargs)
        is_known = not operator.is_random and all(map(self._is_known, read))
        if "device" in kwargs:
            device = kwargs["device"] or META
            if read and is_known and torch.device(device).type != "meta":
                # On its way to a processor, where Python gets at the values.
                return self._compute(func, args, kwargs)
            kwargs["device"] = META
        values = None
        try:
            if operator.name == "_pack_padded_sequence":
                output = func(args[0], self.values_of(args[1]), *args[2:])
            elif operator.name == "index":
                args = [args[0], self._masks_as_positions(args[1])]
                output = run_without_values(func, args, kwargs)
            else:
                output = run_without_values(func, args, kwargs)
        except RuntimeError as error:
            # So PyTorch says that an operator cannot run without values.
            has_no_rule = isinstance(error, NotImplementedError)
            if not (has_no_rule or operator.name == "repeat_interleave"):
                raise
            if not is_known:
                raise operator.failure() from error
            # The shape depends on values, but on known ones.
            values = self._compute(func, args, kwargs)
            output = map_tensors(like, values)
        outputs = [each for each in tensors_in(output) if each.is_meta]
        if values is None and is_known and sum(each.numel() for each in outputs) <= _MOST_KNOWN:
            values = self._compute(func, args, kwargs)
        if operator.is_mutable or not all(_place(each) in self._memory for each in outputs):
            multiply_adds = count_multiply_adds(func, args, kwargs, output)
            self._record(operator.name, args, read, outputs, multiply_adds)
        self._alive += outputs
        if values is not None:
            for each, value in zip(outputs, tensors_in(values), strict=True):
                self._memory_of(each).values[id(each)] = value
        elif operator.is_mutable:
            for memory in map(self._memory_of, outputs):
                memory.original = None
                memory.values.clear()
        return output

    def _without_values(self, value: Any, read: list[Tensor]) -> Any:
        """Replace the tensors in an argument by tensors without values, and list them."""
        if isinstance(value, Tensor):
            value = self.stand_in(value)
            read.append(value)
        elif isinstance(value, (list, tuple)):
            return [self._without_values(each, read) for each in value]
        return value

    def _is_known(self, tensor: Tensor) -> bool:
        """Say whether the values of a tensor are known, or few enough to look at them."""
        memory = self._memory[_place(tensor)]
        most = _MOST_KNOWN_WEIGHTS if memory.weights else _MOST_KNOWN
        return id(tensor) in memory.values or (
            memory.original is not None and tensor.numel() <= most
        )

    def _masks_as_positions(self, indices: Any) -> list[Any]:
        """Replace masks whose values are known by the positions that they select."""
        positions: list[Any] = []
        for each in indices:
            if each is not None and each.dtype == torch.bool and self._is_known(each):
                positions += map(self.stand_in, self.values_of(each).nonzero().unbind(1))
            else:
                positions.append(each)
        return positions

    def _compute(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator on known values."""
        args, kwargs = map_tensors(self.values_of, args), map_tensors(self.values_of, kwargs)
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        return func(*args, **kwargs)

    def _record(
        self, name: str, args: Any, read: list[Tensor], outputs: list[Tensor], multiply_adds: int
    ) -> None:
        """Write down what an operator did, if it did more than to copy and to prepare weights."""
        memories = [self._memory[_place(each)] for each in read if name not in OF_SIZES]
        sources = {memory.producer for memory in memories if memory.producer is not None}
        weights = frozenset().union(*(memory.weights for memory in memories))
        self.multiply_adds += multiply_adds
        if not sources or name in COPIES or (name == "copy" and len(sources) == 1):
            self._hold(outputs, next(iter(sources), None), weights)
        else:
            shape = tuple(outputs[0].shape)
            operation = Operation(name, "other", self.where, shape, sources, weights, multiply_adds)
            channels = self.operations[max(sources)].out_channels
            describe(operation, args, channels, self._is_activation)
            self._write(operation, outputs)
        for memory in memories:
            memory.read = len(self.operations) - 1

    def _memory_of(self, tensor: Tensor) -> _Memory:
        tensor = self._replaced.get(id(tensor), tensor)
        return self._memory.get(_place(tensor), _Memory())

    def _is_activation(self, tensor: Tensor) -> bool:
        return self._memory_of(tensor).producer is not None

    def _write(self, operation: Operation, outputs: list[Tensor]) -> None:
        self.operations.append(operation)
        self._hold(outputs, len(self.operations) - 1, frozenset())

    def _hold(self, outputs: list[Tensor], producer: int | None, weights: frozenset[int]) -> None:
        """Remember who wrote tensors, and which weights are in them if nobody did."""
        now = max(len(self.operations) - 1, 0)
        for each in outputs:
            memory = self._memory.setdefault(_place(each), _Memory(written=now))
            memory.n_values = max(memory.n_values, each.numel())
            memory.producer = producer
            memory.weights = frozenset() if producer is not None else memory.weights | weights

    def _merge(
        self, start: int, module: nn.RNNBase, shape: tuple[int, ...], multiply_adds: int
    ) -> None:
        """Make one operation of all from `start` on."""
        parts, self.operations = self.operations[start:], self.operations[:start]
        for memory in self._memory.values():
            if memory.producer is not None and memory.producer >= start:
                memory.producer = start
            memory.written, memory.read = min(memory.written, start), min(memory.read, start)
        sources = set().union(*(part.sources for part in parts))
        merged = Operation("recurrent", "recurrent", self._names[id(module)], shape)
        merged.sources = {source for source in sources if source < start}
        merged.weights = frozenset().union(*(part.weights for part in parts))
        merged.multiply_adds = multiply_adds
        merged.in_channels = module.input_size
        merged.out_channels = module.hidden_size * (2 if module.bidirectional else 1)
        self.operations.append(merged)


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


def map_inputs(change: Any, value: Any) -> Any:
    """Change the tensors in the inputs of a module, in containers of the same kinds."""

    def change_leaf(leaf: Any) -> Any:
        if isinstance(leaf, nn.utils.rnn.PackedSequence):
            return leaf._replace(data=change(leaf.data))
        return change(leaf) if isinstance(leaf, Tensor) else leaf

    return tree_map(
        change_leaf, value, is_leaf=lambda each: isinstance(each, nn.utils.rnn.PackedSequence)
    )


@cache
def _describe_operator(func: Any) -> _Operator:
    tags = func.tags
    return _Operator(
        # Whether it works in place makes no difference.
        name=func._schema.name.partition("::")[2].rstrip("_"),
        is_mutable=func._schema.is_mutable,
        is_random=torch.Tag.nondeterministic_seeded in tags,
        returns_values=torch.Tag.data_dependent_output in tags,
        shape_needs_values=torch.Tag.dynamic_output_shape in tags,
    )


def _place(tensor: Tensor) -> int:
    """Tell the memory of tensors apart."""
    if tensor.layout != torch.strided:
        return id(tensor)
    return tensor.untyped_storage()._cdata
