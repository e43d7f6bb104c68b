"""Predicted against true accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from ..metrics import kendall_tau as compute_kendall_tau
from ._axes import check_column, check_libraries, get_axes, robust_limits


@dataclass(kw_only=True, eq=False, repr=False)
class RankAgreementDisplay:
    """Predicted against true accuracies, and how well they agree on the order.

    On the dashed line predictions are exact. What is far from the bulk of the accuracies, such as
    those of architectures at chance level, is marked on the edge and counted in the legend. For a
    search the order counts: it agrees where the points rise from left to right, which Kendall's
    rank correlation tau sums up, 1 being the same order.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        True accuracies.
    y_pred : ndarray of shape (n_samples,)
        Predicted accuracies.
    kendall_tau : float
        Kendall's rank correlation of the two.
    name : str, default=None
        Name of the predictor, for the legend.
    target_name : str, default="accuracy"
        What is predicted.

    Attributes
    ----------
    scatter_ : matplotlib.collections.PathCollection
        A point for each architecture.
    outside_ : matplotlib.collections.PathCollection or None
        Crosses on the edge for the architectures that lie beyond it.
    line_ : matplotlib.lines.Line2D
        The line on which predictions are exact.
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it is drawn.

    See Also
    --------
    EmbeddingDisplay : Map of the embedding that predictions are made in.
    emprox.metrics.kendall_tau : The rank correlation.

    Examples
    --------
    >>> from emprox.inspection import RankAgreementDisplay
    >>> display = RankAgreementDisplay.from_predictions([70, 80, 90, 94], [72, 71, 91, 93])
    >>> print(f"{display.kendall_tau:.3f}")
    0.667
    >>> display.ax_.get_ylabel()
    'predicted accuracy'
    """

    y_true: NDArray[np.float64]
    y_pred: NDArray[np.float64]
    kendall_tau: float
    name: str | None = None
    target_name: str = "accuracy"

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, **options: Any
    ) -> RankAgreementDisplay:
        """Predict with a fitted regressor and draw.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor, pipeline or search.
        X : array-like of shape (n_samples,) or (n_samples, n_features)
            Architectures that it was not fitted to.
        y : array-like of shape (n_samples,)
            Their true accuracies.
        **options : dict
            Arguments of `from_predictions`.

        Returns
        -------
        RankAgreementDisplay
            The display.
        """
        return cls.from_predictions(y, estimator.predict(X), **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        name: str | None = None,
        target_name: str = "accuracy",
        ax: Any = None,
    ) -> RankAgreementDisplay:
        """Draw predictions that are there already.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True accuracies.
        y_pred : array-like of shape (n_samples,)
            Predicted accuracies.
        name : str, default=None
            Name of the predictor, for the legend.
        target_name : str, default="accuracy"
            What is predicted, with its unit if it is to be written: ``"latency (ms)"``.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        RankAgreementDisplay
            The display.

        Raises
        ------
        ValueError
            If the accuracies are not finite, not one-dimensional or of different lengths.
        """
        check_libraries(cls)
        true, pred = check_column(y_true, "y_true"), check_column(y_pred, "y_pred")
        check_consistent_length(true, pred)
        tau = float(compute_kendall_tau(true, pred))
        display = cls(y_true=true, y_pred=pred, kendall_tau=tau, name=name, target_name=target_name)
        return display.plot(ax)

    def plot(self, ax: Any = None) -> RankAgreementDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        RankAgreementDisplay
            The display itself.
        """
        ax = get_axes(ax)
        values = np.concatenate([self.y_true, self.y_pred])
        low, high = robust_limits(values, 3)
        margin = 0.04 * (high - low) or 0.5
        low, high = low - margin, high + margin
        points = np.stack([self.y_true, self.y_pred])
        outside = ((points < low) | (points > high)).any(axis=0)

        label = f"{len(self.y_true):,} architectures, Kendall τ = {self.kendall_tau:.2f}"
        label = label if self.name is None else f"{self.name}: {label}"
        look = {"s": 14, "alpha": 0.5, "edgecolors": "none", "label": label}
        self.scatter_ = ax.scatter(*points[:, ~outside], **look)
        self.outside_ = None
        if outside.any():
            label = f"{np.count_nonzero(outside):,} of them beyond the edge"
            look = {"marker": "x", "s": 20, "color": "tab:orange", "clip_on": False, "zorder": 3}
            self.outside_ = ax.scatter(*points[:, outside].clip(low, high), label=label, **look)
        self.line_ = ax.plot([low, high], [low, high], "k--", lw=1, label="exact prediction")[0]
        ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        ax.set(xlabel=f"true {self.target_name}", ylabel=f"predicted {self.target_name}")
        ax.legend(loc="upper left", fontsize="small")
        self.ax_, self.figure_ = ax, ax.figure
        return self
