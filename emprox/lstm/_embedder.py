"""The LSTM sequence autoencoder as a scikit-learn transformer of token matrices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import skorch
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..utils._sklearn import Interval, StrOptions, fit_context
from ._modules import (
    TYPICAL_DISTANCE,
    Autoencoder,
    PropertyLoss,
    TokenCrossEntropy,
    description_scales,
)
from ._net import use_one_torch_thread
from ._pretrained import Checkpoint, load_pretrained, save_pretrained
from ._tokenizer import ArchitectureTokenizer
from ._tokens import TokenNetEstimator, Tokens

# Passes over the training data if there is no pretrained encoder.
_MAX_EPOCHS = 50
# The last bits of a sum depend on what else is computed with it; so many decimals, of numbers whose
# standard deviation is about 1, do not.
_DECIMALS = 5


@dataclass(eq=False, repr=False)
class ArchitectureEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TokenNetEstimator):
    """Embed token sequences with an LSTM encoder-decoder that learns to reconstruct them.

    A bidirectional LSTM reads the sequence; the normalised mean of its outputs is the embedding,
    a vector of unit length. An LSTM decoder with attention writes the sequence again from it.
    Both are trained together to make the original tokens likely: here, on the architectures given
    to `fit`, or beforehand, on any number of architectures of the space (`pretrained`). No accuracy
    is involved.

    Parameters
    ----------
    embedding_dim : int, default=32
        Size of the embedding and of every layer.
    output : {"embedding", "properties"}, default="embedding"
        What `transform` returns. ``"properties"`` are more numbers, standardised, for a learner of
        distances such as `ProximityMetric` to choose from: see Notes.
    pretrained : str or path-like, default=None
        A trained encoder and decoder to start from: the name of a search space that the package
        has one for, or the path to a file that `save_pretrained` wrote. See `from_pretrained`.
    attention : {"embedding", "encoder"}, default="embedding"
        What the decoder's attention sees. ``"encoder"`` is the paper: the outputs of the encoder
        at every time step. What the attention has learned to fetch from them is not in the
        embedding, so `inverse_transform` is poor then. With ``"embedding"`` it sees nothing else,
        in training as well, and the embedding has to carry everything.
    max_epochs : int, default=None
        Passes over the training data. None stands for 50, and for 0 with a `pretrained` encoder.
    learning_rate : float, default=1e-3
        Learning rate of Adam.
    batch_size : int, default=100
        Architectures in a batch.
    dropout : float, default=0.1
        Dropout after the token embeddings, in training.
    weight_decay : float, default=1e-4
        Weight decay of Adam.
    callbacks : list of skorch callbacks, default=None
        Further callbacks, for example a learning rate scheduler.
    device : str or torch.device, default="cpu"
        Where to train and embed, for example ``"cuda"``.
    verbose : int, default=0
        0 is silent, 1 prints a line for each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines weights, dropout and the order of the samples. On the same machine the same seed
        gives the same embedding, bit by bit, for any number of threads.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module, ``net_.history`` the losses.
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens that occurred in training, sorted. Others are embedded like the average of
        these.
    legal_tokens_ : ndarray of shape (n_features_in_, n_tokens)
        Which tokens occurred at which position; only these are ever written there.
    n_features_in_ : int
        Length of the token sequences.

    See Also
    --------
    ArchitectureTokenizer : Writes architectures as token sequences.
    ProximityMetric : Learns from accuracies which architectures are close.
    make_emprox_pipeline : The whole chain.

    Notes
    -----
    Trained in single precision, evaluated in double without dropout, and rounded back: so an
    embedding depends on nothing but its tokens, and equal architectures are at distance zero.

    Pretraining is `fit` on many architectures with `properties`, numbers that are known without
    training any network, such as `StructuralProperties`. A hidden layer of 128 and a linear one
    predict them from the embedding, and the loss is their mean squared error, plus three times the
    mean squared difference between distances of embeddings and of properties (scaled to a root mean
    square of 0.7) over the pairs in a batch, plus a tenth of the cross entropy of the tokens.

    With ``output="properties"`` `transform` returns the properties that the network predicts. If it
    was trained without any, it returns the standardised embedding beside the encoder's outputs at
    each position (or means over 32 stretches), which are given as much variance.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Sections 3.1 and 5; without pretraining.

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

    embedding_dim: int = 32
    _: KW_ONLY
    output: str = "embedding"
    pretrained: str | os.PathLike[str] | None = None
    attention: str = "embedding"
    max_epochs: int | None = None
    learning_rate: float = 1e-3
    batch_size: int = 100
    dropout: float = 0.1
    weight_decay: float = 1e-4
    callbacks: Sequence[Any] | None = None
    device: str | torch.device = "cpu"
    verbose: int = 0
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **TokenNetEstimator._net_constraints,
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "output": [StrOptions({"embedding", "properties"})],
        "pretrained": [str, os.PathLike, None],
        "attention": [StrOptions({"embedding", "encoder"})],
        "max_epochs": [Interval(Integral, 0, None, closed="left"), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "callbacks": [list, tuple, None],
    }

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
            Parameters of the embedder.

        Returns
        -------
        ArchitectureEmbedder
            The embedder. `fit` starts from the encoder again, as does that of every clone.

        Raises
        ------
        ValueError
            If there is no such encoder, or a parameter is out of its range or does not fit it.

        Examples
        --------
        >>> from emprox import ArchitectureEmbedder, ArchitectureTokenizer
        >>> from emprox.datasets import load_nasbench201
        >>> X, y = load_nasbench201(return_X_y=True)
        >>> tokenizer = ArchitectureTokenizer("nasbench201", sequence="paths")
        >>> embedder = ArchitectureEmbedder.from_pretrained("nasbench201")
        >>> embedder.transform(tokenizer.fit_transform(X[:100])).shape
        (100, 32)
        """
        checkpoint = load_pretrained(pretrained)
        own = {"embedding_dim": checkpoint.embedding_dim, "attention": checkpoint.attention}
        embedder = cls(**{**own, **parameters, "pretrained": pretrained})
        embedder._validate_params()
        embedder.n_features_in_ = len(checkpoint.legal_tokens)
        nothing = np.zeros((0, len(checkpoint.legal_tokens)), dtype=np.int64)
        embedder._fit(nothing, checkpoint, None, max_epochs=0)
        return embedder

    def save_pretrained(
        self,
        path: str | os.PathLike[str],
        tokenizer: ArchitectureTokenizer,
        *,
        dtype: str = "float32",
    ) -> None:
        """Write encoder and decoder to a file, for the parameter `pretrained`.

        Parameters
        ----------
        path : str or path-like
            The file, in the safetensors format.
        tokenizer : ArchitectureTokenizer
            The fitted tokenizer that the sequences come from; what it writes is checked wherever
            the file is used.
        dtype : {"float32", "float16"}, default="float32"
            Type of the weights in the file.

        Raises
        ------
        ValueError
            If the tokenizer writes sequences of another length, or there is no such type.
        """
        check_is_fitted(self, "net_")
        n_tokens = len(tokenizer.get_feature_names_out())
        if n_tokens != self.n_features_in_:
            raise ValueError(
                f"the tokenizer writes {n_tokens} tokens, the embedder reads {self.n_features_in_}"
            )
        checkpoint = Checkpoint(
            weights=self.net_.module_.state_dict(),
            vocabulary=self.vocabulary_,
            legal_tokens=self.legal_tokens_,
            space=tokenizer.space_.name,
            sequence=tokenizer.sequence or tokenizer.space_.default_sequence,
            canonicalize=tokenizer.canonicalize,
            meanings=tokenizer.vocabulary_,
            attention=self.attention,
        )
        save_pretrained(path, checkpoint, dtype)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: Any = None, *, properties: ArrayLike | None = None
    ) -> ArchitectureEmbedder:
        """Train encoder and decoder to reconstruct token sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix: whole numbers from 0, as `ArchitectureTokenizer` writes them.
        y : None, default=None
            Ignored.
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
            If X is empty or holds something other than tokens, X and `properties` do not fit
            together, a parameter is out of its range, or the pretrained encoder is for other
            sequences.
        """
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        tokens = self._read_tokens(X, reset=True)
        checkpoint = None if self.pretrained is None else load_pretrained(self.pretrained)
        if checkpoint is not None:
            checkpoint.check_tokens(tokens)
        described = None
        if properties is not None:
            array = check_array(properties, dtype=np.float32, input_name="properties")
            check_consistent_length(tokens, array)
            described = torch.from_numpy(array)
        max_epochs = self.max_epochs
        if max_epochs is None:
            max_epochs = _MAX_EPOCHS if checkpoint is None else 0
        self._fit(tokens, checkpoint, described, max_epochs)
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
            Embeddings of unit length, in `embedding_dim` columns, or what `output` says.

        Raises
        ------
        ValueError
            If X holds something other than tokens, or not as many as in `fit`.
        """
        indices = self._known_indices(X)
        # Canonical forms repeat: each sequence is embedded once.
        different, places = torch.unique(indices, dim=0, return_inverse=True)
        if self._is_embedding:
            written = self._evaluate(self.net_, Autoencoder.embed, different).numpy()
        else:
            described = self._evaluate(self.net_, Autoencoder.describe, different).numpy()
            written = ((described - self._center) / self._scale).round(_DECIMALS)
        return written.astype(np.float32)[places.numpy()]

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.int64]:
        """Decode embeddings: greedily, with tokens that occurred at the position in training.

        Only the embedding is seen; see the parameter `attention` for what that means.

        Parameters
        ----------
        X : array-like of shape (n_samples, embedding_dim)
            Embeddings, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_)
            Token matrix.

        Raises
        ------
        ValueError
            If X does not have as many columns as the embedding, or `output` is ``"properties"``.
        """
        check_is_fitted(self, "net_")
        if not self._is_embedding:
            raise ValueError("properties cannot be decoded; call reconstruct(X) instead")
        embedding = check_array(X, dtype=np.float64)
        if embedding.shape[1] != self._n_features_out:
            raise ValueError(f"X has {embedding.shape[1]} columns, not {self._n_features_out}")
        illegal = self._illegal()

        def decode(module: Autoencoder, batch: Tensor) -> Tensor:
            return module.decode(batch, batch[:, None], illegal)

        return self._to_tokens(self._evaluate(self.net_, decode, torch.from_numpy(embedding)))

    def reconstruct(self, X: ArrayLike) -> NDArray[np.int64]:
        """Embed token sequences and decode them again, with all that the attention sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Token matrix.
        """
        indices, illegal = self._known_indices(X), self._illegal()

        def reconstruct(module: Autoencoder, batch: Tensor) -> Tensor:
            outputs, embedding = module.encoder(batch)
            return module.decode(embedding, module.memory(outputs, embedding), illegal)

        return self._to_tokens(self._evaluate(self.net_, reconstruct, indices))

    def _fit(
        self,
        tokens: Tokens,
        checkpoint: Checkpoint | None,
        properties: Tensor | None,
        max_epochs: int,
    ) -> None:
        """Train, from a checkpoint or from scratch, and set `net_` last."""
        seed = self._draw_seed(4)
        if checkpoint is None:
            self._learn_vocabulary(tokens)
            module = self._make_module(properties, seed)
        else:
            n_properties = None if properties is None else properties.shape[1]
            checkpoint.check_parameters(self.embedding_dim, self.attention, n_properties)
            self.vocabulary_ = checkpoint.vocabulary
            self.legal_tokens_ = checkpoint.legal_tokens
            module = checkpoint.make_module(float(self.dropout), seed)
        indices = self._to_indices(tokens)
        criterion: nn.Module = TokenCrossEntropy()
        targets = [indices]
        head = module.property_head
        if head is not None and max_epochs > 0:
            if properties is None:
                # What it says about these architectures now is what it should not forget.
                with torch.no_grad(), use_one_torch_thread():
                    properties = head(module.eval().encoder(indices)[1])
            criterion = PropertyLoss(float(head.distance_unit))
            targets.append(properties)
        net = self._train(
            module,
            criterion,
            indices,
            *targets,
            seed=seed + 3,
            max_epochs=max_epochs,
            callbacks=self.callbacks or (),
        )
        self._learn_output(net, indices)
        self.net_ = net

    def _make_module(self, properties: Tensor | None, seed: int) -> Autoencoder:
        module = Autoencoder(
            n_tokens=len(self.vocabulary_) + 1,
            embedding_dim=int(self.embedding_dim),
            dropout=float(self.dropout),
            attend_encoder=self.attention == "encoder",
            seed=seed,
            n_properties=0 if properties is None else properties.shape[1],
        )
        if properties is not None:
            typical = float((2 * properties.var(dim=0, unbiased=False).sum()).sqrt())
            module.property_head.distance_unit.fill_(typical / TYPICAL_DISTANCE or 1.0)
        return module

    def _learn_output(self, net: skorch.NeuralNet, indices: Tensor) -> None:
        """Find out how wide the output is, and the scale of what is no property."""
        self._n_features_out, self._is_embedding = self.embedding_dim, self.output == "embedding"
        self._center: Any = 0.0
        self._scale: Any = 1.0
        if not self._is_embedding:
            example = torch.zeros((1, indices.shape[1]), dtype=torch.long)
            self._n_features_out = self._evaluate(net, Autoencoder.describe, example).shape[1]
            if net.module_.property_head is None and len(indices):
                described = self._evaluate(net, Autoencoder.describe, indices).numpy()
                self._center = described.mean(axis=0)
                self._scale = description_scales(described.std(axis=0), self.embedding_dim)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
