"""The sum of training losses as a predictor of accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from ..utils._sklearn import Interval
from ._curves import CurveScoreRegressor
from ._targets import Floats


@dataclass(eq=False, repr=False)
class SoTLERegressor(CurveScoreRegressor):
    """Rank architectures by the sum of their last training losses.

    What trains fast generalises well: of architectures that were trained for a few epochs, the
    one with the smallest sum of training losses is taken for the best. Summed over all epochs
    seen, this is SoTL, the area under the training curve; over the last E of them, SoTL-E. No
    validation images are needed.

    Parameters
    ----------
    n_summed : int or None, default=1
        How many of the last epochs seen to sum, E in the paper. None sums all of them. Early
        losses tell little once training has settled, so that 1 is mostly the best of them.
    calibrate : bool, default=True
        Whether `predict` gives accuracies, by a strictly increasing function of the score that is
        fitted to the known ones. With False it gives the score, minus the sum of the losses, and
        `fit` needs no accuracies.
    non_finite : {"error", "worst"}, default="error"
        What becomes of losses that are NaN or infinite: an error that says where, or the last
        ranks, as for a training that diverged.

    Attributes
    ----------
    n_features_in_ : int
        Number of epochs seen.

    See Also
    --------
    EarlyStoppingRegressor : Rank by the validation accuracy.
    LcSVR : Learn from the whole curve.

    Notes
    -----
    X has a column for each epoch seen: the mean training loss over the batches of that epoch, as
    it comes out while training. The function that calibrates is centred isotonic regression,
    continued beyond the known scores along the least-squares line, and levelling off there.

    References
    ----------
    Robin Ru, Clare Lyle, Lisa Schut, Miroslav Fil, Mark van der Wilk and Yarin Gal. Speedy
    Performance Estimation for Neural Architecture Search. NeurIPS 2021 (arXiv:2006.04492).
    Section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.predictors import SoTLERegressor
    >>> losses = np.array([[2.0, 1.0, 0.5], [2.1, 1.5, 1.0], [1.9, 1.2, 0.7]])
    >>> model = SoTLERegressor(n_summed=2).fit(losses, [93.0, 88.0, 91.0])
    >>> model.predict([[2.0, 1.2, 0.9]]).round(2)
    array([90.])
    >>> SoTLERegressor(n_summed=2, calibrate=False).fit(losses).predict(losses)
    array([-1.5, -2.5, -1.9])
    """

    n_summed: int | None = 1

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CurveScoreRegressor._parameter_constraints,
        "n_summed": [Interval(Integral, 1, None, closed="left"), None],
    }

    def _read_off(self, curves: Floats) -> Floats:
        n_epochs = curves.shape[1]
        n_summed = n_epochs if self.n_summed is None else self.n_summed
        if n_summed > n_epochs:
            raise ValueError(f"n_summed={n_summed}, but epochs seen are n_features={n_epochs}")
        return -curves[:, n_epochs - n_summed :].sum(axis=1)
