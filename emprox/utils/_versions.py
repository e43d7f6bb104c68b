"""Fitted estimators that know which version of emprox made them."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator

from .._version import __version__


class InconsistentVersionWarning(UserWarning):
    """A fitted estimator was made by another version of emprox than the one that reads it."""


class VersionedMixin(BaseEstimator):
    """Write the version into pickles, and warn where another one reads them."""

    @property
    def emprox_version_(self) -> str:
        """The version of emprox that made the estimator."""
        return self.__dict__.get("_emprox_version", __version__)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, "_emprox_version": self.emprox_version_}

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.get("_emprox_version", "0.1.0 or before")
        if version != __version__:
            warnings.warn(
                f"this {type(self).__name__} was made by emprox {version}, and is read by emprox"
                f" {__version__}: it may fail or predict something else; fit it anew",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__({**state, "_emprox_version": version})
