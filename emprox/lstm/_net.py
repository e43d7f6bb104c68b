"""What estimators share that train a torch module: skorch, devices, batches and threads."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import skorch
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from skorch.callbacks import GradientNormClipping
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ..utils._sklearn import Interval


class NetEstimator(BaseEstimator):
    """Base class of estimators that train a torch module with Adam, silently, through skorch.

    Subclasses have the parameters below.
    """

    # Largest norm of the gradient.
    _gradient_clip: ClassVar[float | None] = None

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
            callbacks=[*callbacks, ("gradient_clip", GradientNormClipping(self._gradient_clip))],
            device=self.device,
            verbose=int(self.verbose),
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


def evaluate(
    net: skorch.NeuralNet, function: Callable[[Any, Tensor], Tensor], samples: Tensor, n_rows: int
) -> Tensor:
    """Apply a function of the evaluated module to batches; return its rows on the CPU.

    In double precision: rounded back to single, what it says of a sample does not depend on what
    else is in the batch.

    Each core works on a batch of its own. Torch's way, all cores on the same batch, makes them
    wait for each other at every step of an LSTM, for very long if the machine is busy.
    """
    module = copy.deepcopy(net.module_).double().eval()

    def apply(batch: Tensor) -> Tensor:
        with torch.inference_mode(), use_one_torch_thread():
            return function(module, batch.to(net.device)).cpu()

    batches = samples.split(n_rows)
    if len(batches) == 1:
        return apply(samples)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return torch.cat(list(pool.map(apply, batches)))
