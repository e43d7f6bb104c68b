"""Weighted means over the nearest places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from ._kernels import Floats

Weights = str | Callable[[Floats], Floats]

# A point is usual if it is no further from its nearest than this share of the known ones.
_USUAL = 0.95


def make_search(points: Floats, n_neighbors: int, n_jobs: int | None) -> NearestNeighbors:
    """Return a search among points."""
    # The tree subtracts coordinates, so that equal points are at distance zero exactly; brute
    # force expands the square and leaves about 1e-8, which lets the other neighbours in.
    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="kd_tree", n_jobs=n_jobs)
    return search.fit(points)


class NeighborMeans:
    """Predict from the nearest places, of some values (n, n_outputs) and importance (n,)."""

    def __init__(
        self,
        points: Floats,
        values: Floats,
        importance: Floats,
        weights: Weights,
        n_jobs: int | None,
    ) -> None:
        self.values, self.importance = values, importance
        self._points = points
        self._weights = weights
        self._search = make_search(points, 1, n_jobs)

    def find(self, points: Floats, n_neighbors: int) -> tuple[NDArray[np.intp], Floats]:
        """Return the nearest places and their weights, of shape (n, n_neighbors)."""
        n_neighbors = min(n_neighbors, len(self._points))
        distances, places = self._search.kneighbors(points, n_neighbors)
        return places, self._weigh(distances, places)

    def find_others(self, points: Floats, n_neighbors: int) -> tuple[NDArray[np.intp], Floats]:
        """Do so for the places themselves, moved to `points`, none of which finds itself."""
        distances, places = self._search.kneighbors(points, n_neighbors + 1)
        own = places == np.arange(len(points))[:, None]
        # Where it is not among its nearest, the last one is too many.
        own[~own.any(axis=1), -1] = True
        places, distances = (found[~own].reshape(len(own), -1) for found in (places, distances))
        return places, self._weigh(distances, places)

    def average(self, places: NDArray[np.intp], weights: Floats) -> Floats:
        """Average the values of places, of shape (n, n_outputs)."""
        values = self.values[places]
        means = np.einsum("nk,nko->no", weights, values)
        # Rounding must not take the mean of equal values away from them.
        return np.clip(means, values.min(axis=1), values.max(axis=1))

    def _weigh(self, distances: Floats, places: NDArray[np.intp]) -> Floats:
        """Weigh as `KNeighborsRegressor` does: those at distance zero shut others out."""
        if callable(self._weights):
            weights = np.asarray(self._weights(distances), dtype=np.float64)
        elif self._weights == "uniform":
            weights = np.ones_like(distances)
        else:
            # Relative to the nearest one, so that nothing overflows.
            weights = np.ones_like(distances)
            np.divide(distances[:, :1], distances, weights, where=distances > 0)
        weights = weights * self.importance[places]
        return weights / weights.sum(axis=1, keepdims=True)


def usual_distance(points: Floats, groups: NDArray[np.int64] | None = None) -> float:
    """Return what 95 % of different points are at most away from the nearest of another group."""
    search = NearestNeighbors(n_neighbors=1, algorithm="brute")
    if len(points) == 1:
        return 0.0
    if groups is None or (groups == groups[0]).all():
        nearest = search.fit(points).kneighbors()[0]
    else:
        own = [groups == group for group in np.unique(groups)]
        nearest = np.concatenate(
            [search.fit(points[~mine]).kneighbors(points[mine])[0] for mine in own]
        )
    return float(np.quantile(nearest, _USUAL))
