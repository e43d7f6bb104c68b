"""What estimators share that train a torch module: skorch, devices, batches, threads, tokens."""

from __future__ import annotations

import copy
import ctypes
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import skorch
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from skorch.callbacks import Callback, GradientNormClipping
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm

from ..utils._sklearn import Interval

Module = TypeVar("Module", bound=nn.Module)
Tokens = NDArray[np.int64]

# So many tokens go through a net at once: enough for speed, little enough for any memory.
_TOKENS_AT_ONCE = 2**13


class NetEstimator(BaseEstimator):
    """Base class of estimators that train a torch module with Adam, silently, through skorch.

    Subclasses have the parameters below, and may have `gradient_clip`.
    """

    _net_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    max_epochs: int | None
    learning_rate: float
    batch_size: int
    weight_decay: float
    device: str | torch.device
    verbose: int
    random_state: int | np.random.RandomState | None
    net_: skorch.NeuralNet

    def _draw_seed(self, n_seeds: int) -> int:
        """Draw the first of some seeds that follow each other."""
        return int(check_random_state(self.random_state).randint(2**31 - n_seeds))

    def _train(
        self,
        module: nn.Module,
        criterion: nn.Module,
        inputs: Tensor,
        *targets: Tensor,
        seed: int,
        max_epochs: int | None = None,
        callbacks: Sequence[Any] = (),
    ) -> skorch.NeuralNet:
        """Train on batches in an order that the seed decides; a single target is no tuple."""
        extra = list(callbacks)
        if getattr(self, "gradient_clip", None) is not None:
            extra.append(("gradient_clip", GradientNormClipping(self.gradient_clip)))
        if self.verbose:
            extra.append(("progress_bar", EpochProgressBar(type(self).__name__)))
        net = skorch.NeuralNet(
            module,
            criterion,
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.weight_decay,
            lr=self.learning_rate,
            max_epochs=self.max_epochs if max_epochs is None else max_epochs,
            batch_size=int(self.batch_size),
            iterator_train=ShuffledBatches,
            iterator_train__seed=seed,
            train_split=None,
            callbacks=extra,
            device=check_device(self.device),
            verbose=max(0, int(self.verbose) - 1),
        )
        net.initialize()
        dataset = TensorDataset(inputs, *targets)
        # skorch's own fit swallows KeyboardInterrupt and would leave a half-trained net.
        net.notify("on_train_begin", X=dataset, y=None)
        try:
            # The order of sums depends on the number of threads, and with it the last bits: a
            # search with n_jobs would find other nets. Layers this small gain nothing from threads.
            with use_one_torch_thread():
                net.fit_loop(dataset)
        finally:
            net.notify("on_train_end", X=dataset, y=None)
        net.module_.eval()
        return net


