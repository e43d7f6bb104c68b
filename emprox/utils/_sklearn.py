"""The private scikit-learn names that emprox uses, in one place, so that a rename hurts once."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = ["Interval", "StrOptions", "fit_context"]
