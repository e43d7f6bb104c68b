"""The metric in which architectures of like accuracy are close, as a supervised transformer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import Interval, StrOptions, fit_context
from ..utils._threads import one_blas_thread
from ._base import EmbeddingRegressor
from ._kernels import Floats
from ._machine import LENGTH_SCALE, KernelMachine, exponent_for
from ._rows import DistinctRows, Known, check_rows, read_known
from ._transform import TargetTransforms

# Values of an embedding that differ by no more are equal but for rounding.
_SAME = 1e-9


class ProximityMetric(EmbeddingRegressor):
    """Learn from known accuracies in which features architectures have to be alike.

    A kernel machine learns the accuracies; how steeply it changes along a feature says how much
    the feature counts; another one learns them again with distances that are weighted so. Its
    values are the embedding, some numbers for an architecture, in which neighbours are
    architectures of like accuracy. It can also predict by itself, which is known as kriging.

    Parameters
    ----------
    embedding_dim : int, default=4
        Numbers in the embedding of an architecture, for each output of y. Each is the mean of
        some members.
    n_estimators : int, default=4
        Number of kernel machines that are averaged, the members; at least `embedding_dim` are
        made. Time and memory grow with it.
    background : float, default=0.3
        What makes members differ. The features that vary are dealt out to them at random; each
        member multiplies the features of the others by this number. With 0 it does not see them,
        with 1 all members are equal.
    n_rounds : int, default=1
        How many times features are weighted by gradients; 0 leaves their scales as they are.
    length_scale : float, default=2.0
        Length scale of the kernel, in root mean squared distances between known samples.
    exponent : float or "auto", default="auto"
        A feature is multiplied by (mean squared gradient / largest of all features) ** exponent.
        ``"auto"`` is n / (2 n + 120) for n samples: few of them say little about gradients.
    rank_share : float, default=0.15
        The target is a mixture of the rank of an accuracy, with this share, and of the logarithm
        of its distance from a limit above the best one.
    random_state : int, RandomState instance or None, default=None
        Determines how features are dealt out to the members.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, embedding_dim * n_outputs)
        Embedding of the known samples.
    loo_embedding_ : ndarray of shape (n_samples, embedding_dim * n_outputs)
        The same with each sample left out in turn, so that its own accuracy plays no part in it.
        All weights, and the ridge, stay as all samples have set them.
    feature_weights_ : ndarray of shape (n_features,)
        How much each feature counts in squared distances, as a mean over the outputs; the sum
        is 1.
    ridges_ : ndarray of shape (n_outputs,)
        Ridge of the kernel machines, which leave-one-out has chosen.
    target_transforms_ : TargetTransforms
        How accuracies (`forward`) and scores (`inverse`) become each other, a column for each
        output.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    See Also
    --------
    ProximityRegressor : Neighbours in this embedding.
    EmProxRegressor : Features, metric and neighbours in one estimator.
    sklearn.gaussian_process.GaussianProcessRegressor : The same kernel without the weights.

    Notes
    -----
    Features are not standardised: their scales are how much they count before anything is learned.
    Put a `StandardScaler` before this step if they mean nothing.

    The best accuracy is the largest one; negate a loss. Samples of equal features are one, whose
    target is their mean and whose ridge is divided by the sum of their weights.

    With c = 2 best - median of the known accuracies, the targets z are rank_share * rank +
    (1 - rank_share) * -log(c - y), both over their standard deviations, standardised. A member has
    the Matérn kernel of smoothness 3/2 plus a constant; the ridge is that with the least
    leave-one-out error for the mean kernel of the members, with a weak pull towards 0.005, and
    members count by the inverse of their mean squared leave-one-out error. Several outputs are
    learned apart from one another.

    Time grows with the cube of the number of known samples and memory with its square: 100 take
    some milliseconds, 3,000 some seconds.

    References
    ----------
    Trivedi, Wang, Kpotufe and Shakhnarovich. A Consistent Estimator of the Expected Gradient
    Outerproduct. UAI 2014. Gradients as a metric; here only the diagonal is used.

    Rasmussen and Williams. Gaussian Processes for Machine Learning. 2006. Equations 2.25 and 2.26
    (prediction), 4.17 (kernel) and 5.12 (leave-one-out).

    Examples
    --------
    >>> import numpy as np
    >>> from emprox import ProximityMetric
    >>> X = np.random.default_rng(0).normal(size=(60, 5))
    >>> y = 90 - X[:, 0] ** 2
    >>> metric = ProximityMetric(random_state=0).fit(X[:50], y[:50])
    >>> metric.transform(X[50:]).shape
    (10, 4)
    >>> int(metric.feature_weights_.argmax())
    0
    >>> accuracy, std = metric.predict(X[50:], return_std=True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "background": [Interval(Real, 0, 1, closed="both")],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "length_scale": [Interval(Real, 0, None, closed="neither")],
        "exponent": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "rank_share": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        embedding_dim: int = 4,
        *,
        n_estimators: int = 4,
        background: float = 0.3,
        n_rounds: int = 1,
        length_scale: float = LENGTH_SCALE,
        exponent: float | str = "auto",
        rank_share: float = 0.15,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.n_estimators = n_estimators
        self.background = background
        self.n_rounds = n_rounds
        self.length_scale = length_scale
        self.exponent = exponent
        self.rank_share = rank_share
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ProximityMetric:
        """Learn the metric from architectures of known accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the known architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies, in percent or any other unit.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts: how often it was trained.

        Returns
        -------
        ProximityMetric
            The metric itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite.
        """
        return self._learn(read_known(self, X, y, sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    def _learn(self, known: Known) -> ProximityMetric:
        """Learn from what is checked already."""
        self._known, self._rows = known, DistinctRows(known)
        self.n_features_in_, rows = known.X.shape[1], self._rows
        distinct = known.X[rows.first]
        varying = np.ptp(distinct, axis=0) > 0
        self._varying = varying if varying.any() else ~varying
        self._center = distinct.mean(axis=0)
        emphasis = self._deal_out(int(self._varying.sum()))
        exponent = self.exponent
        if isinstance(exponent, str):
            exponent = exponent_for(len(distinct))
        self.target_transforms_ = TargetTransforms(
            known.targets[rows.order], known.weights[rows.order], self.rank_share
        )
        values = rows.average(self.target_transforms_.forward(known.targets))
        points = self._to_points(distinct)
        with one_blas_thread():
            self._machines = [
                KernelMachine(emphasis, self.length_scale, exponent, self.n_rounds).fit(
                    points, column, rows.weights
                )
                for column in values.T
            ]
        self._n_features_out = self.embedding_dim * len(self._machines)
        self.ridges_ = np.array([machine.ridge for machine in self._machines])
        self.feature_weights_ = np.zeros(self.n_features_in_)
        self.feature_weights_[self._varying] = np.mean(
            [machine.feature_weights() for machine in self._machines], axis=0
        )
        self._set_known()
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Embed architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of architectures.

        Returns
        -------
        ndarray of shape (n_samples, embedding_dim * n_outputs)
            The embedding, in standard deviations of the transformed accuracies. The components
            of an output stand side by side. Known samples are at distance zero of themselves.
        """
        return self._evaluate(X)[0]

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict accuracies by kriging.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of architectures.
        return_std : bool, default=False
            Whether to return the standard deviation as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted accuracies in the unit of y, between the least and the best known one.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviation of a measured accuracy around the prediction, in the unit of y, by
            the Gaussian process, noise included; only with `return_std`.
        """
        _, scores, stds = self._evaluate(X, return_std)
        mean = self._shape(self.target_transforms_.inverse(scores))
        if not return_std:
            return mean
        return mean, self._shape(self.target_transforms_.inverse_deviation(scores, stds))

    def score_samples(
        self, X: ArrayLike, return_std: bool = False
    ) -> Floats | tuple[Floats, Floats]:
        """Score architectures for a search: the higher, the more accurate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of architectures.
        return_std : bool, default=False
            Whether to return the standard deviation as well.

        Returns
        -------
        score : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            What `predict` transforms back to accuracies: in the same order, but without ties and
            not limited by the best known accuracy. In standard deviations of the transformed
            accuracies.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviation of a transformed accuracy around the score; only with `return_std`.
        """
        _, scores, stds = self._evaluate(X, return_std)
        return (self._shape(scores), self._shape(stds)) if return_std else self._shape(scores)

    def update(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ProximityMetric:
        """Add architectures whose accuracies have become known.

        Weights, ridge, and the transformation of the accuracies stay as they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the new architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies, which may lie beyond those known before.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each counts.

        Returns
        -------
        ProximityMetric
            The metric itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite, or have other features or
            outputs than in `fit`.
        """
        check_is_fitted(self, "embedding_")
        new = read_known(self, X, y, sample_weight, self._known.y.shape)
        values, points = self.target_transforms_.forward(new.targets), self._to_points(new.X)
        self.target_transforms_.extend(new.targets)
        with one_blas_thread():
            for machine, column in zip(self._machines, values.T, strict=True):
                machine.extend(points, column, new.weights)
        self._known = self._known.join(new)
        self._set_known()
        return self

    def _deal_out(self, n_features: int) -> Floats:
        """Return factors of the features, of shape (n_members, n_features)."""
        n_members = max(self.n_estimators, self.embedding_dim)
        emphasis = np.full((n_members, n_features), float(self.background))
        order = check_random_state(self.random_state).permutation(n_features)
        for member, own in zip(emphasis, np.array_split(order, n_members), strict=True):
            member[own] = 1
        # A member without a feature of its own would see nothing if there is no background.
        emphasis[~emphasis.any(axis=1)] = 1
        return emphasis

    def _to_points(self, features: Floats) -> Floats:
        return (features - self._center)[:, self._varying]

    def _set_known(self) -> None:
        """Set the attributes that say what is known."""
        fitted = self._embed([machine.fitted() for machine in self._machines])
        self._known_numbers = [_without_repetitions(numbers) for numbers in fitted.T]
        left_out = self._embed([machine.leave_one_out() for machine in self._machines])
        n_learned, n_known = len(self._rows.place), len(self._known.X)
        places = np.r_[self._rows.place, np.arange(n_known - n_learned) + len(self._rows.first)]
        self.embedding_, self.loo_embedding_ = self._snap(fitted)[places], left_out[places]
        unused = np.flatnonzero(places < 0)
        if len(unused):
            found = self._evaluate_rows(self._known.X[unused])[0]
            self.embedding_[unused] = self.loo_embedding_[unused] = found

    def _embed(self, values: Sequence[Floats]) -> Floats:
        """Average the members' values, of shape (n_members, n) for each output."""
        components = [
            weights @ some / weights.sum()
            for machine, of_members in zip(self._machines, values, strict=True)
            for weights, some in zip(
                np.array_split(machine.member_weights, self.embedding_dim),
                np.array_split(of_members, self.embedding_dim),
                strict=True,
            )
        ]
        return np.stack(components, axis=1)

    def _snap(self, embedding: Floats) -> Floats:
        """Replace numbers by those of known samples that they differ from by rounding."""
        for numbers, known in zip(embedding.T, self._known_numbers, strict=True):
            above = np.searchsorted(known, numbers).clip(max=len(known) - 1)
            for nearby in (known[above], known[np.maximum(above - 1, 0)]):
                np.copyto(numbers, nearby, where=np.abs(numbers - nearby) <= _SAME)
        return embedding

    def _evaluate(self, X: ArrayLike, return_std: bool = False) -> tuple[Floats, Floats, Floats]:
        """Return embedding, scores and their deviations, a row for each sample."""
        check_is_fitted(self, "embedding_")
        features = check_rows(validate_data(self, X, reset=False, dtype=np.float64))
        return self._evaluate_rows(features, return_std)

    def _evaluate_rows(
        self, features: Floats, return_std: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        points = self._to_points(features)
        with one_blas_thread():
            predicted = [machine.predict(points, return_std) for machine in self._machines]
        embedding = self._snap(self._embed([values for values, _ in predicted]))
        scores = [
            machine.member_weights @ values
            for machine, (values, _) in zip(self._machines, predicted, strict=True)
        ]
        variances = [np.maximum(variance, 0) for _, variance in predicted]
        return embedding, np.stack(scores, axis=1), np.sqrt(np.stack(variances, axis=1))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_machines" in state:
            features, n_learned = self._known.X, len(self._rows.place)
            known = np.concatenate([features[self._rows.first], features[n_learned:]])
            points = self._to_points(known)
            for machine in self._machines:
                machine.points = points


def _without_repetitions(numbers: Floats) -> Floats:
    """Return sorted numbers, one of those that are equal but for rounding."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=-np.inf) > _SAME]
