"""Values of tensors that are asked for past the dispatcher, which a recorder does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ._meta import map_tensors

if TYPE_CHECKING:
    from ._recorder import Recorder


class ValuesFromRecorder(TorchFunctionMode):
    """Answers what is asked of a tensor's values past the dispatcher.

    These functions read memory that tensors without values do not have, which may end the process.
    """

    _OF_FIRST = frozenset([Tensor.tolist, Tensor.numpy, Tensor.__array__])
    _OF_LISTS = frozenset([torch.tensor, torch.as_tensor, torch.asarray])
    _SET_DATA = vars(torch._C.TensorBase)["data"].__set__
    _OF_ITEMS = frozenset([Tensor.__getitem__, Tensor.__setitem__])
    # They want all tensors on one device, but how long sequences are, if packed, on the processor.
    _RECURRENT = frozenset(
        [
            torch._VF.lstm,
            torch._VF.gru,
            torch._VF.rnn_tanh,
            torch._VF.rnn_relu,
            torch._VF._pack_padded_sequence,
            torch._VF._pad_packed_sequence,
        ]
    )

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Give known values to what would otherwise read memory that there is not."""
        values_of = self._recorder.values_of
        if func in self._OF_FIRST or (func in self._OF_LISTS and isinstance(args[0], list | tuple)):
            args = map_tensors(values_of, args[0]), *args[1:]
        elif func in self._OF_ITEMS:
            args = args[0], _with_tensors(args[1]), *args[2:]
        elif func == self._SET_DATA:
            return self._recorder.set_data(*args)
        elif func in self._RECURRENT:
            lengths = args[1]
            args = map_tensors(self._recorder.stand_in, args)
            if getattr(lengths, "dtype", None) == torch.long:
                args[1] = values_of(lengths)
            if func is torch._VF._pad_packed_sequence:
                func = _pad_packed_sequence
        return func(*args, **(kwargs or {}))


def _pad_packed_sequence(
    data: Tensor, batch_sizes: Tensor, batch_first: bool, value: float, total_length: int
) -> tuple[Tensor, Tensor]:
    """Do what PyTorch does with a loop over memory."""
    sizes = batch_sizes.tolist()
    steps = [
        nn.functional.pad(step, (0, 0) * (step.dim() - 1) + (0, sizes[0] - len(step)), value=value)
        for step in data.split(sizes)
    ]
    steps += [torch.full_like(steps[0], value)] * (total_length - len(steps))
    lengths = [sum(size > index for size in sizes) for index in range(sizes[0])]
    return torch.stack(steps, dim=1 if batch_first else 0), torch.tensor(lengths)


def _with_tensors(index: Any) -> Any:
    """Make tensors with values of the lists in an index, where PyTorch makes some without."""
    if isinstance(index, tuple):
        return tuple([_with_tensors(each) for each in index])
    if isinstance(index, list) and all(isinstance(each, int) for each in index):
        return torch.tensor(index)
    return index
