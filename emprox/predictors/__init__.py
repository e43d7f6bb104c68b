"""Other performance predictors, under the same ``fit`` and ``predict``.

Those of architectures are the rivals that the EmProx paper compares with, and graph networks. The
others predict from the first epochs of a training, or from an untrained network.
"""

from ..networks._jacobian_covariance import jacobian_covariance
from ._bananas import BANANASRegressor
from ._curves import EarlyStoppingRegressor, SoTLERegressor
from ._gcn import GCNRegressor
from ._lcsvr import LcSVR
from ._nao import NAORegressor
from ._pipelines import make_mlp, make_xgboost
from ._seminas import SemiNASRegressor

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
