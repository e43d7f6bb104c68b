"""What all encodings share: they read architectures, and write a row of numbers for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ..spaces import DAGSpace, SearchSpace, get_space
from ..spaces._nonempty import encode_some
from ..spaces._sequences import IntArray
from ..utils._sklearn import fit_context

Array = NDArray[np.float64]

# Number of random architectures that show what varies in a space.
N_REFERENCE = 1000

_REFERENCES: WeakKeyDictionary[SearchSpace, IntArray] = WeakKeyDictionary()


class ArchitectureEncoding(TransformerMixin, BaseEstimator, ABC):
    """Base class of transformers that write architectures as rows of numbers.

    A subclass implements ``_learn``, which finds out about the columns and returns their names,
    and ``_encode``, which writes decisions as columns.

    Parameters
    ----------
    space : str or SearchSpace, default="nasbench201"
        The search space of the architectures: a registered name or an object.
    canonicalize : bool, default=True
        Whether to encode canonical forms.
    """

    # A space may be any object that says it is one; get_space has the better error message.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [str, SearchSpace],
        "canonicalize": ["boolean"],
    }

    # Set by fit.
    space_: SearchSpace
    n_features_out_: int

    # So many architectures are encoded at once: few enough to stay in the processor's cache.
    _at_once = 2048

    def __init__(
        self, space: str | SearchSpace = "nasbench201", *, canonicalize: bool = True
    ) -> None:
        self.space = space
        self.canonicalize = canonicalize

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> ArchitectureEncoding:
        """Look up the space, check the architectures, and find out which columns there are.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures in any form that the space reads: a list, array, Series or one-column
            DataFrame of texts, `Architecture` objects or tuples of operations; or a decision
            matrix of shape (n_samples, n_decisions).
        y : None, default=None
            Ignored.

        Returns
        -------
        ArchitectureEncoding
            The transformer itself.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        ValueError
            If the space does not exist or cannot be encoded so, or there are no samples.
        """
        self._fit(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Array:
        """Fit to the architectures and encode them, reading them only once.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures; see `fit`.
        y : None, default=None
            Ignored.
        **fit_params : dict
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The encodings.
        """
        return self._write(self._fit(X))

    def transform(self, X: Any) -> Array:
        """Encode architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures; see `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The encodings. A row depends on nothing but its architecture.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        """
        check_is_fitted(self)
        return self._write(encode_some(self.space_, X))

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
        check_is_fitted(self)
        return np.array(self._names, dtype=object)

    @abstractmethod
    def _learn(self, space: SearchSpace, reference: IntArray) -> list[str]:
        """Find out which columns there are.

        Parameters
        ----------
        space : SearchSpace
            The search space.
        reference : ndarray of shape (n_architectures, n_decisions)
            Architectures as they are written that show what varies in the space: always the same
            random ones, but those given to `fit` in a space that is learned, and in a `DAGSpace`.

        Returns
        -------
        list of str
            The names of the columns.
        """

    @abstractmethod
    def _encode(self, decisions: IntArray) -> Array:
        """Write the columns of some architectures, which are in canonical form if need be."""

    def _fit(self, X: Any) -> IntArray:
        space = get_space(self.space)
        # Random graphs have little in common with a family of graphs, and large ones take long.
        given = space.is_open or isinstance(space, DAGSpace)
        space = space.learn(X)
        decisions = encode_some(space, X)
        self._names = self._learn(space, decisions if given else _draw(space))
        self.space_, self.n_features_out_ = space, len(self._names)
        return decisions

    def _read(self, space: SearchSpace, decisions: IntArray) -> IntArray:
        return space.canonicalize(decisions) if self.canonicalize else decisions

    def _write(self, decisions: IntArray) -> Array:
        decisions = self._read(self.space_, decisions)
        columns = np.empty((len(decisions), self.n_features_out_))
        for start in range(0, len(decisions), self._at_once):
            part = slice(start, start + self._at_once)
            columns[part] = self._encode(decisions[part])
        return columns

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _draw(space: SearchSpace) -> IntArray:
    """Draw the architectures that show what varies in a space, only once."""
    if space not in _REFERENCES:
        n_reference = min(N_REFERENCE, space.size)
        _REFERENCES[space] = space.sample_decisions(n_reference, random_state=0)
        _REFERENCES[space].flags.writeable = False
    return _REFERENCES[space]
