"""Other tasks' accuracies beside structural properties, as a scikit-learn transformer."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags, check_consistent_length, check_random_state

from ..properties._of_space import properties_of
from ..spaces import SearchSpace
from ..spaces._sequences import IntArray
from ..spaces._transformer import ArchitectureTransformer
from ..utils._sklearn import Interval
from ..utils._targets import check_targets
from ..utils._threads import one_blas_thread
from ._evidence import side_shares
from ._kernels import Floats
from ._machine import SharedKernelRidge
from ._tasks import keys, read_tasks
from ._transform import TargetTransform

# Prior odds that a side column tells something about the target, if its task is fully determined
# by structure; and the least part of them that is left if it is not.
_ODDS = 0.35
_LEAST_PART = 0.05
# How much side columns count is found out from at most so many known architectures.
_MAX_KNOWN = 200


class SideInformation(ArchitectureTransformer):
    """Describe architectures by their structure and by accuracies on other tasks.

    Accuracies on other data sets, or with other training schedules or measures, say something
    about how good architectures are on a new task, of which few accuracies are known. For each such
    side task there are two columns beside the standardised structural properties: what a kernel
    ridge regression predicts from structure, and the accuracy itself where it is known (the
    prediction where not). How much each counts is learned from the known accuracies of the target.
    Takes the place of `StructuralProperties` in front of a `ProximityMetric`.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    tasks : mapping of str to (architectures, accuracies), or one such pair, default=None
        What is known; needed in `fit`. Either one pair for each task: any number of architectures,
        in any form that the space reads, and their accuracies, of shape (n_known,). Or one pair for
        all tasks, with accuracies of shape (n_known, n_tasks) and NaN for what is not known; the
        columns of a data frame give names. Any unit will do; negate what gets lower as
        architectures get better. Those of equal canonical form are one.
    n_reference : int, default=500
        The kernel ridge regression of a task learns from at most so many of its architectures,
        drawn at random.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.

    Attributes
    ----------
    task_names_ : list of str
        Names of the tasks.
    predictability_ : ndarray of shape (n_tasks,)
        Squared correlation, leave-one-out, between the accuracies of a task, transformed as the
        metric does, and what structure predicts of them.
    shares_ : ndarray of shape (n_tasks, 2)
        How much the predicted and the known accuracies of each task count: the squared distance
        that they contribute, over that of all structural columns together.
    properties_ : StructuralProperties or NetworkProperties
        What describes the structure.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    EmProxRegressor : Takes side tasks in ``fit(X, y, side=…)``.
    StructuralProperties : The columns without side information.

    Notes
    -----
    Accuracies of a side task are transformed and standardised as those of the target are in
    `ProximityMetric`. For a task's own reference architectures the predicted column is the
    leave-one-out prediction, so that it means the same for them as for all others.

    A side column has prior odds of telling something about the target that grow with
    `predictability_`, times the ratio of the marginal likelihoods of the target's known accuracies
    under two Gaussian processes, with this column and without. The resulting probability is its
    share in a common factor, the posterior mean over a few values: tasks that have nothing to do
    with the target fade out as more accuracies are known.

    References
    ----------
    Marc Kennedy and Anthony O'Hagan. Predicting the output from a complex computer code when fast
    approximations are available. Biometrika 2000. (Accuracies of another fidelity as input to a
    Gaussian process of the residual; here they are further coordinates of its kernel.)

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from emprox import ProximityMetric, SideInformation
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> side = {"negated": (X[500:700], -y[500:700])}
    >>> model = make_pipeline(
    ...     SideInformation("nasbench201", side, random_state=0),
    ...     ProximityMetric(random_state=0),
    ...     KNeighborsRegressor(5, weights="distance"),
    ... )
    >>> model.fit(X[:20], y[:20]).predict(X[20:120]).shape
    (100,)
    >>> model[0].get_feature_names_out()[-2:]
    array(['negated predicted', 'negated known'], dtype=object)
    """

    # A pipeline hands this on, if metadata routing is enabled.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"side": True}

    # Not the tasks, which are checked as they are read.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureTransformer._parameter_constraints,
        "n_reference": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        space: str | SearchSpace,
        tasks: Any = None,
        *,
        n_reference: int = 500,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.tasks = tasks
        self.n_reference = n_reference
        self.random_state = random_state

    # By its name is `side` what the base class takes as **fit_params.
    def fit(  # type: ignore[override]
        self, X: Any, y: ArrayLike | None = None, side: Any = None
    ) -> SideInformation:
        """Learn what structure says about each task, and how much the tasks count for the target.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Known architectures in any form that the space reads, or a decision matrix of shape
            (n_samples, n_decisions).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their accuracies in the target task; required.
        side : mapping or pair, default=None
            What is known of the side tasks; None takes `tasks`.

        Returns
        -------
        SideInformation
            The transformer itself.

        Raises
        ------
        ArchitectureError
            If something is not an architecture of the space; says which, and of which task.
        ValueError
            If there are no side tasks or known architectures, lengths differ, or accuracies are
            not finite or all missing.
        """
        super().fit(X, y, side=side)
        return self

    def _learn(self, decisions: IntArray, y: Any, side: Any = None) -> list[str]:
        targets = check_targets(y)
        check_consistent_length(decisions, targets)
        targets = targets.reshape(len(targets), -1)
        random_state = check_random_state(self.random_state)
        self.space_, tasks = read_tasks(self.space_, self.tasks if side is None else side)
        properties = properties_of(self.space_).set_output(transform="default")
        self.properties_ = properties.fit(decisions)
        self.task_names_ = list(tasks.columns)
        structure = self.properties_.transform(decisions)
        with one_blas_thread():
            self._learn_tasks(tasks, random_state)
            columns = self._side_columns(self.space_, decisions, structure)
            rows = random_state.permutation(len(columns))[:_MAX_KNOWN]
            odds = np.repeat(_ODDS * np.maximum(self.predictability_, _LEAST_PART), 2)
            shares = side_shares(structure[rows], columns[rows], targets[rows], odds)
        self.shares_ = shares.reshape(-1, 2)
        self._factors = np.sqrt(shares * structure.var(axis=0).sum())
        names = [f"{name} {kind}" for name in tasks for kind in ("predicted", "known")]
        return [*self.properties_.get_feature_names_out(), *names]

    def _describe(self, space: SearchSpace, decisions: IntArray) -> Floats:
        extended = space is not self.space_
        structure = self.properties_.transform(space.decode(decisions) if extended else decisions)
        with one_blas_thread():
            columns = self._side_columns(space, decisions, structure)
        return np.hstack([structure, self._factors * columns])

    def _learn_tasks(self, tasks: pd.DataFrame, random_state: np.random.RandomState) -> None:
        """Learn what structure says about each task."""
        self._rows = {key: row for row, key in enumerate(tasks.index)}
        decisions = np.array([np.frombuffer(key, dtype=np.int64) for key in tasks.index])
        known = tasks.notna().to_numpy()
        # One more row, for architectures of which nothing is known.
        self._known, self._left_out = np.full((2, len(known) + 1, known.shape[1]), np.nan)
        self.predictability_ = np.zeros(known.shape[1])
        # First those of which most tasks are known: tasks with the same reference share a kernel.
        order = np.lexsort([random_state.permutation(len(known)), -known.sum(axis=1)])
        groups: dict[bytes, tuple[NDArray[np.intp], list[int]]] = {}
        for task, accuracies in enumerate(tasks.to_numpy().T):
            given = accuracies[known[:, task]]
            self._known[:-1, task][known[:, task]] = TargetTransform(given).forward(given)
            reference = np.sort(order[known[order, task]][: self.n_reference])
            groups.setdefault(reference.tobytes(), (reference, []))[1].append(task)
        self._ridges = []
        for reference, members in groups.values():
            structure = self.properties_.transform(decisions[reference])
            targets = self._known[reference][:, members]
            ridge = SharedKernelRidge(structure, targets)
            self._ridges.append((members, ridge))
            self._left_out[reference[:, None], members] = ridge.left_out
            self.predictability_[members] = _squared_correlations(ridge.left_out, targets)

    def _side_columns(self, space: SearchSpace, decisions: IntArray, structure: Floats) -> Floats:
        """Return both columns of each task, side by side."""
        canonical = space.canonicalize(decisions)
        rows = [self._rows.get(key, -1) for key in keys(canonical)]
        columns = np.empty((len(rows), len(self.task_names_), 2))
        for members, ridge in self._ridges:
            columns[:, members, 0] = ridge.predict(structure)
        left_out, known = self._left_out[rows], self._known[rows]
        columns[:, :, 0] = np.where(np.isnan(left_out), columns[:, :, 0], left_out)
        columns[:, :, 1] = np.where(np.isnan(known), columns[:, :, 0], known)
        return columns.reshape(len(rows), -1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _squared_correlations(predicted: Floats, true: Floats) -> Floats:
    """Correlate columns; 0 where they do not vary or go opposite ways."""
    predicted, true = predicted - predicted.mean(axis=0), true - true.mean(axis=0)
    products = np.maximum((predicted * true).sum(axis=0), 0) ** 2
    variances = np.square(predicted).sum(axis=0) * np.square(true).sum(axis=0)
    return np.divide(products, variances, out=np.zeros_like(products), where=variances > 0)
