"""What all transformers that read architectures share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ..graphs import ArchitectureError
from ..graphs._graphs import IntArray
from ..utils._sklearn import fit_context
from ._base import SearchSpace
from ._registry import get_space


class ArchitectureTransformer(TransformerMixin, BaseEstimator, ABC):
    """Base class of transformers that read architectures and write a row of numbers for each.

    A subclass implements ``_learn``, which finds out about the columns and returns their names,
    and ``_describe``, which writes decisions as columns.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.

    Attributes
    ----------
    space_ : SearchSpace
        The search space; for an open one, that of the architectures given to `fit`.
    n_features_out_ : int
        Number of columns.
    """

    # A space may be any object that says it is one; get_space has the better error message.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"space": [str, SearchSpace]}

    # It reads spaces that are described by these properties; None if any.
    _reads: ClassVar[str | None] = None
    # So many architectures are worked on at once: few enough to stay in the processor's cache.
    _at_once = 2048

    space: str | SearchSpace
    space_: SearchSpace
    n_features_out_: int

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> ArchitectureTransformer:
        """Look up the space, check the architectures, and find out which columns there are.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures in any form that the space reads: texts, `Architecture` objects, tuples
            of choices, rows of a data frame, or a decision matrix of shape
            (n_samples, n_decisions).
        y : array-like of shape (n_samples,), default=None
            Accuracies; ignored by most transformers.
        **fit_params : dict
            What else a transformer learns from.

        Returns
        -------
        ArchitectureTransformer
            The transformer itself.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        ValueError
            If the space does not exist or cannot be described so, or there are no samples.
        """
        self._fit(X, y, **fit_params)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> NDArray[Any]:
        """Fit to the architectures and describe them, reading them only once.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures; see `fit`.
        y : array-like of shape (n_samples,), default=None
            Accuracies; ignored by most transformers.
        **fit_params : dict
            What else a transformer learns from.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The columns.
        """
        decisions = self._fit(X, y, **fit_params)
        return self._write(self.space_, decisions)

    def transform(self, X: Any) -> NDArray[Any]:
        """Describe architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures; see `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The columns. A row depends on nothing but its architecture. In a space that was learned
            in fit, what the architectures given there lacked has no columns, and what is around it
            is described as ever.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        """
        check_is_fitted(self, "n_features_out_")
        return self._write(*read_extended(self.space_, X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Name the columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Ignored.

        Returns
        -------
        ndarray of shape (n_columns,), dtype object
            The names.
        """
        check_is_fitted(self, "n_features_out_")
        return np.array(self._names, dtype=object)

    @abstractmethod
    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        """Find out about the columns of ``space_`` from the given architectures; name them."""

    @abstractmethod
    def _describe(self, space: SearchSpace, decisions: IntArray) -> NDArray[Any]:
        """Write the columns of architectures of ``space_``, or of a space that extends it."""

    @fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X: Any, y: Any = None, **fit_params: Any) -> IntArray:
        space = get_space(self.space)
        if self._reads not in (None, space.described_by):
            raise ValueError(
                f"{type(self).__name__} cannot describe architectures of the space {space.name!r}:"
                f" take {space.described_by}"
            )
        X = space.prepare(X)
        self.space_ = space.learn(X)
        decisions = self.space_.encode(X, at_least=1)
        self._names = self._learn(decisions, y, **fit_params)
        self.n_features_out_ = len(self._names)
        return decisions

    def _write(self, space: SearchSpace, decisions: IntArray) -> NDArray[Any]:
        parts = [
            self._describe(space, decisions[start : start + self._at_once])
            for start in range(0, len(decisions), self._at_once)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def read_extended(space: SearchSpace, X: Any) -> tuple[SearchSpace, IntArray]:
    """Read architectures; a learned space is extended by what they have and it lacks."""
    X = space.prepare(X)
    try:
        return space, space.encode(X, at_least=1)
    except ArchitectureError:
        extended = space.extend(X)
        if extended is space:
            raise
        return extended, extended.encode(X)


def read_listed(space: SearchSpace, X: Any) -> tuple[SearchSpace, IntArray]:
    """Read architectures that the space knows; a catalogue is extended, as it need not know any."""
    if not space.is_catalogue:
        return space, space.encode(X)
    X = space.prepare(X)
    extended = space.extend(X)
    return extended, extended.encode(X)
