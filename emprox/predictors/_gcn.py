"""The neural predictor of Wen et al.: graph convolutions over the operations of an architecture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional

from .._modules import SeededDropout
from .._net import TokenSequenceEstimator, check_device, evaluated, in_token_batches
from .._tokenizer import ArchitectureTokenizer
from ..encodings._operation_graphs import NOTHING, OperationGraphs, live, operation_graphs
from ..spaces import SearchSpace, get_space
from ..spaces._nonempty import encode_some
from ..utils._sklearn import Interval, StrOptions, fit_context
from ._targets import TargetScale, check_targets
from ._training import LOSSES, draw_glorot_weights, train_to_zero

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Size of the hidden layer between the mean of the nodes and the prediction.
HEAD_SIZE = 128
# So many pairs of nodes are written into graphs at once: little enough for any memory.
_PAIRS_AT_ONCE = 2**22


class DirectedConvolution(nn.Module):
    """Let every node of a directed graph hear of what it reads, and of what reads it.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers that describe a node, before and after.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.along = nn.Linear(n_inputs, n_outputs, bias=False)
        self.against = nn.Linear(n_inputs, n_outputs, bias=False)

    def forward(self, nodes: Tensor, along: Tensor, against: Tensor) -> Tensor:
        """Describe the nodes anew.

        Parameters
        ----------
        nodes : Tensor of shape (n_graphs, n_nodes, n_inputs)
            Descriptions of the nodes.
        along, against : Tensor of shape (n_graphs, n_nodes, n_nodes) or (n_nodes, n_nodes)
            Weights of the nodes that each node hears of, in either direction.

        Returns
        -------
        Tensor of shape (n_graphs, n_nodes, n_outputs)
            Descriptions of the nodes.
        """
        heard = functional.relu(self.along(along @ nodes))
        return 0.5 * (heard + functional.relu(self.against(against @ nodes)))


class GraphPredictor(nn.Module):
    """Directed graph convolutions, the mean over the nodes, and two layers to predict from it.

    Parameters
    ----------
    n_labels : int
        Number of different labels of nodes.
    n_layers : int
        Number of convolutions.
    hidden_size : int
        Numbers that describe a node.
    dropout : float
        Dropout after every layer.
    seed : int
        Seed of the weights and the dropout: this and the `n_layers` + 1 numbers that follow.
    n_positions : int, default=0
        Length of the chains, whose nodes are described by where they stand as well; 0 for graphs.
    """

    def __init__(
        self,
        n_labels: int,
        n_layers: int,
        hidden_size: int,
        dropout: float,
        seed: int,
        n_positions: int = 0,
    ) -> None:
        super().__init__()
        self.n_labels = n_labels
        sizes = [n_labels + n_positions] + [hidden_size] * n_layers
        # On the meta device no weight is drawn, so that the global generator is left alone.
        with torch.device("meta"):
            self.convolutions = nn.ModuleList(map(DirectedConvolution, sizes, sizes[1:]))
            self.dropouts = nn.ModuleList(
                SeededDropout(dropout, seed + number) for number in range(1, n_layers + 1)
            )
            self.hidden = nn.Linear(hidden_size, HEAD_SIZE)
            self.last_dropout = SeededDropout(dropout, seed + n_layers + 1)
            self.output = nn.Linear(HEAD_SIZE, 1)
        draw_glorot_weights(self, seed)

    def forward(self, graphs: Tensor) -> Tensor:
        """Predict accuracies.

        Parameters
        ----------
        graphs : Tensor of shape (n_graphs, n_nodes, n_nodes + 2) or (n_graphs, n_positions)
            In the last two columns of a node its label, from 1, or 0 for a label that is not
            known, and whether the node is there at all; before them 1 where another node reads
            it. In two dimensions nothing but labels: of chains, in which every node reads the one
            before.

        Returns
        -------
        Tensor of shape (n_graphs,)
            Standardised accuracies.
        """
        if graphs.ndim == 2:
            labels, present = graphs, torch.ones_like(graphs)
            read = torch.diag(graphs.new_ones(graphs.shape[1] - 1), 1)
        else:
            read, labels, present = graphs[..., :-2], graphs[..., -2], graphs[..., -1]
        weight = self.output.weight
        own = torch.eye(read.shape[-1], dtype=weight.dtype, device=weight.device)
        read = read.to(weight.dtype)
        along = _average(read.transpose(-1, -2) + own)
        against = _average(read + own)
        # What is not known is like the average of what is.
        average = weight.new_full((1, self.n_labels), 1 / self.n_labels)
        known = torch.eye(self.n_labels, dtype=weight.dtype, device=weight.device)
        nodes = torch.cat([average, known])[labels.long()]
        if graphs.ndim == 2:
            nodes = torch.cat([nodes, own.expand(len(nodes), -1, -1)], dim=2)
        for convolution, dropout in zip(self.convolutions, self.dropouts, strict=True):
            nodes = dropout(convolution(nodes, along, against))
        pooled = self.hidden(_mean(nodes, present.to(weight.dtype)))
        return self.output(self.last_dropout(functional.relu(pooled))).squeeze(-1)


