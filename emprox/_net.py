"""skorch around the torch modules: what goes in, device, batches, progress and the training."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

import numpy as np
import skorch
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import Callback, GradientNormClipping
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm

Module = TypeVar("Module", bound=nn.Module)

# So many tokens go through a net at once: enough for speed, little enough for any memory.
_TOKENS_AT_ONCE = 2**13


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
    description: str = "embedding",
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
    description : str, default="embedding"
        What stands in front of the progress bar.

    Returns
    -------
    skorch.NeuralNet
        The trained net; ``module_`` is in evaluation mode.
    """
    extra: list[Any] = list(callbacks or [])
    if gradient_clip is not None:
        extra.append(("gradient_clip", GradientNormClipping(gradient_clip)))
    if verbose:
        extra.append(("progress_bar", EpochProgressBar(description)))
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


class TokenSequenceEstimator(BaseEstimator):
    """What estimators share that keep a net of token sequences: checks, indices and batches.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens that occurred in training, sorted. The net knows them by their place in it,
        from 1; 0 stands for all others, and for the start.
    legal_tokens_ : ndarray of shape (length, n_tokens)
        Which tokens may be written at which position.
    n_features_in_ : int
        Length of the token sequences, if they are what the estimator is given.
    """

    net_: skorch.NeuralNet
    vocabulary_: NDArray[np.int64]
    legal_tokens_: NDArray[np.bool_]

    def _read_tokens(self, X: Any, reset: bool) -> NDArray[np.int64]:
        if _holds_texts(X):
            raise ValueError(
                f"{type(self).__name__} takes a matrix of tokens, got texts; put an"
                " ArchitectureTokenizer in front of it"
            )
        array = validate_data(self, X, reset=reset)
        if (array < 0).any():
            row = int((array < 0).any(axis=1).argmax())
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}: tokens are whole"
                f" numbers from 0, but sample {row} has the token {array[row].min()}"
            )
        tokens = array.astype(np.int64)
        if (tokens != array).any():
            row, column = (int(position) for position in np.argwhere(tokens != array)[0])
            raise ValueError(
                f"tokens are whole numbers, but sample {row} has {array[row, column]} at position"
                f" {column}; give {type(self).__name__} tokens, not features"
            )
        return tokens

    def _known_indices(self, X: Any) -> Tensor:
        check_is_fitted(self, "net_")
        return self._to_known_indices(self._read_tokens(X, reset=False), self.vocabulary_)

    def _to_known_indices(self, tokens: NDArray[np.int64], vocabulary: NDArray[np.int64]) -> Tensor:
        places = np.searchsorted(vocabulary, tokens).clip(max=len(vocabulary) - 1)
        known = vocabulary[places] == tokens
        if not known.all():
            new = np.setdiff1d(tokens, vocabulary)
            warnings.warn(
                f"{int((~known).any(axis=1).sum())} of {len(tokens)} samples hold tokens that did"
                f" not occur in fit ({', '.join(map(str, new[:5]))}"
                f"{', …' if len(new) > 5 else ''}); they are embedded like the average token",
                stacklevel=4,
            )
        return torch.from_numpy(np.where(known, places + 1, 0))

    def _to_tokens(self, indices: Tensor) -> NDArray[np.int64]:
        return self.vocabulary_[indices.numpy() - 1]

    def _illegal(self) -> Tensor:
        """Mark the tokens that cannot stand at each position, the start token among them."""
        illegal = np.pad(~self.legal_tokens_, ((0, 0), (1, 0)), constant_values=True)
        return torch.from_numpy(illegal).to(self.net_.device)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        return tags


def in_token_batches(
    function: Callable[[Tensor], Tensor], samples: Tensor, length: int, device: torch.device
) -> Tensor:
    """Apply a function to samples that stand for token sequences, on a device.

    Parameters
    ----------
    function : callable
        Maps a batch of samples to a tensor with as many rows; called without gradients.
    samples : torch.Tensor of shape (n_samples, ...)
        The samples.
    length : int
        Number of tokens that each of them stands for.
    device : torch.device
        Where to.

    Returns
    -------
    torch.Tensor of shape (n_samples, ...)
        The results in the order of the samples, on the CPU.
    """
    n_rows = max(1, _TOKENS_AT_ONCE // length)
    return in_batches(lambda batch: function(batch.to(device)).cpu(), samples, n_rows)


def legal_tokens(tokens: NDArray[np.int64], vocabulary: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which tokens occur at which position.

    Parameters
    ----------
    tokens : ndarray of shape (n_samples, length)
        Token matrix.
    vocabulary : ndarray of shape (n_tokens,)
        The tokens to look for.

    Returns
    -------
    ndarray of shape (length, n_tokens)
        True where a token occurs.
    """
    return (tokens[:, :, None] == vocabulary).any(axis=0)


def evaluated(module: Module) -> Module:
    """Copy a module to evaluation mode and double precision.

    Rounded back to single precision, what it says of a sample does not depend on what else is in
    the batch.

    Parameters
    ----------
    module : torch.nn.Module
        The trained module, which is left as it is.

    Returns
    -------
    torch.nn.Module
        The copy.
    """
    return copy.deepcopy(module).double().eval()


def _holds_texts(X: Any) -> bool:
    array = np.asarray(X[:1] if isinstance(X, (list, tuple)) else X)
    return array.dtype.kind in "OSUT" and array.size > 0 and isinstance(array.flat[0], str)
