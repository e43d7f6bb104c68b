"""skorch around the torch modules: device, batches, progress and the training itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import skorch
import torch
from skorch.callbacks import Callback, GradientNormClipping
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm


class ShuffledBatches:
    """Iterate over a data set in random batches, drawn from a generator of its own.

    Indexing a whole batch at once takes a fraction of the time that a `DataLoader` takes to
    collate single samples, which is what an epoch on a hundred architectures would consist of.

    Parameters
    ----------
    dataset : torch.utils.data.TensorDataset
        The data set.
    batch_size : int
        Number of samples in a batch; the last one may be smaller.
    seed : int
        Seed of the order, which goes on from epoch to epoch.
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
    """Show a progress bar over the epochs, with the training loss.

    Parameters
    ----------
    description : str
        What stands in front of the bar.
    """

    def __init__(self, description: str = "embedding") -> None:
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
    """Check that a torch device can be used on this machine.

    Parameters
    ----------
    device : str or torch.device
        For example ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    try:
        torch.empty(1, device=device).fill_(0)
    # torch raises AssertionError, RuntimeError or NotImplementedError, depending on the device.
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"device={str(device)!r} cannot be used on this machine ({reason}); use device='cpu'"
        ) from error
    return torch.device(device)


def on_one_core() -> AbstractContextManager[Any]:
    """Keep torch from using several cores for one operation, in this Python thread only.

    Returns
    -------
    context manager
        Restores the number of threads when left.
    """
    # Makes torch set this thread up, which would undo the limit if it came later.
    torch.get_num_threads()
    return _openmp().limit(limits=1)


@cache
def _openmp() -> ThreadpoolController:
    # Unlike that of a BLAS, the number of OpenMP threads belongs to the calling thread, so that
    # limiting it neither disturbs other threads nor is disturbed by them.
    return ThreadpoolController().select(user_api="openmp")


def in_batches(function: Callable[[Tensor], Tensor], samples: Tensor, n_rows: int) -> Tensor:
    """Apply a function to batches of samples, on as many cores as torch may use.

    Each core works on a batch of its own. Torch's way, all cores on the same batch, makes them
    wait for each other at every step of an LSTM, for very long if the machine is busy.

    Parameters
    ----------
    function : callable
        Maps a batch of samples to a tensor with as many rows; called without gradients.
    samples : torch.Tensor of shape (n_samples, ...)
        The samples.
    n_rows : int
        Samples in a batch.

    Returns
    -------
    torch.Tensor of shape (n_samples, ...)
        The results in the order of the samples.
    """

    def apply(batch: Tensor) -> Tensor:
        with torch.inference_mode(), on_one_core():
            return function(batch)

    batches = samples.split(n_rows)
    if len(batches) == 1:
        return apply(samples)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return torch.cat(list(pool.map(apply, batches)))


def train(
    module: nn.Module,
    criterion: nn.Module,
    inputs: Tensor,
    *targets: Tensor,
    max_epochs: int,
    lr: float,
    batch_size: int,
    weight_decay: float,
    gradient_clip: float | None,
    callbacks: Sequence[Any] | None,
    device: torch.device,
    verbose: int,
    seed: int,
) -> skorch.NeuralNet:
    """Train a module with Adam through skorch.

    Parameters
    ----------
    module : torch.nn.Module
        What to train.
    criterion : torch.nn.Module
        The loss of ``module(inputs)`` and the targets.
    inputs : torch.Tensor
        Samples along the first dimension.
    *targets : torch.Tensor
        Samples along the first dimension. A single one is passed to the criterion as it is,
        several as a tuple.
    max_epochs : int
        Passes over the data.
    lr, weight_decay : float
        Learning rate and weight decay of Adam.
    batch_size : int
        Samples in a batch.
    gradient_clip : float or None
        Largest norm of the gradient; None does not clip.
    callbacks : sequence of skorch callbacks, or of (name, callback), or None
        Further callbacks.
    device : torch.device
        Where to train.
    verbose : int
        0 is silent, 1 shows a progress bar, 2 prints skorch's table as well.
    seed : int
        Seed of the order of the samples.

    Returns
    -------
    skorch.NeuralNet
        The trained net; ``module_`` is in evaluation mode.
    """
    extra: list[Any] = list(callbacks or [])
    if gradient_clip is not None:
        extra.append(("gradient_clip", GradientNormClipping(gradient_clip)))
    if verbose:
        extra.append(("progress_bar", EpochProgressBar()))
    net = skorch.NeuralNet(
        module,
        criterion,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=weight_decay,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=ShuffledBatches,
        iterator_train__seed=seed,
        train_split=None,
        callbacks=extra,
        device=device,
        verbose=max(0, verbose - 1),
    )
    net.initialize()
    dataset = TensorDataset(inputs, *targets)
    # skorch's own fit swallows KeyboardInterrupt and would leave a half-trained net as a result.
    net.notify("on_train_begin", X=dataset, y=None)
    try:
        # The order of sums depends on the number of threads, and with it the last bits: a search
        # with n_jobs would find other embeddings. Layers this small gain nothing from threads.
        with on_one_core():
            net.fit_loop(dataset)
    finally:
        net.notify("on_train_end", X=dataset, y=None)
    net.module_.eval()
    return net
