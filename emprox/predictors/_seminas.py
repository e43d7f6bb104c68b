"""Semi-supervised neural architecture search: NAO that labels further architectures itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..lstm._tokens import Tokens
from ._nao import NAORegressor
from ._targets import Floats

# How often an architecture of known accuracy counts beside those that the regressor has labelled.
_N_REPEATS = 10


@dataclass(eq=False, repr=False)
class SemiNASRegressor(NAORegressor):
    """Predict the accuracy of architectures, learning from unlabelled architectures as well.

    SemiNAS trains a `NAORegressor` on the architectures of known accuracy, lets it predict the
    accuracies of others, and goes on training it with both. The defaults are those of the EmProx
    paper.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    sequence : str, default="adjacency"
        Which of the space's token sequences to read; see `NAORegressor`.
    canonicalize : bool, default=False
        Whether to read canonical forms. The paper does not.
    embedding_dim : int, default=64
        Size of the embedding and of every layer.
    max_epochs : int, default=50
        Passes over the known architectures, and then again over the known and the unlabelled ones.
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
        Determines weights, dropout, the order of the samples and which architectures are drawn.

    Attributes
    ----------
    transduction_ : ndarray of shape (n_samples,)
        The accuracies that were trained with, in the unit of y: the known ones, and the
        regressor's own labels of the others.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    vocabulary_ : ndarray of shape (n_tokens,)
        The tokens that occurred in training, sorted. Others count as the average of these.
    legal_tokens_ : ndarray of shape (length, n_tokens)
        Which tokens occurred at which position; only these are ever written there.

    Notes
    -----
    The unlabelled architectures are all those whose y is NaN. If there are none, as many as are
    known are drawn from the space at random, which is what the paper does. Each architecture of
    known accuracy counts ten times beside those that the regressor has labelled itself.

    References
    ----------
    Renqian Luo, Xu Tan, Rui Wang, Tao Qin, Enhong Chen and Tie-Yan Liu. Semi-Supervised Neural
    Architecture Search. NeurIPS 2020. Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import SemiNASRegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> y = np.where(np.arange(len(y)) < 20, y, np.nan)  # 20 are known
    >>> model = SemiNASRegressor(
    ...     "nasbench201", sequence="operations", max_epochs=5, random_state=0
    ... )
    >>> model.fit(X[:60], y[:60]).predict(X[60:63]).shape
    (3,)
    >>> bool((model.transduction_[:20] == y[:20]).all())
    True
    """

    _allow_nan = True

    def _learn(self, rows: Tokens, targets: Floats) -> None:
        seed, is_known = self._draw_seed(9), ~np.isnan(targets)
        known, known_targets, others = rows[is_known], targets[is_known], rows[~is_known]
        if not len(others):
            others = self._draw_others(known, seed + 8)
        module = self._make_module(np.concatenate([known, others]), seed)
        known_indices, other_indices = self._to_indices(known), self._to_indices(others)
        net = self._train_net(module, known_indices, known_targets, seed + 6)
        labels = np.empty(0)
        if len(others):
            predicted = self._predict_indices(net, other_indices)
            labels = self._scale.inverse(predicted.astype(np.float64))
            net = self._train_net(
                net.module_,
                torch.cat([known_indices.repeat(_N_REPEATS, 1), other_indices]),
                np.concatenate([np.tile(known_targets, _N_REPEATS), labels]),
                seed + 7,
            )
        self.transduction_ = targets.copy()
        self.transduction_[~is_known] = labels[: len(targets) - len(known)]
        self.net_ = net

    def _draw_others(self, known: Tokens, seed: int) -> Tokens:
        """Draw as many other architectures from the space as are known."""
        space = self._tokenizer.space_
        n_drawn = min(space.size, 2 * len(known))
        drawn = self._tokenizer.transform(space.sample(n_drawn, seed))
        is_known = (drawn[:, None] == known).all(axis=2).any(axis=1)
        return drawn[~is_known][: len(known)]
