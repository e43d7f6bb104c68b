"""The metric in which architectures of like accuracy are close, as a supervised transformer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..utils._sklearn import Interval, StrOptions, fit_context
from ..utils._threads import one_blas_thread
from ._ensemble import Ensemble
from ._target import TargetTransform

Floats = NDArray[np.float64]

# With exponent="auto" the exponent is at half of its largest value for so many samples.
SAMPLES_FOR_HALF = 60
# Values of an embedding that differ by no more are equal but for rounding.
SAME = 1e-9


class ProximityMetric(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, RegressorMixin, BaseEstimator
):
    """Learn from known accuracies in which features architectures have to be alike.

    A kernel machine learns the accuracies; how steeply it changes along a feature says how much
    the feature counts; another one learns them again with distances that are weighted so. Its
    value is the embedding: one number for an architecture, or several with `n_components`, in
    which neighbours are architectures of like accuracy. It can also predict by itself, which is
    known as kriging.

    Parameters
    ----------
    n_components : int, default=1
        Numbers in the embedding of an architecture, for each output of y. Each is the mean of
        some members.
    n_members : int, default=4
        Number of kernel machines that are averaged; at least `n_components` are made. Time and
        memory grow with it.
    background : float, default=0.3
        What makes members differ. The features are dealt out to them at random; each member
        multiplies the features of the others by this number. With 0 it does not see them, with 1
        all members are equal.
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
    embedding_ : ndarray of shape (n_samples, n_components * n_outputs)
        Embedding of the known samples.
    loo_embedding_ : ndarray of shape (n_samples, n_components * n_outputs)
        The same with each sample left out in turn, so that its own accuracy plays no part in it.
        All weights, and the ridge, stay as all samples have set them.
    loo_scores_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Scores of the known samples, as `score_samples` returns them, each left out in turn.
    loo_scores_std_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Standard deviation of the transformed accuracies around these scores.
    loo_predictions_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Prediction of each known sample from the others, in the unit of y.
    loo_std_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Standard deviation of accuracies around these predictions, in the unit of y.
    feature_weights_ : ndarray of shape (n_features,)
        How much each feature counts in squared distances, as a mean over the outputs; the sum
        is 1.
    ridges_ : ndarray of shape (n_outputs,)
        Ridge of the kernel machines, which leave-one-out has chosen.
    target_transforms_ : list of TargetTransform
        For each output, how accuracies (`forward`) and scores (`inverse`) become each other.
    y_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Known accuracies.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    See Also
    --------
    EmProxRegressor : Features, metric and neighbours in one estimator.
    sklearn.gaussian_process.GaussianProcessRegressor : The same kernel without the weights.

    Notes
    -----
    Features are not standardised: the scale of a feature is how much it counts before anything is
    learned, and a step before this one may have a reason for it. Put a `StandardScaler` there
    if the scales mean nothing.

    The best accuracy is the largest one; negate a loss.

    In formulas: with c = 2 best - median of the known accuracies, the targets z are
    rank_share * rank + (1 - rank_share) * -log(c - y), both over their standard deviations,
    standardised. A member has the Matérn kernel of smoothness 3/2 plus a constant, and the dual
    coefficients a = (K + ridge I)^-1 z. Its value at x is k(x, known) a, and leaving out sample i
    changes z_i by a_i / [(K + ridge I)^-1]_ii. The ridge is that with the least
    leave-one-out error for the mean kernel of the members, with a weak pull towards 0.005.
    Members count by the inverse of their mean squared leave-one-out error. Several outputs are
    learned apart from one another.

    Time grows with the cube of the number of known samples and memory with its square: 100 take
    some milliseconds, 5,000 about a minute and 2 GB. The value of a sample does not depend on
    what else is transformed with it, to about 1e-12.

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
    (10, 1)
    >>> int(metric.feature_weights_.argmax())
    0
    >>> accuracy, std = metric.predict(X[50:], return_std=True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "background": [Interval(Real, 0, 1, closed="both")],
        "n_rounds": [Interval(Integral, 0, None, closed="left")],
        "length_scale": [Interval(Real, 0, None, closed="neither")],
        "exponent": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "rank_share": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        n_members: int = 4,
        background: float = 0.3,
        n_rounds: int = 1,
        length_scale: float = 2.0,
        exponent: float | str = "auto",
        rank_share: float = 0.15,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_members = n_members
        self.background = background
        self.n_rounds = n_rounds
        self.length_scale = length_scale
        self.exponent = exponent
        self.rank_share = rank_share
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> ProximityMetric:
        """Learn the metric from architectures of known accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the known architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies, in percent or any other unit.

        Returns
        -------
        ProximityMetric
            The metric itself.

        Raises
        ------
        ValueError
            If X or y are empty, of different lengths, or not finite.
        """
        features, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float64)
        emphasis = self._deal_out(features.shape[1])
        exponent = self.exponent
        if isinstance(exponent, str):
            exponent = 0.5 * len(features) / (len(features) + SAMPLES_FOR_HALF)
        # The mean of equal numbers may differ from them, but features that do not vary must not.
        center = np.where(np.ptp(features, axis=0) > 0, features.mean(axis=0), features[0])
        transforms = [TargetTransform(output, self.rank_share) for output in _outputs(targets)]
        with one_blas_thread():
            ensembles = [
                Ensemble(emphasis, self.length_scale, exponent, self.n_rounds).fit(
                    features - center, transform.forward(output)
                )
                for transform, output in zip(transforms, _outputs(targets), strict=True)
            ]
        self._center, self._ensembles, self.target_transforms_ = center, ensembles, transforms
        self._n_features_out = self.n_components * len(ensembles)
        self.ridges_ = np.array([ensemble.ridge for ensemble in ensembles])
        weights = [ensemble.feature_weights() for ensemble in ensembles]
        self.feature_weights_ = np.mean(weights, axis=0)
        self._set_known(targets)
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike) -> Floats:
        """Learn the metric and embed the known architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the known architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies.

        Returns
        -------
        ndarray of shape (n_samples, n_components * n_outputs)
            What `transform` returns for them.
        """
        return self.fit(X, y).embedding_.copy()

    def transform(self, X: ArrayLike) -> Floats:
        """Embed architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of architectures.

        Returns
        -------
        ndarray of shape (n_samples, n_components * n_outputs)
            The embedding, in standard deviations of the transformed accuracies. The components
            of an output stand side by side. Numbers that are those of a known sample but for
            rounding are made equal to them, so that known samples are at distance zero of
            themselves.
        """
        return self._snap(self._embed([values for values, _ in self._predict_members(X)]))

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
            Standard deviation of a measured accuracy around the prediction, in the unit of y;
            only with `return_std`. It is that of the Gaussian process, noise included, on the
            scale of the targets; its variance per unit of the kernel is the mean ratio of
            squared leave-one-out residuals to what the process expects. To get to the unit of y,
            half the distance is taken between what one standard deviation above and one below
            transform back to.
        """
        score, std = self._evaluate(X, return_std)
        mean = self._to_accuracies(score)
        return (mean, self._to_accuracy_stds(score, std)) if return_std else mean

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
        score, std = self._evaluate(X, return_std)
        return (self._shape(score), self._shape(std)) if return_std else self._shape(score)

    def update(self, X: ArrayLike, y: ArrayLike) -> ProximityMetric:
        """Add architectures whose accuracies have become known.

        The metric stays as it is: the weights of features and members, the ridge, and the
        transformation of the accuracies. The result is that of solving for all known samples
        anew with these, to about 1e-10, in a time that grows with the square of their
        number. Learn a new metric with `fit` when much more is known than it was learned from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features of the new architectures.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their accuracies. They may lie beyond those known before; `predict` can reach them
            then.

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
        check_is_fitted(self, "y_")
        features, y = validate_data(
            self, X, y, reset=False, dtype=np.float64, multi_output=True, y_numeric=True
        )
        targets = np.asarray(y, dtype=np.float64)
        if targets.shape[1:] != self.y_.shape[1:]:
            raise ValueError(
                f"y has the shape {targets.shape}, but in fit it had {self.y_.shape}; give every"
                " sample as many outputs as there"
            )
        learned = zip(self.target_transforms_, self._ensembles, _outputs(targets), strict=True)
        with one_blas_thread():
            for transform, ensemble, output in learned:
                transform.extend(output)
                ensemble.extend(features - self._center, transform.forward(output))
        self._set_known(np.concatenate([self.y_, targets]))
        return self

    def _deal_out(self, n_features: int) -> Floats:
        """Return factors of the features, of shape (n_members, n_features)."""
        n_members = max(self.n_members, self.n_components)
        emphasis = np.full((n_members, n_features), float(self.background))
        order = check_random_state(self.random_state).permutation(n_features)
        for member, own in zip(emphasis, np.array_split(order, n_members), strict=True):
            member[own] = 1
        # A member without a feature of its own would see nothing if there is no background.
        emphasis[~emphasis.any(axis=1)] = 1
        return emphasis

    def _set_known(self, targets: Floats) -> None:
        """Set the attributes that say what is known."""
        left_out = [ensemble.leave_one_out() for ensemble in self._ensembles]
        scores, stds = self._average(left_out)
        self.y_ = targets
        embedding = self._embed([ensemble.fitted() for ensemble in self._ensembles])
        self._known_numbers = [_without_repetitions(numbers) for numbers in embedding.T]
        self.embedding_ = self._snap(embedding)
        self.loo_embedding_ = self._embed([values for values, _ in left_out])
        self.loo_scores_, self.loo_scores_std_ = self._shape(scores), self._shape(stds)
        self.loo_predictions_ = self._to_accuracies(scores)
        self.loo_std_ = self._to_accuracy_stds(scores, stds)

    def _check(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "y_")
        return validate_data(self, X, reset=False, dtype=np.float64) - self._center

    def _embed(self, values: Sequence[Floats]) -> Floats:
        """Average the members' values, of shape (n_members, n) for each output."""
        components = [
            weights @ some / weights.sum()
            for ensemble, of_members in zip(self._ensembles, values, strict=True)
            for weights, some in zip(
                np.array_split(ensemble.member_weights, self.n_components),
                np.array_split(of_members, self.n_components),
                strict=True,
            )
        ]
        return np.stack(components, axis=1)

    def _snap(self, embedding: Floats) -> Floats:
        """Replace numbers by those of known samples that they differ from by rounding."""
        for numbers, known in zip(embedding.T, self._known_numbers, strict=True):
            above = np.searchsorted(known, numbers).clip(max=len(known) - 1)
            for nearby in (known[above], known[np.maximum(above - 1, 0)]):
                np.copyto(numbers, nearby, where=np.abs(numbers - nearby) <= SAME)
        return embedding

    def _evaluate(self, X: ArrayLike, return_std: bool) -> tuple[Floats, Floats]:
        return self._average(self._predict_members(X, return_std))

    def _predict_members(
        self, X: ArrayLike, return_std: bool = False
    ) -> list[tuple[Floats, Floats]]:
        features = self._check(X)
        with one_blas_thread():
            return [ensemble.predict(features, return_std) for ensemble in self._ensembles]

    def _average(self, predicted: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Average over members; return scores and deviations of shape (n_outputs, n)."""
        scores = [
            ensemble.member_weights @ values
            for ensemble, (values, _) in zip(self._ensembles, predicted, strict=True)
        ]
        return np.stack(scores), np.sqrt([variance for _, variance in predicted])

    def _to_accuracies(self, scores: Floats) -> Floats:
        transforms = zip(self.target_transforms_, scores, strict=True)
        return self._shape(np.stack([transform.inverse(score) for transform, score in transforms]))

    def _to_accuracy_stds(self, scores: Floats, stds: Floats) -> Floats:
        transforms = zip(self.target_transforms_, scores, stds, strict=True)
        return self._shape(
            np.stack(
                [transform.inverse_deviation(score, std) for transform, score, std in transforms]
            )
        )

    def _shape(self, outputs: Floats) -> Floats:
        return outputs[0] if self.y_.ndim == 1 else outputs.T

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _without_repetitions(numbers: Floats) -> Floats:
    """Return sorted numbers, one of those that are equal but for rounding."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=-np.inf) > SAME]


def _outputs(y: Floats) -> Floats:
    """Return y by outputs, of shape (n_outputs, n_samples)."""
    return np.atleast_2d(y.T)
