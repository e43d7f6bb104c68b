"""Other performance predictors, under the same ``fit`` and ``predict``.

Those of architectures are the rivals that the EmProx paper compares with, and graph networks. The
others predict from the first epochs of a training, or from an untrained network.
"""

from ._bananas import BANANASRegressor
from ._early_stopping import EarlyStoppingRegressor
from ._gcn import GCNRegressor
from ._jacobian_covariance import jacobian_covariance
from ._lcsvr import LcSVR
from ._mlp import make_mlp
from ._nao import NAORegressor
from ._seminas import SemiNASRegressor
from ._sotle import SoTLERegressor
from ._xgboost import make_xgboost

__all__ = [
    "BANANASRegressor",
    "EarlyStoppingRegressor",
    "GCNRegressor",
    "LcSVR",
    "NAORegressor",
    "SemiNASRegressor",
    "SoTLERegressor",
    "jacobian_covariance",
    "make_mlp",
    "make_xgboost",
]
