"""Neural architecture optimization: an encoder-decoder that predicts accuracies, and improves."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import skorch
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_random_state, get_tags
from torch import Tensor

from .._net import (
    TokenSequenceEstimator,
    check_device,
    evaluated,
    in_token_batches,
    legal_tokens,
    train,
)
from .._tokenizer import ArchitectureTokenizer
from ..spaces import ArchitectureError, SearchSpace
from ..utils._sklearn import Interval, fit_context
from ._accuracy_autoencoder import AccuracyAutoencoder, AccuracyLoss
from ._targets import TargetScale, check_targets

Floats = NDArray[np.float64]
Tokens = NDArray[np.int64]


class NAORegressor(RegressorMixin, TokenSequenceEstimator):
    """Predict the accuracy of architectures from an embedding that it is trained for, and improve.

    Neural architecture optimization (NAO): an LSTM encoder-decoder like that of
    `ArchitectureEmbedder` learns to reconstruct token sequences while a small network learns to
    predict the accuracy from the embedding. Because the prediction is differentiable in what the
    encoder puts out, `improve` can move it towards higher accuracies and decode it again.

    The defaults are those that the EmProx paper compares itself with.

    Parameters
    ----------
    space : str or SearchSpace, default=None
        The search space; X then holds architectures, for example texts. With None X is a matrix
        of tokens, as `ArchitectureTokenizer` writes them.
    sequence : str, default="adjacency"
        Which of the space's token sequences to read; None takes the space's default. That of the
        paper, ``"adjacency"``, is long, and most of it is the same for all architectures, so that
        50 epochs on a hundred of them do not teach the decoder what differs. A sequence that holds
        only what varies, such as ``"operations"``, takes less time and predicts better. Has no
        effect without a `space`.
    canonicalize : bool, default=False
        Whether to read canonical forms, which are the same for architectures that compute the same
        function. The paper does not; predictions are much better with them. Has no effect without
        a `space`.
    embedding_dim : int, default=64
        Size of the embedding and of every layer.
    trade_off : float, default=0.8
        Weight of the squared error of the accuracy in the loss, between 0 and 1; the rest is that
        of the reconstruction.
    max_epochs : int, default=50
        Passes over the training data. For `improve` some hundred are better.
    lr : float, default=1e-3
        Learning rate of Adam.
    batch_size : int, default=100
        Architectures in a batch.
    dropout : float, default=0.1
        Dropout after the token embeddings and in the accuracy predictor, in training.
    weight_decay : float, default=1e-4
        Weight decay of Adam.
    gradient_clip : float, default=5.0
        Largest norm of the gradient; None does not clip.
    device : str or torch.device, default="cpu"
        Where to train and predict, for example ``"cuda"``.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints skorch's table as well.
    random_state : int, RandomState instance or None, default=None
        Determines weights, dropout and the order of the samples. The same seed gives the same
        predictions, bit by bit, on the same machine.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens that occurred in training, sorted. Others are embedded like the average of
        these.
    legal_tokens_ : ndarray of shape (length, n_tokens)
        Which tokens occurred at which position; only these are ever written there.
    n_features_in_ : int
        Length of the token sequences; only without a `space`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any; only without a `space`.

    See Also
    --------
    SemiNASRegressor : Learns from architectures of unknown accuracy as well.
    emprox.EmProxRegressor : Predicts from neighbours in an embedding.
    emprox.ArchitectureEmbedder : The encoder-decoder without accuracies.

    Notes
    -----
    Accuracies are standardised for the loss, which is ``trade_off`` times their mean squared error
    plus ``1 - trade_off`` times the mean negative log-likelihood of the tokens. The accuracy
    predictor is a layer down to 16 numbers and one up again, each with ReLU and dropout, whose
    input is added to their output, and a linear layer.

    Trained in single precision, evaluated in double and rounded back: so the prediction for an
    architecture is the same whatever others are predicted with it.

    References
    ----------
    Renqian Luo, Fei Tian, Tao Qin, Enhong Chen and Tie-Yan Liu. Neural Architecture Optimization.
    NeurIPS 2018. Section 3. The settings are those of section 5 of the EmProx paper (Franken,
    Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity Score.
    2022).

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import NAORegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = NAORegressor(
    ...     space="nasbench201", sequence="operations", canonicalize=True, random_state=0
    ... )
    >>> model.fit(X[:121], y[:121]).predict(X[121:124]).shape
    (3,)
    >>> better = model.improve(X[121:124])
    >>> bool((model.predict(better) >= model.predict(X[121:124])).all())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [str, SearchSpace, None],
        "sequence": [str, None],
        "canonicalize": ["boolean"],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "trade_off": [Interval(Real, 0, 1, closed="both")],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither"), None],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    _tokenizer: ArchitectureTokenizer
    _scale: TargetScale

    def __init__(
        self,
        *,
        space: str | SearchSpace | None = None,
        sequence: str | None = "adjacency",
        canonicalize: bool = False,
        embedding_dim: int = 64,
        trade_off: float = 0.8,
        max_epochs: int = 50,
        lr: float = 1e-3,
        batch_size: int = 100,
        dropout: float = 0.1,
        weight_decay: float = 1e-4,
        gradient_clip: float | None = 5.0,
        device: str | torch.device = "cpu",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.sequence = sequence
        self.canonicalize = canonicalize
        self.embedding_dim = embedding_dim
        self.trade_off = trade_off
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike) -> NAORegressor:
        """Train encoder, decoder and accuracy predictor together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Known architectures: a matrix of tokens, whole numbers from 0, or with a `space`
            anything that it reads.
        y : array-like of shape (n_samples,)
            Their accuracies, in percent or any other unit; higher is better.

        Returns
        -------
        NAORegressor
            The regressor itself.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        ValueError
            If X or y are empty or of different lengths, X holds something other than tokens, y
            is not finite, a parameter is out of its range, or the device, the space or the
            sequence does not exist.
        """
        self._fit(X, y)
        return self

    def predict(self, X: Any) -> Floats:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Accuracies, in the unit of y.
        """
        indices = self._known_indices(X)
        return self._predict(self._evaluation_module(), indices)

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Embed architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, embedding_dim), dtype float32
            Embeddings, of unit length.
        """
        indices, module = self._known_indices(X), self._evaluation_module()
        return self._encode(module, indices, lambda batch: module.encoder(batch)[1]).numpy()

    def improve(self, X: Any, *, step_size: float = 1.0, n_steps: int = 10) -> NDArray[Any]:
        """Change architectures such that higher accuracies are predicted for them.

        The outputs of the encoder are moved along the gradient of the predicted accuracy and
        normalised again, step by step. After each step an architecture is decoded from them,
        greedily: at each position the most likely of the tokens that occurred there in training.
        Of the architectures on the way, the one with the highest prediction is returned, or the
        one that it started from if none is predicted to be better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures to start from, as in `fit`.
        step_size : float, default=1.0
            How far each output of the encoder, which has length 1, is moved in a step.
        n_steps : int, default=10
            Number of steps.

        Returns
        -------
        ndarray of shape (n_samples,), dtype object, or of shape (n_samples, n_features)
            With a `space` architectures of it, in its text form; what the decoder writes that is
            none is passed over. Without one a token matrix.

        Raises
        ------
        ValueError
            If `step_size` is not a finite number above 0, or `n_steps` not a whole one from 1.

        Notes
        -----
        Luo et al. decode after one step, whose size they raise until another architecture comes
        out, and do not ask what is predicted for that one. How well the decoder writes decides
        what comes of it: see `sequence` and `max_epochs`.
        """
        if not isinstance(step_size, Real) or not 0 < step_size < np.inf:
            raise ValueError(f"step_size has to be a finite number above 0, got {step_size!r}")
        if not isinstance(n_steps, Integral) or n_steps < 1:
            raise ValueError(f"n_steps has to be a whole number from 1, got {n_steps!r}")
        start, module = self._known_indices(X), self._evaluation_module()
        illegal = self._illegal()

        def climb(batch: Tensor) -> Tensor:
            outputs, _ = module.encoder(batch)
            written = []
            for _ in range(int(n_steps)):
                outputs, embedding = module.ascend(outputs, step_size)
                written.append(module.decode(embedding, outputs, illegal))
            return torch.stack(written, dim=1)

        written = in_token_batches(climb, start, start.shape[1], self.net_.device)
        different, places = torch.unique(written.flatten(0, 1), dim=0, return_inverse=True)
        architectures, tokens, legal = self._read_written(self._to_tokens(different))
        predicted = np.full(len(different), -np.inf)
        if legal.any():
            indices = self._to_known_indices(tokens[legal], self.vocabulary_)
            predicted[legal] = self._predict(module, indices)
        of_samples = places.reshape(written.shape[:2]).numpy()
        best = of_samples[np.arange(len(start)), predicted[of_samples].argmax(axis=1)]
        better = predicted[best] > self._predict(module, start)
        improved = self._as_written(X)
        improved[better] = architectures[best[better]]
        return improved

    def _fit(self, X: Any, y: ArrayLike) -> None:
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        tokens = self._read_tokens(X, reset=True)
        self._learn(tokens, self._check_targets(tokens, y))

    def _check_targets(self, tokens: Tokens, y: ArrayLike) -> Floats:
        return check_targets(self, tokens, y)

    def _read_tokens(self, X: Any, reset: bool) -> Tokens:
        """Write architectures as tokens, or check those that are given."""
        if self.space is None:
            return super()._read_tokens(X, reset)
        if not reset:
            return self._tokenizer.transform(X)
        self._tokenizer = ArchitectureTokenizer(
            self.space, sequence=self.sequence, canonicalize=self.canonicalize
        )
        return self._tokenizer.fit_transform(X)

    def _learn(self, tokens: Tokens, targets: Floats) -> None:
        """Train, and set what a fitted regressor has."""
        seed = self._draw_seed()
        module, indices = self._make_module(tokens, targets, seed)
        self._set_fitted(self._train(module, indices, targets, seed + 6))

    def _draw_seed(self) -> int:
        """Draw the first of the seeds: six of the module, and some of the training."""
        return int(check_random_state(self.random_state).randint(2**31 - 9))

    def _make_module(
        self, tokens: Tokens, targets: Floats, seed: int
    ) -> tuple[AccuracyAutoencoder, Tensor]:
        """Learn which tokens there are and the scale of the targets, and build the module."""
        self.vocabulary_ = np.unique(tokens)
        self.legal_tokens_ = legal_tokens(tokens, self.vocabulary_)
        self._scale = TargetScale(targets)
        module = AccuracyAutoencoder(
            n_tokens=len(self.vocabulary_) + 1,
            embedding_dim=int(self.embedding_dim),
            dropout=float(self.dropout),
            seed=seed,
        )
        return module, self._to_known_indices(tokens, self.vocabulary_)

    def _train(
        self, module: AccuracyAutoencoder, indices: Tensor, targets: Floats, seed: int
    ) -> skorch.NeuralNet:
        return train(
            module,
            AccuracyLoss(float(self.trade_off)),
            indices,
            indices,
            torch.from_numpy(self._scale.forward(targets)).float(),
            max_epochs=self.max_epochs,
            lr=self.lr,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            gradient_clip=self.gradient_clip,
            callbacks=None,
            device=check_device(self.device),
            verbose=int(self.verbose),
            seed=seed,
            description=type(self).__name__,
        )

    def _set_fitted(self, net: skorch.NeuralNet) -> None:
        net.module_.encoder.average_unknown()
        self.net_ = net

    def _evaluation_module(self) -> AccuracyAutoencoder:
        return evaluated(self.net_.module_)

    def _predict(self, module: AccuracyAutoencoder, indices: Tensor) -> Floats:
        """Predict with a module in evaluation mode."""

        def predict(batch: Tensor) -> Tensor:
            return module.accuracy_head(module.encoder(batch)[1])

        return self._scale.inverse(self._encode(module, indices, predict).double().numpy())

    @staticmethod
    def _encode(
        module: AccuracyAutoencoder, indices: Tensor, function: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Apply a function of the module once to each different sequence, and round."""
        different, places = torch.unique(indices, dim=0, return_inverse=True)
        device = next(module.parameters()).device
        return in_token_batches(function, different, indices.shape[1], device).float()[places]

    def _read_written(self, written: Tokens) -> tuple[NDArray[Any], Tokens, NDArray[np.bool_]]:
        """Return what token sequences say, the sequences to predict from, and which are legal."""
        if self.space is None:
            return written, written, np.ones(len(written), dtype=bool)
        try:
            texts = self._tokenizer.inverse_transform(written)
            return texts, self._tokenizer.transform(texts), np.ones(len(written), dtype=bool)
        except ArchitectureError:
            # That each token is legal where it stands does not make the whole an architecture.
            if len(written) == 1:
                return np.full(1, None), written, np.zeros(1, dtype=bool)
        halves = [self._read_written(half) for half in np.array_split(written, 2)]
        texts, tokens, legal = (np.concatenate(parts) for parts in zip(*halves, strict=True))
        return texts, tokens, legal

    def _as_written(self, X: Any) -> NDArray[Any]:
        """Return architectures in the form that `improve` returns."""
        if self.space is None:
            return self._read_tokens(X, reset=False)
        space = self._tokenizer.space_
        texts = [space.format(architecture) for architecture in space.decode(space.encode(X))]
        return np.array(texts, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.space is not None:
            tags.input_tags = get_tags(ArchitectureTokenizer()).input_tags
        # Numbers that are no tokens have an order, of which it knows nothing.
        elif tags.regressor_tags:
            tags.regressor_tags.poor_score = True
        return tags
