"""The validation accuracy after a few epochs as a predictor of the final one."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from ..utils._sklearn import Interval
from ._curves import CurveScoreRegressor
from ._targets import Floats


@dataclass(eq=False, repr=False)
class EarlyStoppingRegressor(CurveScoreRegressor):
    """Rank architectures by their validation accuracy after a few epochs.

    Training stops early, and the architecture that is best by then is taken for the best.

    Parameters
    ----------
    epoch : int, default=-1
        After which epoch to read the accuracy. 1 is the first; negative numbers count from the
        last epoch seen, which is -1.
    calibrate : bool, default=True
        Whether `predict` gives final accuracies, by a strictly increasing function of the score
        that is fitted to the known ones. With False it gives the score, the validation accuracy
        itself, and `fit` needs no final accuracies.
    non_finite : {"error", "worst"}, default="error"
        What becomes of accuracies that are NaN or infinite: an error that says where, or the last
        ranks, as for a training that diverged.

    Attributes
    ----------
    n_features_in_ : int
        Number of epochs seen.

    See Also
    --------
    SoTLERegressor : Rank by the sum of training losses.
    LcSVR : Learn from the whole curve.

    Notes
    -----
    X has a column for each epoch seen: the validation accuracy after it, in percent or any other
    unit. The function that calibrates is centred isotonic regression, continued beyond the known
    scores along the least-squares line, and levelling off there.

    References
    ----------
    Colin White, Arber Zela, Binxin Ru, Yang Liu and Frank Hutter. How Powerful are Performance
    Predictors in Neural Architecture Search? NeurIPS 2021 (arXiv:2104.01177). Section 3, "Early
    Stopping (Val. Acc.)".

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.predictors import EarlyStoppingRegressor
    >>> accuracies = np.array([[40.0, 60.0], [55.0, 70.0], [30.0, 40.0]])
    >>> model = EarlyStoppingRegressor(epoch=2).fit(accuracies, [88.0, 93.0, 80.0])
    >>> model.predict([[50.0, 65.0]]).round(2)
    array([90.5])
    >>> model = EarlyStoppingRegressor(epoch=1).fit(accuracies, [88.0, 93.0, 80.0])
    >>> model.score_samples(accuracies)
    array([40., 55., 30.])
    """

    epoch: int = -1

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CurveScoreRegressor._parameter_constraints,
        "epoch": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
        ],
    }

    def _read_off(self, curves: Floats) -> Floats:
        n_epochs = curves.shape[1]
        if abs(self.epoch) > n_epochs:
            raise ValueError(f"epoch={self.epoch} is not among those seen, n_features={n_epochs}")
        return curves[:, self.epoch - 1 if self.epoch > 0 else self.epoch]
