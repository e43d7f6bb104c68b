"""Neural architecture optimization: an encoder-decoder that predicts accuracies, and improves."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import skorch
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..lstm import ArchitectureTokenizer
from ..lstm._tokens import TokenNetEstimator, Tokens
from ..spaces import ArchitectureError, SearchSpace
from ..utils._sklearn import Interval
from ._accuracy_autoencoder import AccuracyAutoencoder, AccuracyLoss
from ._base import NetRegressor, read_by
from ._targets import Floats


@dataclass(eq=False, repr=False)
class NAORegressor(NetRegressor, TokenNetEstimator):
    """Predict the accuracy of architectures from an embedding that it is trained for, and improve.

    Neural architecture optimization (NAO): an LSTM encoder-decoder like that of
    `ArchitectureEmbedder` learns to reconstruct token sequences while a small network learns to
    predict the accuracy from the embedding. `improve` moves what the encoder puts out towards
    higher accuracies and decodes it again. The defaults are those of the EmProx paper.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    sequence : str, default="adjacency"
        Which of the space's token sequences to read; None takes the space's default. A sequence
        that holds only what varies, such as ``"operations"``, takes less time and predicts better.
    canonicalize : bool, default=False
        Whether to read canonical forms. The paper does not; predictions are better with them.
    embedding_dim : int, default=64
        Size of the embedding and of every layer.
    max_epochs : int, default=50
        Passes over the training data. For `improve` some hundred are better.
    learning_rate : float, default=1e-3
        Learning rate of Adam.
    batch_size : int, default=100
        Architectures in a batch.
    dropout : float, default=0.1
        Dropout after the token embeddings and in the accuracy predictor, in training.
    weight_decay : float, default=1e-4
        Weight decay of Adam.
    device : str or torch.device, default="cpu"
        Where to train and predict, for example ``"cuda"``.
    verbose : int, default=0
        0 is silent, 1 prints a line for each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines weights, dropout and the order of the samples.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens that occurred in training, sorted. Others count as the average of these.
    legal_tokens_ : ndarray of shape (length, n_tokens)
        Which tokens occurred at which position; only these are ever written there.

    See Also
    --------
    SemiNASRegressor : Learns from architectures of unknown accuracy as well.
    emprox.ArchitectureEmbedder : The encoder-decoder without accuracies.

    Notes
    -----
    Accuracies are standardised for the loss, which is 0.8 times their mean squared error
    plus 0.2 times the mean negative log-likelihood of the tokens. The accuracy
    predictor is a layer down to 16 numbers and one up again, each with ReLU and dropout, whose
    input is added to their output, and a linear layer.

    References
    ----------
    Renqian Luo, Fei Tian, Tao Qin, Enhong Chen and Tie-Yan Liu. Neural Architecture Optimization.
    NeurIPS 2018. Section 3.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import NAORegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = NAORegressor(
    ...     "nasbench201", sequence="operations", canonicalize=True, random_state=0
    ... )
    >>> model.fit(X[:121], y[:121]).predict(X[121:124]).shape
    (3,)
    >>> better = model.improve(X[121:124])
    >>> bool((model.predict(better) >= model.predict(X[121:124])).all())
    True
    """

    space: str | SearchSpace
    _: KW_ONLY
    sequence: str | None = "adjacency"
    canonicalize: bool = False
    embedding_dim: int = 64
    max_epochs: int = 50
    learning_rate: float = 1e-3
    batch_size: int = 100
    dropout: float = 0.1
    weight_decay: float = 1e-4
    device: str | torch.device = "cpu"
    verbose: int = 0
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetRegressor._parameter_constraints,
        "sequence": [str, None],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def improve(self, X: Any, *, n_steps: int = 10) -> NDArray[Any]:
        """Change architectures such that higher accuracies are predicted for them.

        The outputs of the encoder, of length 1, are moved by 1 along the gradient of the predicted
        accuracy and normalised again, step by step. After each step an architecture is decoded from
        them. Of the architectures on the way, the one with the highest prediction is returned, or
        the one that it started from if none is predicted to be better.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures to start from, as in `fit`.
        n_steps : int, default=10
            Number of steps, at least 1.

        Returns
        -------
        ndarray of shape (n_samples,), dtype object
            Architectures in the text form of the space.

        Notes
        -----
        Luo et al. decode after one step, whose size they raise until another architecture comes
        out, and do not ask what is predicted for that one.
        """
        check_is_fitted(self, "net_")
        start, illegal = self._to_indices(self._read(X, reset=False)), self._illegal()

        def climb(module: AccuracyAutoencoder, batch: Tensor) -> Tensor:
            outputs, _ = module.encoder(batch)
            written = []
            for _ in range(n_steps):
                outputs, embedding = module.ascend(outputs)
                written.append(module.decode(embedding, outputs, illegal))
            return torch.stack(written, dim=1)

        written = self._evaluate(self.net_, climb, start)
        different, places = torch.unique(written.flatten(0, 1), dim=0, return_inverse=True)
        architectures, tokens, legal = self._read_written(self._to_tokens(different))
        predicted = np.full(len(different), -np.inf)
        if legal.any():
            predicted[legal] = self._predict_indices(self.net_, self._to_indices(tokens[legal]))
        of_samples = places.reshape(written.shape[:2]).numpy()
        best = of_samples[np.arange(len(start)), predicted[of_samples].argmax(axis=1)]
        better = predicted[best] > self._predict_indices(self.net_, start)
        space = self._tokenizer.space_
        improved = np.array(space.format(space.encode(X)), dtype=object)
        if self._scale.unit == 0:
            return improved
        improved[better] = architectures[best[better]]
        return improved

    def _read(self, X: Any, reset: bool) -> Tokens:
        if reset:
            self._tokenizer = ArchitectureTokenizer(
                self.space, sequence=self.sequence, canonicalize=self.canonicalize
            )
        return read_by(self._tokenizer, X, reset)

    def _learn(self, rows: Tokens, targets: Floats) -> None:
        seed = self._draw_seed(9)
        module = self._make_module(rows, seed)
        self.net_ = self._train_net(module, self._to_indices(rows), targets, seed + 6)

    def _make_module(self, tokens: Tokens, seed: int) -> AccuracyAutoencoder:
        """Learn which tokens there are, and build the module."""
        self._learn_vocabulary(tokens)
        return AccuracyAutoencoder(
            n_tokens=len(self.vocabulary_) + 1,
            embedding_dim=int(self.embedding_dim),
            dropout=float(self.dropout),
            seed=seed,
        )

    def _train_net(
        self, module: AccuracyAutoencoder, indices: Tensor, targets: Floats, seed: int
    ) -> skorch.NeuralNet:
        accuracies, criterion = self._standardize(targets), AccuracyLoss()
        return self._train(module, criterion, indices, indices, accuracies, seed=seed)

    def _predict_standardized(self, X: Any) -> Floats:
        return self._predict_each(
            lambda rows: self._predict_indices(self.net_, self._to_indices(rows)), X
        )

    def _predict_indices(self, net: skorch.NeuralNet, indices: Tensor) -> NDArray[np.float32]:
        """Predict standardised accuracies, the same ones whatever else is predicted."""
        return self._evaluate(net, AccuracyAutoencoder.describe, indices).float().numpy()

    def _read_written(self, written: Tokens) -> tuple[NDArray[Any], Tokens, NDArray[np.bool_]]:
        """Return what token sequences say, the sequences to predict from, and which are legal."""
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
