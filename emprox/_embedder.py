"""The LSTM sequence autoencoder as a scikit-learn transformer of token matrices."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import numpy as np
import skorch
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional

from ._modules import (
    TYPICAL_DISTANCE,
    Autoencoder,
    PropertyHead,
    PropertyLoss,
    TokenCrossEntropy,
)
from ._net import (
    TokenSequenceEstimator,
    check_device,
    evaluated,
    in_token_batches,
    legal_tokens,
    on_one_core,
    train,
)
from ._pretrained import Checkpoint, load_pretrained, save_pretrained
from ._target_part import TargetPart, describe
from ._tokenizer import ArchitectureTokenizer
from .proximity import ProximityMetric
from .utils._sklearn import Interval, StrOptions, fit_context

# So many embeddings are joined at once with what the targets add.
_ROWS_AT_ONCE = 2**12
# Passes over the training data if there is no pretrained encoder.
_MAX_EPOCHS = 50


class ArchitectureEmbedder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, TokenSequenceEstimator
):
    """Embed token sequences with an LSTM encoder-decoder that learns to reconstruct them.

    A bidirectional LSTM reads the sequence; the normalised mean of its outputs is the embedding,
    a vector of unit length. An LSTM decoder with attention writes the sequence again from it.
    Both are trained together to make the original tokens likely: here, on the architectures given
    to `fit`, or beforehand, on any number of architectures of the space (`pretrained`). With
    `target_weight` the targets have a say in which architectures are close, too. After training
    the embedding of an architecture depends on nothing but its tokens: the decoder is set aside
    and dropout is off.

    Parameters
    ----------
    embedding_dim : int, default=32
        Size of the embedding and of every layer. With a `target_weight` of 1, and a `pretrained`
        encoder with layers of its own, the size of the embedding alone.
    pretrained : str or path-like, default=None
        A trained encoder and decoder to start from: the name of a search space that the package
        has one for, or the path to a file that `save_pretrained` wrote. See `from_pretrained`.
    target_weight : float, default=0
        Between 0 and 1: the share of the targets in the squared distances between embeddings. 0
        is the paper: y is not used. With 1 the embedding consists of `embedding_dim` numbers that
        predict the targets, in between of both kinds side by side; see Notes.
    attention : {"embedding", "encoder"}, default="embedding"
        What the decoder's attention sees. ``"encoder"`` is the paper: the outputs of the encoder
        at every time step. They are gone when only the embedding is at hand, and what the
        attention has learned to fetch from them is not in the embedding, so `inverse_transform`
        is poor then. With ``"embedding"`` the embedding is the only entry of the attention's
        memory, in training as well: each step reads it again, and it has to carry everything.
    max_epochs : int, default=None
        Passes over the training data. None stands for 50, and for 0 with a `pretrained` encoder,
        which a few known architectures can hardly make better.
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
        Determines weights, dropout, the order of the samples and, with `target_weight`, which
        columns each kernel machine sees. The same seed gives the same embedding, bit by bit, on
        the same machine.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    metric_ : ProximityMetric or None
        What the targets add to the embedding; None if it is not supervised.
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
    ProximityMetric : Learns what the targets add to the embedding.
    EmProxRegressor : Embedding and neighbours in one estimator.
    make_emprox_pipeline : The whole chain.

    Notes
    -----
    Trained in single precision, evaluated in double and rounded back: so the embedding of an
    architecture is the same whatever others are embedded with it, and equal architectures are at
    distance zero.

    Pretraining is `fit` on many architectures with `properties`, numbers that are known without
    training any network, such as `emprox.properties.StructuralProperties`. A layer with ReLU and
    a linear one predict them from the embedding, and the loss is their mean squared error, plus
    three times the mean squared difference between distances of embeddings and of properties
    (scaled to a root mean square of 0.7) over the pairs in a batch, plus a tenth of the cross
    entropy of the tokens. No accuracy is involved.

    The targets come in when the network is trained, in closed form: a `ProximityMetric` is fitted
    to the properties that the network predicts. If it predicts none, it is fitted to the
    standardised embedding beside the outputs of the encoder at each position (means over
    stretches if there are more than 32), which are given as much variance as the embedding. Its
    numbers are scaled such that the known architectures spread as widely in them as in
    the embedding; then the embedding and they are multiplied by the square roots of ``1 -
    target_weight`` and `target_weight`, and stand side by side. With several targets
    each has its share of the `embedding_dim` numbers, but at least one.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Sections 3.1 and 5. Pretraining and targets are not in the paper.

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
        "pretrained": [str, os.PathLike, None],
        "target_weight": [Interval(Real, 0, 1, closed="both")],
        "attention": [StrOptions({"embedding", "encoder"})],
        "max_epochs": [Interval(Integral, 0, None, closed="left"), None],
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
        pretrained: str | os.PathLike[str] | None = None,
        target_weight: float = 0,
        attention: str = "embedding",
        max_epochs: int | None = None,
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
        self.pretrained = pretrained
        self.target_weight = target_weight
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

    @classmethod
    def from_pretrained(
        cls, pretrained: str | os.PathLike[str], **parameters: Any
    ) -> ArchitectureEmbedder:
        """Make an embedder from a pretrained encoder, ready to embed.

        Parameters
        ----------
        pretrained : str or path-like
            Name of a search space that the package has an encoder for, or path to a file that
            `save_pretrained` wrote.
        **parameters : dict
            Parameters of the embedder. What is not given is set for the encoder: its size, its
            attention, and a `target_weight` of 1.

        Returns
        -------
        ArchitectureEmbedder
            The embedder. `transform` gives the pretrained embedding. ``fit(X, y)`` starts from
            it and, as `target_weight` says, learns from the targets; so does every clone.

        Raises
        ------
        ValueError
            If there is no such encoder, the file does not hold one, or a parameter is out of its
            range or does not fit the encoder.

        Examples
        --------
        >>> from emprox import ArchitectureEmbedder, ArchitectureTokenizer
        >>> from emprox.datasets import load_nasbench201
        >>> X, y = load_nasbench201(return_X_y=True)
        >>> tokenizer = ArchitectureTokenizer("nasbench201", sequence="paths")
        >>> tokens = tokenizer.fit_transform(X[:100])
        >>> embedder = ArchitectureEmbedder.from_pretrained("nasbench201", random_state=0)
        >>> embedder.transform(tokens).shape  # of the structure alone
        (100, 32)
        >>> embedder.fit(tokens, y[:100]).transform(tokens).shape  # of what the accuracies say
        (100, 32)
        """
        checkpoint = load_pretrained(pretrained)
        defaults = {
            "embedding_dim": checkpoint.embedding_dim,
            "attention": checkpoint.attention,
            "target_weight": 1,
        }
        embedder = cls(**{**defaults, **parameters, "pretrained": pretrained})
        embedder._validate_params()
        embedder._check_size(checkpoint, supervised=False)
        module, seed = embedder._make_module(checkpoint)
        nothing = torch.zeros(0, checkpoint.length, dtype=torch.long)
        net = embedder._train(module, nothing, None, 0, seed)
        embedder.n_features_in_ = checkpoint.length
        embedder._set_fitted(net, checkpoint.vocabulary, checkpoint.legal_tokens, None)
        return embedder

    def save_pretrained(
        self,
        path: str | os.PathLike[str],
        tokenizer: ArchitectureTokenizer,
        *,
        dtype: str = "float32",
    ) -> None:
        """Write encoder and decoder to a file, for the parameter `pretrained`.

        What the targets have added is not written: it belongs to the known architectures, not to
        the space.

        Parameters
        ----------
        path : str or path-like
            The file, in the safetensors format.
        tokenizer : ArchitectureTokenizer
            The fitted tokenizer that the sequences come from. Its space, sequence and vocabulary
            are written as well, and checked wherever the file is used.
        dtype : {"float32", "float16"}, default="float32"
            Type of the weights in the file. ``"float16"`` halves it, and changes embeddings a
            little.

        Raises
        ------
        ValueError
            If the tokenizer writes sequences of another length.
        """
        check_is_fitted(self, "net_")
        check_is_fitted(tokenizer)
        if dtype not in ("float32", "float16"):
            raise ValueError(f"dtype has to be 'float32' or 'float16', got {dtype!r}")
        space = tokenizer.space_
        sequence = tokenizer.sequence or space.default_sequence
        length = space.get_sequence(sequence).length
        if length != self.n_features_in_:
            raise ValueError(
                f"the tokenizer writes {length} tokens, but the embedder was fitted to"
                f" {self.n_features_in_}"
            )
        module = self.net_.module_
        checkpoint = Checkpoint(
            weights={name: weight.cpu() for name, weight in module.state_dict().items()},
            vocabulary=self.vocabulary_,
            legal_tokens=self.legal_tokens_,
            space=space.name,
            sequence=sequence,
            canonicalize=tokenizer.canonicalize,
            meanings=tokenizer.vocabulary_,
            attention="encoder" if module.attend_encoder else "embedding",
        )
        save_pretrained(path, checkpoint, dtype)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, *, properties: ArrayLike | None = None
    ) -> ArchitectureEmbedder:
        """Train encoder and decoder to reconstruct token sequences, and learn from the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix: whole numbers from 0, as `ArchitectureTokenizer` writes them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets such as accuracies in percent; higher is better. Ignored with a
            `target_weight` of 0; without them there is nothing to supervise.
        properties : array-like of shape (n_samples, n_properties), default=None
            Numbers that the embedding is to know as well, scaled such that equal differences
            matter equally in all columns; see Notes of the class.

        Returns
        -------
        ArchitectureEmbedder
            The embedder itself.

        Raises
        ------
        ValueError
            If X is empty or holds something other than tokens, X, y and `properties` do not fit
            together, a parameter is out of its range, the device does not exist, or the
            pretrained encoder cannot be read or is for other sequences.
        """
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        tokens = self._read_tokens(X, reset=True)
        supervised = self.target_weight > 0 and y is not None
        if supervised:
            targets = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
            check_consistent_length(tokens, targets)
        checkpoint = None
        if self.pretrained is not None:
            checkpoint = load_pretrained(self.pretrained)
            self._check_size(checkpoint, supervised)
            checkpoint.check_tokens(tokens)
            vocabulary, legal = checkpoint.vocabulary, checkpoint.legal_tokens
        else:
            vocabulary = np.unique(tokens)
            legal = legal_tokens(tokens, vocabulary)
        described = None if properties is None else _check_properties(properties, len(tokens))
        indices = self._to_known_indices(tokens, vocabulary)
        module, seed = self._make_module(checkpoint, len(vocabulary), described)
        max_epochs = self.max_epochs
        if max_epochs is None:
            max_epochs = _MAX_EPOCHS if checkpoint is None else 0
        net = self._train(module, indices, described, max_epochs, seed)
        target_part = self._supervise(net, indices, targets, seed + 4) if supervised else None
        self._set_fitted(net, vocabulary, legal, target_part)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Embed token sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), dtype float32
            Embeddings: without supervision `embedding_dim` columns, of unit length. With a
            `target_weight` of 1 as many that the targets decide, else both side by side.

        Raises
        ------
        ValueError
            If X holds something other than tokens, or the sequences have another length than in
            `fit`.
        """
        # Canonical forms repeat: each sequence is embedded once.
        different, places = torch.unique(self._known_indices(X), dim=0, return_inverse=True)
        module, target_part = self._evaluation_module(), self._target_part
        if target_part is None:
            embedding = self._in_batches(lambda batch: module.encoder(batch)[1].float(), different)
        else:
            described = (self._describe(module, part) for part in different.split(_ROWS_AT_ONCE))
            embedding = torch.cat([target_part.join(*part).float() for part in described])
        return embedding[places].numpy()

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.int64]:
        """Decode embeddings to token sequences.

        Greedy: at each position the most likely of the tokens that occurred there in training.
        Only the embedding is seen; see the parameter `attention` for what that means. Columns
        that the targets have added are ignored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Embeddings, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_)
            Token matrix.

        Raises
        ------
        ValueError
            If X does not have as many columns as the embedding, or the embedding holds nothing
            but what the targets have added (`target_weight` of 1).
        """
        check_is_fitted(self, "net_")
        embedding = check_array(X, dtype=np.float64)
        if embedding.shape[1] != self._n_features_out:
            raise ValueError(
                f"embeddings have {self._n_features_out} columns, got {embedding.shape[1]}"
            )
        module, illegal = self._evaluation_module(), self._illegal()
        if self._target_part is not None:
            embedding = self._target_part.split(embedding)

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
        return float(np.mean(reconstructed == self._read_tokens(X, reset=False)))

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
            logits = module(batch)[0].transpose(1, 2)
            return -functional.cross_entropy(logits, batch, reduction="none").mean(dim=1)

        return self._in_batches(log_likelihood, indices).numpy()

    def _check_size(self, checkpoint: Checkpoint, supervised: bool) -> None:
        """Check that the parameters of the embedder are those of a pretrained encoder."""
        size = checkpoint.embedding_dim
        if self.embedding_dim != size and not (supervised and self.target_weight == 1):
            raise ValueError(
                f"embedding_dim={self.embedding_dim}, but the pretrained encoder"
                f" {checkpoint.source!r} has an embedding of {size} numbers: set"
                f" embedding_dim={size}, or target_weight=1 and give targets, which can have any"
                " number"
            )
        if self.attention != checkpoint.attention:
            raise ValueError(
                f"attention={self.attention!r}, but the decoder of the pretrained encoder"
                f" {checkpoint.source!r} was trained with attention={checkpoint.attention!r}"
            )

    def _make_module(
        self, checkpoint: Checkpoint | None, n_tokens: int = 0, properties: Tensor | None = None
    ) -> tuple[Autoencoder, int]:
        """Build the module, pretrained or not, and draw the seed that others count on from."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 4))
        n_properties = 0 if properties is None else properties.shape[1]
        if checkpoint is not None:
            if properties is not None and n_properties != checkpoint.n_properties:
                raise ValueError(
                    f"the pretrained encoder {checkpoint.source!r} predicts"
                    f" {checkpoint.n_properties} properties, got {n_properties}"
                )
            return checkpoint.make_module(float(self.dropout), seed), seed
        module = Autoencoder(
            n_tokens=n_tokens + 1,
            embedding_dim=int(self.embedding_dim),
            dropout=float(self.dropout),
            attend_encoder=self.attention == "encoder",
            seed=seed,
            n_properties=n_properties,
        )
        if properties is not None:
            head = cast("PropertyHead", module.property_head)
            typical = float((2 * properties.var(dim=0, unbiased=False).sum()).sqrt())
            head.distance_unit.fill_(typical / TYPICAL_DISTANCE or 1.0)
        return module, seed

    def _train(
        self,
        module: Autoencoder,
        indices: Tensor,
        properties: Tensor | None,
        max_epochs: int,
        seed: int,
    ) -> skorch.NeuralNet:
        device = check_device(self.device)
        head = module.property_head
        criterion: nn.Module = TokenCrossEntropy()
        targets = [indices]
        if head is not None and max_epochs > 0:
            if properties is None:
                # What it says about these architectures now is what it should not forget.
                with torch.no_grad(), on_one_core():
                    properties = head(module.eval().encoder(indices)[1])
            criterion = PropertyLoss(float(head.distance_unit))
            targets.append(properties)
        net = train(
            module,
            criterion,
            indices,
            *targets,
            max_epochs=max_epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            gradient_clip=self.gradient_clip,
            callbacks=self.callbacks,
            device=device,
            verbose=int(self.verbose),
            seed=seed + 3,
        )
        net.module_.encoder.average_unknown()
        return net

    def _supervise(
        self, net: skorch.NeuralNet, indices: Tensor, y: NDArray[np.float64], seed: int
    ) -> TargetPart:
        """Learn from the targets, in closed form, on what the trained net says."""
        module = evaluated(net.module_)
        part = TargetPart(float(self.target_weight), int(self.embedding_dim), seed)
        embedding, description = self._describe(module, indices, net.device)
        return part.fit(embedding, description, module.property_head is not None, y)

    def _describe(
        self, module: Autoencoder, indices: Tensor, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return embeddings and what the targets may depend on."""
        size = module.encoder.token_embedding.embedding_dim
        together = self._in_batches(
            lambda batch: torch.cat(describe(module, batch), dim=1), indices, device
        )
        return together[:, :size], together[:, size:]

    def _set_fitted(
        self,
        net: skorch.NeuralNet,
        vocabulary: NDArray[np.int64],
        legal_tokens: NDArray[np.bool_],
        target_part: TargetPart | None,
    ) -> None:
        """Set what a fitted embedder has, all at once."""
        self.history_ = net.history
        self.vocabulary_ = vocabulary
        self.legal_tokens_ = legal_tokens
        self.metric_: ProximityMetric | None = None if target_part is None else target_part.metric
        self._target_part = target_part
        n_columns = net.module_.encoder.token_embedding.embedding_dim
        if target_part is not None:
            n_columns = target_part.n_columns + (n_columns if target_part.weight < 1 else 0)
        self._n_features_out = n_columns
        self.net_ = net

    def _evaluation_module(self) -> Autoencoder:
        return evaluated(self.net_.module_)

    def _in_batches(
        self,
        function: Callable[[Tensor], Tensor],
        samples: Tensor,
        device: torch.device | None = None,
    ) -> Tensor:
        device = self.net_.device if device is None else device
        return in_token_batches(function, samples, self.n_features_in_, device)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_properties(properties: ArrayLike, n_samples: int) -> Tensor:
    array = check_array(properties, dtype=np.float32, input_name="properties")
    if len(array) != n_samples:
        raise ValueError(f"properties has {len(array)} rows, but X has {n_samples}")
    return torch.from_numpy(array)
