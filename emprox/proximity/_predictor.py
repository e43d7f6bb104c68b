"""What all that ends in a ProximityRegressor can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._base import EmbeddingRegressor
from ._kernels import Floats
from ._neighbors import make_search

_Self = TypeVar("_Self", bound="ProximityPredictor")


class ProximityPredictor(EmbeddingRegressor, ABC):
    """Base class of what predicts with a fitted `ProximityRegressor`, after reading its samples."""

    @abstractmethod
    def _look_at(self, X: Any) -> tuple[Any, Any]:
        """Return the fitted ProximityRegressor, and samples as the features that it takes."""

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict accuracies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted accuracies, in the unit of y.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviations of measured accuracies around the predictions, in the unit of y;
            only with `return_std`. They are the widths of the intervals of `predict_interval`
            with a coverage of 90 % over 3.29, that of a normal distribution.
        """
        learner, features = self._look_at(X)
        mean, scores, stds = learner._evaluate(features, return_std)
        if not return_std:
            return learner._shape(mean)
        std = learner._calibrate().standard_deviations(scores, stds)
        return learner._shape(mean), learner._shape(std)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:
        """Predict intervals that hold the accuracies of new samples.

        Conformal: so wide that they hold the accuracies of known samples as often as `coverage`
        says if these are predicted from the others, in five parts (of more than 500 samples, one),
        when it is first asked for. New samples have to come from where the known ones do, or from
        other groups of the same kind if these are told to `calibrate`; `is_novel` tells where that
        is doubtful. Intervals are wider where the posterior variance
        of the `metric_` is larger or, without one, where neighbours differ more, and are not
        symmetric: bad architectures are harder to predict.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.
        coverage : float, default=0.9
            Share of accuracies that are to lie in their interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper ends, in the unit of y. Infinite if too few samples are known: the
            least number is ``coverage / (1 - coverage)``.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage has to be between 0 and 1, got {coverage}")
        learner, features = self._look_at(X)
        _, scores, stds = learner._evaluate(features, return_std=True)
        return learner._shape(learner._calibrate().intervals(scores, stds, coverage))

    def calibrate(self: _Self, groups: ArrayLike) -> _Self:
        """Say which known samples belong together, for samples that belong to none of them.

        Networks of one family are alike, and a network of another family is predicted worse than
        a sister would be. After this, uncertainty is measured by predicting known samples from
        those of other groups, so that `predict_interval` holds the accuracies of samples of new
        groups as often as it says; and `novelty` compares with distances between groups.
        Predictions stay as they are. `fit` forgets the groups; for `partial_fit` each new sample is
        a group of its own.

        Parameters
        ----------
        groups : array-like of shape (n_known,)
            A label for each known sample, in the order of their coming.

        Returns
        -------
        estimator
            The estimator itself.

        Raises
        ------
        ValueError
            If there is not a label for each known sample, or all are the same.
        """
        learner, _ = self._look_at(None)
        learner._set_groups(groups)
        return self

    def score_samples(self, X: Any) -> Floats:
        """Rank samples, also beyond the best known accuracy.

        Predictions end at the best known accuracy; these scores do not.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The larger, the better. With a `metric_` its score, in standard deviations of the
            transformed target; without one the predictions.
        """
        learner, features = self._look_at(X)
        if learner.metric_ is None:
            return learner._shape(learner._evaluate(features)[0])
        return learner.metric_.score_samples(features)

    def transform(self, X: Any) -> Floats:
        """Embed samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            What the metric makes of them; without one, the features.
        """
        learner, features = self._look_at(X)
        return learner._embed(features)

    def novelty(self, X: Any) -> Floats:
        """Measure how far samples are from all known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Distance to the nearest known sample, among the features as the metric weights them,
            over the distance that 95 % of the known samples have at most to their nearest, after
            `calibrate` to their nearest of another group. Infinite for what is not known if the
            known ones do not differ.
        """
        learner, features = self._look_at(X)
        scales, known, usual = learner._measure_novelty()
        nearest = known.kneighbors(features * scales)[0][:, 0]
        return _in_units_of(nearest, usual)

    def is_novel(self, X: Any) -> NDArray[np.bool_]:
        """Flag samples that are unlike all known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Whether `novelty` is above 1: their predictions and intervals are guesses.
        """
        return self.novelty(X) > 1

    def similar(self, X: Any, n_neighbors: int = 5) -> tuple[Floats, NDArray[np.int64]]:
        """Find the known samples that are most like others in what they are.

        Where `kneighbors` finds samples that are close in the embedding, which is little more than
        what is predicted for them, these are close in all features, as the metric weights them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.
        n_neighbors : int, default=5
            How many; all known samples if these are fewer.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Distances as `novelty` measures them, which is the first of them, ascending.
        indices : ndarray of shape (n_samples, n_neighbors)
            Rows of what was given to `fit` and `partial_fit`, as in `kneighbors`.
        """
        learner, features = self._look_at(X)
        scales, _, usual = learner._measure_novelty()
        _, rows = learner._search_rows()
        known = learner._known.X[~learner._known.is_anchor][rows]
        search = make_search(known * scales, min(n_neighbors, len(rows)), None)
        distances, found = search.kneighbors(features * scales)
        return _in_units_of(distances, usual), rows[found]

    def kneighbors(
        self,
        X: Any = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> NDArray[np.int64] | tuple[Floats, NDArray[np.int64]]:
        """Find the known samples that a prediction is made from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,), default=None
            Samples, as in `fit`. None stands for the known ones, none of which is then its own
            neighbour.
        n_neighbors : int, default=None
            How many; None takes `n_neighbors_`, or all known samples if these are fewer.
        return_distance : bool, default=True
            Whether to return the distances.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            Euclidean distances in the embedding, ascending; only with `return_distance`.
        indices : ndarray of shape (n_samples, n_neighbors)
            Rows of what was given to `fit` and `partial_fit`, in the order of their coming;
            anchors, and samples of no weight, are left out. Rows of equal features are listed
            apart, though a prediction takes them as one.
        """
        learner, features = self._look_at(X)
        embedding = None if features is None else learner._embed(features)
        search, rows = learner._search_rows()
        if n_neighbors is None:
            n_neighbors = min(learner.n_neighbors_, len(rows) - (X is None))
        distances, found = search.kneighbors(embedding, n_neighbors)
        return (distances, rows[found]) if return_distance else rows[found]

    def neighbor_weights(self, X: Any) -> Floats:
        """Say how much each known sample counts in predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples,)
            Samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_known)
            The share of each row of what was given to `fit` and `partial_fit` in the mean;
            anchors make up what is missing to a sum of 1.

        Raises
        ------
        ValueError
            With ``weights="kriging"``, which does not predict from neighbours.
        """
        learner, features = self._look_at(X)
        return learner._weigh_rows(learner._embed(features))


def _in_units_of(distances: Floats, usual: float) -> Floats:
    """Divide by a distance that can be zero; what is at a distance is then infinitely far."""
    return np.divide(distances, usual, np.where(distances > 0, np.inf, 0), where=usual > 0)
