"""The neural predictor of Wen et al.: graph convolutions over the operations of an architecture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR

from ..encodings._base import operation_graphs, prefix_of
from ..graphs import Graphs
from ..lstm._modules import SeededDropout
from ..lstm._net import evaluate
from ..spaces import SearchSpace, get_space
from ..spaces._transformer import read_extended
from ..utils._sklearn import Interval, StrOptions
from ._base import NetRegressor, draw_glorot_weights, once_each
from ._targets import Floats

Ints = NDArray[np.int64]

LOSSES: dict[str, type[nn.Module]] = {
    "absolute_error": nn.L1Loss,
    "squared_error": nn.MSELoss,
}
# Size of the hidden layer between the mean of the nodes and the prediction.
HEAD_SIZE = 128
# So many nodes go through the net at once: enough for speed, little enough for any memory.
_NODES_AT_ONCE = 2**13


class DirectedConvolution(nn.Module):
    """Let every node of a directed graph hear of what it reads, and of what reads it."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.along = nn.Linear(n_inputs, n_outputs, bias=False)
        self.against = nn.Linear(n_inputs, n_outputs, bias=False)

    def forward(self, nodes: Tensor, along: Tensor, against: Tensor) -> Tensor:
        """Describe the nodes anew, by the weights of those that each hears of."""
        heard = functional.relu(self.along(along @ nodes))
        return 0.5 * (heard + functional.relu(self.against(against @ nodes)))


class GraphPredictor(nn.Module):
    """Directed graph convolutions, the mean over the nodes, and two layers to predict from it.

    Takes `n_layers` + 2 seeds that follow each other.
    """

    def __init__(
        self, n_labels: int, n_layers: int, hidden_size: int, dropout: float, seed: int
    ) -> None:
        super().__init__()
        self.n_labels = n_labels
        sizes = [n_labels] + [hidden_size] * n_layers
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
        """Predict accuracies from graphs (n_graphs, n_nodes, n_nodes + 2).

        In the last two columns of a node its label, from 1, or 0 for a label that is not known, and
        whether the node is there at all; before them 1 where another node reads it.
        """
        read, labels, present = graphs[..., :-2], graphs[..., -2], graphs[..., -1]
        weight = self.output.weight
        own = torch.eye(read.shape[-1], dtype=weight.dtype, device=weight.device)
        read = read.to(weight.dtype)
        along = functional.normalize(read.transpose(-1, -2) + own, p=1, dim=-1)
        against = functional.normalize(read + own, p=1, dim=-1)
        # What is not known is like the average of what is.
        average = weight.new_full((1, self.n_labels), 1 / self.n_labels)
        known = torch.eye(self.n_labels, dtype=weight.dtype, device=weight.device)
        nodes = torch.cat([average, known])[labels.long()]
        for convolution, dropout in zip(self.convolutions, self.dropouts, strict=True):
            nodes = dropout(convolution(nodes, along, against))
        present = present.to(weight.dtype)
        mean = torch.einsum("gnd,gn->gd", nodes, present) / present.sum(dim=1, keepdim=True)
        hidden = functional.relu(self.hidden(mean))
        return self.output(self.last_dropout(hidden)).squeeze(-1)


