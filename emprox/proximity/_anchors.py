"""Known anchors: architectures whose accuracy is known before any is trained."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from ..spaces import SearchSpace, get_space
from ..utils._targets import check_targets

# A guess may be better than the best known architecture, but not by a larger share.
_MARGIN = 0.1


def add_chance_anchor(
    space: str | SearchSpace, X: Any, y: ArrayLike, chance_level: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Add an architecture without a path from input to output, which can only guess.

    No signal passes it, so it answers the same to every input: in a classification with c classes
    of equal size its accuracy is 100 / c percent, trained or not. It costs nothing to know, and
    tells a model apart what a few known architectures rarely show.

    Parameters
    ----------
    space : str or SearchSpace
        The search space.
    X : array-like of shape (n_samples,)
        Known architectures in any form that the space reads.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their accuracies.
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
        If X is empty, X and y are of different lengths or not finite, or the chance level is not
        finite or better than all known accuracies.

    Examples
    --------
    >>> from emprox import add_chance_anchor
    >>> add_chance_anchor("nasbench201", [(0, 2, 2, 0, 4, 3)], [91.5], chance_level=10)
    (array([[0, 2, 2, 0, 4, 3],
           [1, 1, 1, 1, 1, 1]]), array([91.5, 10. ]))
    """
    space = get_space(space)
    X = space.prepare(X)
    space = space.learn(X)
    decisions, targets = space.encode(X, at_least=1), check_targets(y)
    check_consistent_length(decisions, targets)
    if not np.isfinite(chance_level):
        raise ValueError(f"chance_level={chance_level} is not a finite number")
    if space.pathless is None:
        return decisions, targets
    best = targets.max()
    if chance_level > best + _MARGIN * abs(best):
        raise ValueError(
            f"chance_level={chance_level:g} is better than the best known accuracy, {best:g}, but"
            " it stands for a guess: give it in the unit of y, such as 10 for ten classes in"
            " percent and 0.1 if accuracies are between 0 and 1"
        )
    level = np.full((1, *targets.shape[1:]), float(chance_level))
    return np.vstack([decisions, [space.pathless]]), np.concatenate([targets, level])


def warn_without_anchor(space: SearchSpace, X: Any) -> None:
    """Warn if a space has architectures without a path, and nothing is known of any."""
    if space.pathless is None:
        return
    canonical = space.canonicalize(np.vstack([space.encode(X), [space.pathless]]))
    if not (canonical[:-1] == canonical[-1]).all(axis=1).any():
        warnings.warn(
            f"the space {space.name!r} has architectures without a path from input to output, and"
            " none is known here: their accuracies will be predicted far too high. They can only"
            " guess: set chance_level to the accuracy of a guess in the unit of y, such as 10 for"
            " ten classes in percent",
            UserWarning,
            stacklevel=3,
        )
