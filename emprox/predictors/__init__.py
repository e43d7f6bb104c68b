"""Other performance predictors, under the same ``fit`` and ``predict``.

Those of architectures are the rivals that the EmProx paper compares with, and graph networks. The
others predict from the first epochs of a training, or from an untrained network.
"""

from ._early_stopping import EarlyStopping
from ._jacobian_covariance import jacobian_covariance
from ._lcsvr import LcSVRRegressor
from ._sotle import SoTLE

__all__ = ["EarlyStopping", "LcSVRRegressor", "SoTLE", "jacobian_covariance"]
