"""Known anchors: architectures whose accuracy is known before any is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from .spaces import SearchSpace, get_space
from .spaces._nonempty import encode_some


def add_chance_anchor(
    X: Any, y: ArrayLike, space: str | SearchSpace, chance_level: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Add an architecture without a path from input to output, which can only guess.

    No signal passes it, so it answers the same to every input: in a classification with c classes
    of equal size its accuracy is 100 / c percent, trained or not. It costs nothing to know, and
    tells a model apart what a few known architectures rarely show.

    Parameters
    ----------
    X : array-like of shape (n_samples,)
        Known architectures in any form that the space reads.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their accuracies.
    space : str or SearchSpace
        The search space.
    chance_level : float
        Accuracy of a guess, in the unit of y: 10 for ten classes in percent.

    Returns
    -------
    X : ndarray of shape (n_samples + 1, n_decisions)
        The architectures as a decision matrix, the anchor last. In spaces where every
        architecture has a path there is no anchor, and nothing is added.
    y : ndarray of shape (n_samples + 1,) or (n_samples + 1, n_outputs)
        The accuracies.

    Raises
    ------
    ArchitectureError
        If a sample is not an architecture of the space.
    ValueError
        If X is empty, or X and y are of different lengths.

    Examples
    --------
    >>> from emprox import add_chance_anchor
    >>> add_chance_anchor([(0, 2, 2, 0, 4, 3)], [91.5], "nasbench201", chance_level=10)
    (array([[0, 2, 2, 0, 4, 3],
           [1, 1, 1, 1, 1, 1]]), array([91.5, 10. ]))
    """
    space = get_space(space).learn(X)
    decisions, targets = encode_some(space, X), np.asarray(y, dtype=np.float64)
    check_consistent_length(decisions, targets)
    pathless = space.pathless
    if pathless is None:
        return decisions, targets
    level = np.full((1, *targets.shape[1:]), float(chance_level))
    return np.vstack([decisions, [pathless]]), np.concatenate([targets, level])
