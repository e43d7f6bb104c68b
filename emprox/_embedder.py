"""The LSTM sequence autoencoder as a scikit-learn transformer of token matrices."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.nn import functional

from ._modules import Autoencoder, TokenCrossEntropy
from ._net import check_device, in_batches, train
from .utils._sklearn import Interval, StrOptions, fit_context

# So many tokens are embedded at once: enough for speed, little enough for any memory.
_TOKENS_AT_ONCE = 2**13


class ArchitectureEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embed token sequences with an LSTM encoder-decoder that learns to reconstruct them.

    A bidirectional LSTM reads the sequence; the normalised mean of its outputs is the embedding,
    a vector of unit length. An LSTM decoder with attention writes the sequence again from it.
    Both are trained together to make the original tokens likely; y is not used. After training
    the embedding of an architecture depends on nothing but its tokens: the decoder is set aside
    and dropout is off.

    Parameters
    ----------
    embedding_dim : int, default=32
        Size of the embedding and of every layer.
    attention : {"embedding", "encoder"}, default="embedding"
        What the decoder's attention sees. ``"encoder"`` is the paper: the outputs of the encoder
        at every time step. They are gone when only the embedding is at hand, and what the
        attention has learned to fetch from them is not in the embedding, so `inverse_transform`
        is poor then. With ``"embedding"`` the embedding is the only entry of the attention's
        memory, in training as well: each step reads it again, and it has to carry everything.
    max_epochs : int, default=50
        Passes over the training data.
    lr : float, default=1e-3
        Learning rate of Adam.
    batch_size : int, default=100
        Architectures in a batch.
    dropout : float, default=0.1
        Dropout after the token embeddings, in training.
    weight_decay : float, default=1e-4
        Weight decay of Adam.
    gradient_clip : float, default=5.0
        Largest norm of the gradient; None does not clip.
    callbacks : list of skorch callbacks, default=None
        Further callbacks, for example a learning rate scheduler.
    device : str or torch.device, default="cpu"
        Where to train and embed, for example ``"cuda"``.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints skorch's table as well.
    random_state : int, RandomState instance or None, default=None
        Determines weights, dropout and the order of the samples. The same seed gives the same
        embedding, bit by bit, on the same machine.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : skorch.history.History
        Loss and duration of every epoch.
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens that occurred in training, sorted. Others are embedded like the average of
        these.
    legal_tokens_ : ndarray of shape (n_features_in_, n_tokens)
        Which tokens occurred at which position; only these are ever written there.
    n_features_in_ : int
        Length of the token sequences.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any.

    See Also
    --------
    ArchitectureTokenizer : Writes architectures as token sequences.
    EmProxRegressor : Embedding and neighbours in one estimator.
    make_emprox_pipeline : The whole chain.

    Notes
    -----
    Trained in single precision, evaluated in double and rounded back: so the embedding of an
    architecture is the same whatever others are embedded with it, and equal architectures are at
    distance zero.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Sections 3.1 and 5.

    Examples
    --------
    >>> from emprox import ArchitectureEmbedder, ArchitectureTokenizer
    >>> from emprox.spaces import get_space
    >>> cells = get_space("nasbench201").sample(20, random_state=0)
    >>> tokens = ArchitectureTokenizer("nasbench201").fit_transform(cells)
    >>> embedder = ArchitectureEmbedder(embedding_dim=8, max_epochs=2, random_state=0)
    >>> embedder.fit_transform(tokens).shape
    (20, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "attention": [StrOptions({"embedding", "encoder"})],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither"), None],
        "callbacks": [list, tuple, None],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        embedding_dim: int = 32,
        *,
        attention: str = "embedding",
        max_epochs: int = 50,
        lr: float = 1e-3,
        batch_size: int = 100,
        dropout: float = 0.1,
        weight_decay: float = 1e-4,
        gradient_clip: float | None = 5.0,
        callbacks: Sequence[Any] | None = None,
        device: str | torch.device = "cpu",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.attention = attention
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.callbacks = callbacks
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> ArchitectureEmbedder:
        """Train encoder and decoder to reconstruct token sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix: whole numbers from 0, as `ArchitectureTokenizer` writes them.
        y : None, default=None
            Ignored.

        Returns
        -------
        ArchitectureEmbedder
            The embedder itself.

        Raises
        ------
        ValueError
            If X is empty or holds something other than tokens, a parameter is out of its range,
            or the device does not exist.
        """
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        tokens = self._check_tokens(X, reset=True)
        device = check_device(self.device)
        seed = int(check_random_state(self.random_state).randint(2**31 - 4))
        vocabulary = np.unique(tokens)
        indices = _to_indices(tokens, vocabulary)
        module = Autoencoder(
            n_tokens=len(vocabulary) + 1,
            embedding_dim=int(self.embedding_dim),
            dropout=float(self.dropout),
            attend_encoder=self.attention == "encoder",
            seed=seed,
        )
        net = train(
            module,
            TokenCrossEntropy,
            indices,
            indices,
            max_epochs=self.max_epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            gradient_clip=self.gradient_clip,
            callbacks=self.callbacks,
            device=device,
            verbose=int(self.verbose),
            seed=seed + 3,
        )
        weight = net.module_.encoder.token_embedding.weight
        with torch.no_grad():
            weight[0] = weight[1:].mean(dim=0)
        self.history_ = net.history
        self.vocabulary_ = vocabulary
        self.legal_tokens_ = (tokens[:, :, None] == vocabulary).any(axis=0)
        self._n_features_out = int(self.embedding_dim)
        self.net_ = net
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Embed token sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_samples, embedding_dim), dtype float32
            Embeddings of unit length.

        Raises
        ------
        ValueError
            If X holds something other than tokens, or the sequences have another length than in
            `fit`.
        """
        # Canonical forms repeat: each sequence is embedded once.
        different, places = torch.unique(self._known_indices(X), dim=0, return_inverse=True)
        module = self._evaluation_module()

        def embed(batch: Tensor) -> Tensor:
            return module.encoder(batch)[1].float()

        return self._in_batches(embed, different)[places].numpy()

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.int64]:
        """Decode embeddings to token sequences.

        Greedy: at each position the most likely of the tokens that occurred there in training.
        Only the embedding is seen; see the parameter `attention` for what that means.

        Parameters
        ----------
        X : array-like of shape (n_samples, embedding_dim)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_)
            Token matrix.

        Raises
        ------
        ValueError
            If X does not have `embedding_dim` columns.
        """
        check_is_fitted(self, "net_")
        embedding = check_array(X, dtype=np.float64)
        if embedding.shape[1] != self._n_features_out:
            raise ValueError(
                f"embeddings have {self._n_features_out} columns, got {embedding.shape[1]}"
            )
        module, illegal = self._evaluation_module(), self._illegal()

        def decode(batch: Tensor) -> Tensor:
            return module.decode(batch, batch[:, None], illegal)

        return self._to_tokens(self._in_batches(decode, torch.from_numpy(embedding)))

    def reconstruct(self, X: ArrayLike) -> NDArray[np.int64]:
        """Embed token sequences and decode them again, as in training but token by token.

        With ``attention="embedding"`` this is ``inverse_transform(transform(X))``; with
        ``attention="encoder"`` the decoder also sees the outputs of the encoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Token matrix.
        """
        indices = self._known_indices(X)
        module, illegal = self._evaluation_module(), self._illegal()

        def reconstruct(batch: Tensor) -> Tensor:
            outputs, embedding = module.encoder(batch)
            return module.decode(embedding, module.memory(outputs, embedding), illegal)

        return self._to_tokens(self._in_batches(reconstruct, indices))

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the share of tokens that `reconstruct` gets right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix.
        y : None, default=None
            Ignored.

        Returns
        -------
        float
            Between 0 and 1; higher is better.
        """
        reconstructed = self.reconstruct(X)
        return float(np.mean(reconstructed == self._check_tokens(X, reset=False)))

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean log-likelihood of each sample's tokens, each given those before it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats per token, at most 0; higher is better. Minus its mean over the training data is
            what training minimises.
        """
        indices = self._known_indices(X)
        module = self._evaluation_module()

        def log_likelihood(batch: Tensor) -> Tensor:
            logits = module(batch).transpose(1, 2)
            return -functional.cross_entropy(logits, batch, reduction="none").mean(dim=1)

        return self._in_batches(log_likelihood, indices).numpy()

    def _check_tokens(self, X: ArrayLike, reset: bool) -> NDArray[np.int64]:
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
                f" {column}; give the embedder tokens, not features"
            )
        return tokens

    def _known_indices(self, X: ArrayLike) -> Tensor:
        check_is_fitted(self, "net_")
        tokens = self._check_tokens(X, reset=False)
        indices = _to_indices(tokens, self.vocabulary_)
        unknown = (indices == 0).any(dim=1)
        if unknown.any():
            new = np.setdiff1d(tokens, self.vocabulary_)
            warnings.warn(
                f"{int(unknown.sum())} of {len(tokens)} samples hold tokens that did not occur in"
                f" fit ({', '.join(map(str, new[:5]))}{', …' if len(new) > 5 else ''}); they are"
                " embedded like the average token",
                stacklevel=3,
            )
        return indices

    def _evaluation_module(self) -> Autoencoder:
        """Return the module in evaluation mode and double precision; see the class's notes."""
        return copy.deepcopy(self.net_.module_).double().eval()

    def _illegal(self) -> Tensor:
        """Mark the tokens that cannot stand at each position, the start token among them."""
        illegal = np.pad(~self.legal_tokens_, ((0, 0), (1, 0)), constant_values=True)
        return torch.from_numpy(illegal).to(self.net_.device)

    def _in_batches(self, function: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
        n_rows = max(1, _TOKENS_AT_ONCE // self.n_features_in_)
        device = self.net_.device
        return in_batches(lambda batch: function(batch.to(device)).cpu(), samples, n_rows)

    def _to_tokens(self, indices: Tensor) -> NDArray[np.int64]:
        return self.vocabulary_[indices.numpy() - 1]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _holds_texts(X: Any) -> bool:
    array = np.asarray(X[:1] if isinstance(X, (list, tuple)) else X)
    return array.dtype.kind in "OSUT" and array.size > 0 and isinstance(array.flat[0], str)


def _to_indices(tokens: NDArray[np.int64], vocabulary: NDArray[np.int64]) -> Tensor:
    """Replace tokens by their place in the vocabulary, from 1; others become 0."""
    places = np.searchsorted(vocabulary, tokens).clip(max=len(vocabulary) - 1)
    return torch.from_numpy(np.where(vocabulary[places] == tokens, places + 1, 0))