@dataclass(eq=False, repr=False)
class GCNRegressor(NetRegressor):
    """Predict the accuracy of architectures with directed graph convolutions.

    The neural predictor of Wen et al. An architecture is a graph whose nodes are its operations,
    its inputs and its output. Every node starts as its label, one-hot, and each convolution mixes
    into it what it reads and what reads it:

        V <- 1/2 ReLU(A V W) + 1/2 ReLU(A' V W'),

    where A averages over a node and those that it reads, and A' over a node and those that read
    it. The mean over the nodes goes through a hidden layer of 128 to the prediction.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
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
    learning_rate : float, default=3e-3
        Learning rate of Adam in the beginning; it falls to zero along a cosine.
    weight_decay : float, default=3e-4
        Weight decay of Adam.
    batch_size : int, default=16
        Architectures in a batch.
    canonicalize : bool, default=True
        Whether to look at canonical forms, without what is on no path from an input to the
        output. The paper does not.
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
    labels_ : ndarray of shape (n_labels,)
        The labels of nodes that occurred in training: names of operations, inputs and
        output. Others count as the average of these.

    Notes
    -----
    An operation that hands no signal on, such as "none", is no node. Operations on the edges of a
    cell become nodes, which read those on the edges that lead to theirs. An architecture of
    several cells is one graph of several parts that are not joined, with labels of their own.

    References
    ----------
    Wei Wen, Hanxiao Liu, Yiran Chen, Hai Li, Gabriel Bender and Pieter-Jan Kindermans. Neural
    Predictor for Neural Architecture Search. ECCV 2020. Section 3. Numbers of the layers are those
    of White et al. How Powerful are Performance Predictors in Neural Architecture Search? 2021.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> from emprox.predictors import GCNRegressor
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> model = GCNRegressor("nasbench201", max_epochs=5, random_state=0)
    >>> model.fit(X[:20], y[:20]).predict(X[20:23]).shape
    (3,)
    """

    space: str | SearchSpace
    _: KW_ONLY
    n_layers: int = 4
    hidden_size: int = 144
    dropout: float = 0.05
    loss: str = "absolute_error"
    max_epochs: int = 100
    learning_rate: float = 3e-3
    weight_decay: float = 3e-4
    batch_size: int = 16
    canonicalize: bool = True
    device: str | torch.device = "cpu"
    verbose: int = 0
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetRegressor._parameter_constraints,
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "loss": [StrOptions(set(LOSSES))],
    }

    def _read(self, X: Any, reset: bool) -> Ints:
        if reset:
            self._space = get_space(self.space).learn(X)
        return self._canonical(self._space, self._space.encode(X, at_least=1))

    def _canonical(self, space: SearchSpace, decisions: Ints) -> Ints:
        return space.canonicalize(decisions) if self.canonicalize else decisions

    def _learn(self, rows: Ints, targets: Floats) -> None:
        nodes = self._nodes(self._space, rows)
        self.labels_ = nodes.labels[np.unique(nodes.codes[nodes.present])]
        self._n_nodes = nodes.codes.shape[1]
        seed, n_labels = self._draw_seed(self.n_layers + 2), len(self.labels_)
        module = GraphPredictor(
            n_labels, int(self.n_layers), int(self.hidden_size), float(self.dropout), seed
        )
        schedule = LRScheduler(CosineAnnealingLR, T_max=int(self.max_epochs))
        self.net_ = self._train(
            module,
            LOSSES[self.loss](),
            nodes.to_tensor(self.labels_),
            self._standardize(targets),
            seed=seed,
            callbacks=[("learning_rate", schedule)],
        )

    def _predict_standardized(self, X: Any) -> Floats:
        check_is_fitted(self, "net_")
        # Operations that the learned space lacks are unknown labels.
        space, decisions = read_extended(self._space, X)
        unknown: set[str] = set()

        def predict(module: GraphPredictor, batch: Tensor) -> Tensor:
            nodes = self._nodes(space, batch.cpu().numpy())
            present = nodes.labels[np.unique(nodes.codes[nodes.present])]
            unknown.update(set(present) - set(self.labels_))
            return module(nodes.to_tensor(self.labels_).to(batch.device)).float()

        n_rows = max(1, _NODES_AT_ONCE // self._n_nodes)
        predicted = once_each(
            lambda rows: evaluate(self.net_, predict, torch.from_numpy(rows), n_rows).numpy(),
            self._canonical(space, decisions),
        )
        if unknown:
            warnings.warn(
                f"X holds operations that did not occur in fit ({', '.join(sorted(unknown)[:5])}),"
                " which count as the average of those that did",
                stacklevel=3,
            )
        return predicted

    def _nodes(self, space: SearchSpace, decisions: Ints) -> Nodes:
        graphs = operation_graphs(space, decisions)
        return Nodes([part.live() for part in graphs] if self.canonicalize else graphs)


class Nodes:
    """Nodes of many graphs, all kinds of cells beside each other.

    `codes` (n_graphs, n_nodes) says what each node is, an index into `labels`, `present` which
    nodes are there, and `reads` (n_graphs, n_nodes, n_nodes) is True at [i, u, v] where v reads u.
    """

    def __init__(self, kinds: Sequence[Graphs]) -> None:
        parts = [graphs.without_wires() for graphs in kinds]
        sizes = [operations.shape[1] for operations, _ in parts]
        self.codes = np.empty((kinds[0].n_graphs, sum(sizes)), dtype=np.int64)
        self.present = np.empty(self.codes.shape, dtype=bool)
        self.reads = np.zeros((*self.codes.shape, sum(sizes)), dtype=bool)
        labels: list[str] = []
        start = 0
        for graphs, (operations, reads) in zip(kinds, parts, strict=True):
            part = slice(start, start + operations.shape[1])
            codes, names = _label(graphs, operations)
            self.codes[:, part] = codes + len(labels)
            labels += names
            self.reads[:, part, part] = reads
            joined = reads.any(axis=1) | reads.any(axis=2) | (operations >= 0)
            # Inputs and output are there even if nothing reads or writes them.
            joined[:, : graphs.n_inputs] = joined[:, -1] = True
            self.present[:, part] = joined
            start = part.stop
        self.labels = np.array(labels, dtype=object)

    def to_tensor(self, known: NDArray[Any]) -> Tensor:
        """Write the graphs as `GraphPredictor` reads them, by the places of known labels."""
        numbers = {label: place for place, label in enumerate(known, start=1)}
        places = np.array([numbers.get(label, 0) for label in self.labels])[self.codes]
        columns = np.stack([places, self.present], axis=2).astype(np.int32)
        return torch.from_numpy(np.concatenate([self.reads, columns], axis=2, dtype=np.int32))


def _label(graphs: Graphs, operations: NDArray[np.integer[Any]]) -> tuple[Ints, list[str]]:
    """Return a number for what each node of a kind of cell is, and the names of the numbers."""
    inputs = graphs.inputs if graphs.n_inputs > 1 else ("",)
    labels = [*(f"input {name}".rstrip() for name in inputs), "output", "no operation"]
    codes = np.where(operations < 0, len(labels) - 1, operations + len(labels))
    codes[:, : graphs.n_inputs] = np.arange(graphs.n_inputs)
    codes[:, -1] = graphs.n_inputs
    return codes, [prefix_of(graphs) + label for label in (*labels, *graphs.names)]