class GCNRegressor(RegressorMixin, TokenSequenceEstimator):
    """Predict the accuracy of architectures with directed graph convolutions.

    The neural predictor of Wen et al. An architecture is a graph whose nodes are its operations,
    its inputs and its output. Every node starts as its label, one-hot, and each convolution mixes
    into it what it reads and what reads it:

        V <- 1/2 ReLU(A V W) + 1/2 ReLU(A' V W'),

    where A averages over a node and those that it reads, and A' over a node and those that read
    it. The mean over the nodes goes through a hidden layer of 128 to the prediction.

    Parameters
    ----------
    space : str or SearchSpace, default=None
        The search space; X then holds architectures, for example texts. With None X is a matrix
        of tokens, and a row is a chain: every position is a node that reads the one before, and
        starts as its token beside its position, one-hot.
    n_layers : int, default=4
        Number of graph convolutions.
    hidden_size : int, default=144
        Numbers that describe a node.
    dropout : float, default=0.05
        Dropout after every layer, in training.
    loss : {"absolute_error", "squared_error"}, default="absolute_error"
        What training minimises, on standardised accuracies. The paper's is ``"squared_error"``,
        which lets the few architectures that fail altogether decide most.
    max_epochs : int, default=100
        Passes over the training data.
    lr : float, default=3e-3
        Learning rate of Adam in the beginning; it falls to zero along a cosine.
    weight_decay : float, default=3e-4
        Weight decay of Adam.
    batch_size : int, default=16
        Architectures in a batch.
    canonicalize : bool, default=True
        Whether to look at canonical forms, without what is on no path from an input to the
        output. The paper does not. No effect without a `space`.
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
    labels_ : ndarray of shape (n_labels,)
        The labels of nodes that occurred in training: names of operations, inputs and output, or
        tokens. Others count as the average of these.
    n_features_in_ : int
        Length of the token sequences; only without a `space`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had any; only without a `space`.

    See Also
    --------
    BANANASRegressor : Feed-forward networks on the paths of an architecture.
    emprox.EmProxRegressor : Neighbours in an embedding.

    Notes
    -----
    An operation that hands no signal on, such as "none", is no node. Operations on the edges of a
    cell become nodes, which read those on the edges that lead to theirs. An architecture of
    several cells is one graph of several parts that are not joined, with labels of their own.

    Trained in single precision, evaluated in double and rounded back, so that a prediction does not
    depend on what else is predicted with it.

    References
    ----------
    Wei Wen, Hanxiao Liu, Yiran Chen, Hai Li, Gabriel Bender and Pieter-Jan Kindermans. Neural
    Predictor for Neural Architecture Search. ECCV 2020. Section 3. Number and size of the
    layers follow Colin White, Arber Zela, Binxin Ru, Yang Liu and Frank Hutter. How Powerful are
    Performance Predictors in Neural Architecture Search? NeurIPS 2021.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import GCNRegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = GCNRegressor(space="nasbench201", max_epochs=5, random_state=0)
    >>> model.fit(X[:20], y[:20]).predict(X[20:23]).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [str, SearchSpace, None],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "loss": [StrOptions(set(LOSSES))],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "canonicalize": ["boolean"],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Fitted.
    _space: SearchSpace
    _codes: Ints
    _n_nodes: int
    _scale: TargetScale

    def __init__(
        self,
        *,
        space: str | SearchSpace | None = None,
        n_layers: int = 4,
        hidden_size: int = 144,
        dropout: float = 0.05,
        loss: str = "absolute_error",
        max_epochs: int = 100,
        lr: float = 3e-3,
        weight_decay: float = 3e-4,
        batch_size: int = 16,
        canonicalize: bool = True,
        device: str | torch.device = "cpu",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.n_layers = n_layers
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.loss = loss
        self.max_epochs = max_epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.canonicalize = canonicalize
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike) -> GCNRegressor:
        """Train on architectures of known accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Known architectures: a token matrix, or with a `space` anything that it reads.
        y : array-like of shape (n_samples,)
            Their accuracies, in percent or any other unit.

        Returns
        -------
        GCNRegressor
            The regressor itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite, a parameter is out of its
            range, or the device does not exist.
        """
        # What an interrupt leaves behind has to count as not fitted.
        self.__dict__.pop("net_", None)
        rows = self._read(X, reset=True)
        targets = check_targets(self, rows, y)
        device = check_device(self.device)
        nodes = _Nodes.chains(rows) if self.space is None else self._nodes(rows)
        codes = np.unique(nodes.codes[nodes.present])
        scale = TargetScale(targets)
        seed = int(check_random_state(self.random_state).randint(2**31 - self.n_layers - 2))
        module = GraphPredictor(
            len(codes),
            int(self.n_layers),
            int(self.hidden_size),
            float(self.dropout),
            seed,
            n_positions=rows.shape[1] if self.space is None else 0,
        )
        net = train_to_zero(
            module,
            LOSSES[self.loss](),
            nodes.to_tensor(codes),
            torch.from_numpy(scale.forward(targets)).float(),
            max_epochs=int(self.max_epochs),
            lr=self.lr,
            batch_size=int(self.batch_size),
            weight_decay=self.weight_decay,
            device=device,
            verbose=int(self.verbose),
            seed=seed,
            description=type(self).__name__,
        )
        self.labels_ = nodes.names(codes)
        self._codes, self._n_nodes = codes, nodes.codes.shape[1]
        self._scale, self.net_ = scale, net
        return self

    def predict(self, X: Any) -> Floats:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Architectures.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted accuracies, in the unit of y.
        """
        check_is_fitted(self, "net_")
        # Canonical forms repeat: each is looked at once.
        rows, places = np.unique(self._read(X, reset=False), axis=0, return_inverse=True)
        module, device = evaluated(self.net_.module_), self.net_.device

        def predict(batch: Tensor) -> Tensor:
            return module(batch).float()

        parts: list[NDArray[np.float32]] = []
        unknown: set[Any] = set()
        n_rows = max(1, _PAIRS_AT_ONCE // self._n_nodes**2)
        for start in range(0, len(rows), n_rows):
            part = rows[start : start + n_rows]
            nodes = _Nodes.chains(part) if self.space is None else self._nodes(part)
            unknown.update(nodes.names(np.setdiff1d(nodes.codes[nodes.present], self._codes)))
            graphs = nodes.to_tensor(self._codes)
            parts.append(in_token_batches(predict, graphs, graphs.shape[1], device).numpy())
        if unknown:
            first = ", ".join(map(str, sorted(unknown)[:5]))
            warnings.warn(
                f"X holds {'tokens' if self.space is None else 'operations'} that did not occur in"
                f" fit ({first}{', …' if len(unknown) > 5 else ''}); they count as the average of"
                " those that did",
                stacklevel=2,
            )
        standardized = np.concatenate(parts)[places.ravel()].astype(np.float64)
        return self._scale.inverse(standardized)

    def _read(self, X: Any, reset: bool) -> Ints:
        """Return tokens, or the decisions that the graphs are made of."""
        if self.space is None:
            return self._read_tokens(X, reset)
        if reset:
            self._space = get_space(self.space).learn(X)
        decisions = encode_some(self._space, X)
        return self._space.canonicalize(decisions) if self.canonicalize else decisions

    def _nodes(self, decisions: Ints) -> _Nodes:
        graphs = operation_graphs(self._space, decisions)
        return _Nodes.of([live(part) for part in graphs] if self.canonicalize else graphs)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self.space is not None:
            tags.input_tags = get_tags(ArchitectureTokenizer()).input_tags
        return tags


class _Nodes:
    """Nodes of many graphs.

    Parameters
    ----------
    codes : ndarray of shape (n_graphs, n_nodes)
        What each node is, as a number.
    present : ndarray of shape (n_graphs, n_nodes)
        Which nodes are there.
    reads : ndarray of shape (n_graphs, n_nodes, n_nodes) or None
        True at [i, u, v] where node v reads u; None if every node reads the one before.
    labels : sequence of str or None
        Name of each code; None if they are their own names.
    """

    def __init__(
        self,
        codes: Ints,
        present: NDArray[np.bool_],
        reads: NDArray[np.bool_] | None,
        labels: Sequence[str] | None,
    ) -> None:
        self.codes = codes
        self.present = present
        self.reads = reads
        self.labels = labels

    @classmethod
    def chains(cls, tokens: Ints) -> _Nodes:
        """Make a chain of every row of tokens."""
        return cls(tokens, np.ones(tokens.shape, dtype=bool), None, None)

    @classmethod
    def of(cls, kinds: Sequence[OperationGraphs]) -> _Nodes:
        """Put the graphs of all kinds of cells beside each other."""
        n_nodes = sum(graphs.operations.shape[1] for graphs in kinds)
        n_graphs = len(kinds[0].operations)
        codes = np.empty((n_graphs, n_nodes), dtype=np.int64)
        present = np.empty((n_graphs, n_nodes), dtype=bool)
        reads = np.zeros((n_graphs, n_nodes, n_nodes), dtype=bool)
        labels: list[str] = []
        start = 0
        for graphs in kinds:
            part = slice(start, start + graphs.operations.shape[1])
            codes[:, part], names = _label(graphs)
            codes[:, part] += len(labels)
            labels += names
            reads[:, part, part] = graphs.reads
            joined = graphs.reads.any(axis=1) | graphs.reads.any(axis=2)
            joined |= graphs.operations != NOTHING
            # Inputs and output are there even if nothing reads or writes them.
            joined[:, : graphs.n_inputs] = joined[:, -1] = True
            present[:, part] = joined
            start = part.stop
        return cls(codes, present, reads, labels)

    def names(self, codes: Ints) -> NDArray[Any]:
        """Name some codes."""
        return codes if self.labels is None else np.array(self.labels, dtype=object)[codes]

    def to_tensor(self, known: Ints) -> Tensor:
        """Write the graphs as `GraphPredictor` reads them, with the known codes as labels."""
        places = np.searchsorted(known, self.codes).clip(max=len(known) - 1)
        labels = np.where(known[places] == self.codes, places + 1, 0)
        if self.reads is None:
            return torch.from_numpy(labels)
        columns = np.stack([labels, self.present], axis=2).astype(np.int32)
        return torch.from_numpy(np.concatenate([self.reads, columns], axis=2, dtype=np.int32))


def _label(graphs: OperationGraphs) -> tuple[Ints, list[str]]:
    """Return a number for what each node of a kind of cell is, and the names of the numbers."""
    ends = [f"input {name}".rstrip() for name in graphs.inputs]
    labels = [*ends, "output", "no operation", *graphs.names]
    # NOTHING is -1, and "no operation" one before the first operation.
    codes = graphs.operations + len(labels) - len(graphs.names)
    codes[:, : graphs.n_inputs] = np.arange(graphs.n_inputs)
    codes[:, -1] = graphs.n_inputs
    return codes, [graphs.prefix + label for label in labels]


def _average(weights: Tensor) -> Tensor:
    """Divide the weights of each node by their sum."""
    return weights / weights.sum(dim=-1, keepdim=True)


def _mean(nodes: Tensor, present: Tensor) -> Tensor:
    """Average over the nodes that are there."""
    return torch.einsum("gnd,gn->gd", nodes, present) / present.sum(dim=1, keepdim=True)
