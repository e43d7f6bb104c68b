"""Other performance predictors, under the same ``fit`` and ``predict``.

Those of architectures are the rivals that the EmProx paper compares with, and graph networks. The
others predict from the first epochs of a training, or from an untrained network.
"""

from ._bananas import BANANASRegressor
from ._early_stopping import EarlyStopping
from ._gcn import GCNRegressor
from ._jacobian_covariance import jacobian_covariance
from ._lcsvr import LcSVRRegressor
from ._mlp import make_mlp
from ._nao import NAORegressor
from ._seminas import SemiNASRegressor
from ._sotle import SoTLE
from ._xgboost import make_xgboost

__all__ = [
    "BANANASRegressor",
    "EarlyStopping",
    "GCNRegressor",
    "LcSVRRegressor",
    "NAORegressor",
    "SemiNASRegressor",
    "SoTLE",
    "jacobian_covariance",
    "make_mlp",
    "make_xgboost",
]