class TokenNetEstimator(NetEstimator):
    """Base class of estimators whose net reads token sequences.

    The net knows a token by its place in the vocabulary, from 1; 0 stands for all others, and for
    the start.
    """

    vocabulary_: Tokens
    legal_tokens_: NDArray[np.bool_]

    def _learn_vocabulary(self, tokens: Tokens) -> None:
        self.vocabulary_ = np.unique(tokens)
        self.legal_tokens_ = (tokens[:, :, None] == self.vocabulary_).any(axis=0)

    def _to_indices(self, tokens: Tokens) -> Tensor:
        places = places_in(self.vocabulary_, tokens)
        if not places.all():
            new = np.setdiff1d(tokens, self.vocabulary_)
            warnings.warn(
                f"{int((places == 0).any(axis=1).sum())} of {len(tokens)} samples hold tokens that"
                f" did not occur in fit ({', '.join(map(str, new[:5]))}"
                f"{', …' if len(new) > 5 else ''}); they are embedded like the average token",
                stacklevel=4,
            )
        return torch.from_numpy(places)

    def _to_tokens(self, indices: Tensor) -> Tokens:
        return self.vocabulary_[indices.numpy() - 1]

    def _illegal(self) -> Tensor:
        """Mark the tokens that cannot stand at each position, the start token among them."""
        illegal = np.pad(~self.legal_tokens_, ((0, 0), (1, 0)), constant_values=True)
        return torch.from_numpy(illegal).to(self.net_.device)

    def _evaluate(
        self, net: skorch.NeuralNet, function: Callable[[Any, Tensor], Tensor], samples: Tensor
    ) -> Tensor:
        """Apply a function of the evaluated module to samples that stand for token sequences."""
        module, n_rows = evaluated(net.module_), max(1, _TOKENS_AT_ONCE // len(self.legal_tokens_))
        return in_batches(lambda batch: function(module, batch), samples, n_rows, net.device)


class ShuffledBatches:
    """Iterate over a data set in random batches, drawn from a generator that goes on by epochs.

    Indexing a whole batch at once takes a fraction of the time that a `DataLoader` takes to
    collate single samples, which is what an epoch on a hundred architectures would consist of.
    """

    def __init__(self, dataset: TensorDataset, batch_size: int, seed: int) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[Any]:
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for rows in order.split(self.batch_size):
            inputs, *targets = self.dataset[rows]
            yield inputs, targets[0] if len(targets) == 1 else tuple(targets)


class EpochProgressBar(Callback):
    """Show a progress bar over the epochs, with the training loss."""

    def __init__(self, description: str) -> None:
        self.description = description

    def on_train_begin(self, net: skorch.NeuralNet, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net: skorch.NeuralNet, **kwargs: Any) -> None:
        """Move the bar on by an epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.4f}", refresh=False)
        self.bar_.update()

    def on_train_end(self, net: skorch.NeuralNet, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar_.close()

    def __getstate__(self) -> dict[str, Any]:
        # An open bar holds a lock and a stream, which cannot be pickled.
        return {key: value for key, value in self.__dict__.items() if key != "bar_"}


def check_device(device: str | torch.device) -> torch.device:
    """Check that a torch device can be used on this machine."""
    try:
        torch.empty(1, device=device).fill_(0)
    # torch raises AssertionError, RuntimeError or NotImplementedError, depending on the device.
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"device={str(device)!r} cannot be used on this machine ({reason}); use device='cpu'"
        ) from error
    return torch.device(device)


@contextmanager
def use_one_torch_thread() -> Iterator[None]:
    """Keep torch from using several cores for one operation, in this Python thread only."""
    # Makes torch set this thread up, which would undo the limit if it came later.
    torch.get_num_threads()
    openmp, set_mkl_threads = _thread_limits()
    before = set_mkl_threads(1)
    try:
        with openmp.limit(limits=1):
            yield
    finally:
        set_mkl_threads(before)


@cache
def _thread_limits() -> tuple[ThreadpoolController, Callable[[int], int]]:
    """Return what limits OpenMP and MKL in the calling thread, without disturbing others."""
    openmp = ThreadpoolController().select(user_api="openmp")
    # torch.set_num_threads also sets the threads of the MKL inside torch, for all of the process,
    # and the limit of OpenMP does not lower that. Some builds of torch have no MKL.
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        return openmp, ctypes.CDLL(str(library)).MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return openmp, lambda n_threads: 0


def in_batches(
    function: Callable[[Tensor], Tensor], samples: Tensor, n_rows: int, device: torch.device
) -> Tensor:
    """Apply a function, without gradients, to batches on a device; return its rows on the CPU.

    Each core works on a batch of its own. Torch's way, all cores on the same batch, makes them
    wait for each other at every step of an LSTM, for very long if the machine is busy.
    """

    def apply(batch: Tensor) -> Tensor:
        with torch.inference_mode(), use_one_torch_thread():
            return function(batch.to(device)).cpu()

    batches = samples.split(n_rows)
    if len(batches) == 1:
        return apply(samples)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return torch.cat(list(pool.map(apply, batches)))


def evaluated(module: Module) -> Module:
    """Copy a module to evaluation mode and double precision.

    Rounded back to single precision, what it says of a sample does not depend on what else is in
    the batch.
    """
    return copy.deepcopy(module).double().eval()


def places_in(vocabulary: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each value in a sorted vocabulary, from 1; 0 where it is not in it."""
    places = np.searchsorted(vocabulary, values).clip(max=len(vocabulary) - 1)
    return np.where(vocabulary[places] == values, places + 1, 0)
