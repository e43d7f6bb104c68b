"""Architectures to token matrices, as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ..spaces import SearchSpace, get_space
from ..spaces._nonempty import encode_some
from ..utils._sklearn import fit_context


class ArchitectureTokenizer(TransformerMixin, BaseEstimator):
    """Write architectures as token sequences of equal length.

    Parameters
    ----------
    space : str or SearchSpace
        The search space of the architectures: a registered name or an object.
    sequence : str, default=None
        Which of the space's token sequences to write, for example ``"adjacency"`` for the
        sequence of the EmProx paper. None takes the space's default.
    canonicalize : bool, default=True
        Whether to write the canonical form, which is the same for architectures that compute the
        same function. The paper does not.

    Attributes
    ----------
    space_ : SearchSpace
        The search space.
    vocabulary_ : tuple of str
        Meaning of each token.

    See Also
    --------
    ArchitectureEmbedder : Embeds the token sequences.
    emprox.spaces.get_space : Looks up a search space.

    References
    ----------
    Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
    Score. 2022. Section 3.1.

    Examples
    --------
    >>> from emprox import ArchitectureTokenizer
    >>> tokenizer = ArchitectureTokenizer("nasbench201", sequence="operations")
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
    >>> tokens = tokenizer.fit_transform([cell])
    >>> tokens
    array([[3, 2, 2, 2, 5, 2]])
    >>> tokenizer.inverse_transform(tokens).item()
    '|nor_conv_3x3~0|+|none~0|none~1|+|none~0|avg_pool_3x3~1|none~2|'
    """

    # A space may be any object that says it is one; get_space has the better error message.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "space": [str, SearchSpace],
        "sequence": [str, None],
        "canonicalize": ["boolean"],
    }

    def __init__(
        self,
        space: str | SearchSpace,
        *,
        sequence: str | None = None,
        canonicalize: bool = True,
    ) -> None:
        self.space = space
        self.sequence = sequence
        self.canonicalize = canonicalize

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> ArchitectureTokenizer:
        """Look up the space and check the architectures.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures in any form that the space reads: a list, array, Series or one-column
            DataFrame of texts, `Architecture` objects or tuples of operations; or a matrix of
            operation indices of shape (n_samples, n_decisions).
        y : None, default=None
            Ignored.

        Returns
        -------
        ArchitectureTokenizer
            The tokenizer itself.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        ValueError
            If the space or the sequence does not exist, or there are no samples.
        """
        self._fit(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> NDArray[np.int64]:
        """Fit to the architectures and write them, reading them only once.

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
        ndarray of shape (n_samples, length)
            Token matrix.
        """
        return self._tokenize(self._fit(X))

    def transform(self, X: Any) -> NDArray[np.int64]:
        """Write architectures as tokens.

        Parameters
        ----------
        X : array-like of shape (n_samples,)
            Architectures; see `fit`.

        Returns
        -------
        ndarray of shape (n_samples, length)
            Token matrix.

        Raises
        ------
        ArchitectureError
            If a sample is not an architecture of the space; says which and why.
        """
        check_is_fitted(self)
        return self._tokenize(encode_some(self.space_, X))

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Read architectures from tokens.

        Parameters
        ----------
        X : array-like of shape (n_samples, length)
            Token matrix.

        Returns
        -------
        ndarray of shape (n_samples,), dtype object
            The architectures in the space's text form. With ``canonicalize=True`` they are the
            canonical forms of those that were tokenized.

        Raises
        ------
        ArchitectureError
            If a row is not the token sequence of an architecture of the space.
        """
        check_is_fitted(self)
        decisions = self.space_.detokenize(np.asarray(X), self.sequence)
        texts = [self.space_.format(architecture) for architecture in decisions]
        return np.array(texts, dtype=object)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Name the columns of the token matrix.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Ignored.

        Returns
        -------
        ndarray of shape (length,), dtype object
            The names ``token0``, ``token1`` and so on.
        """
        check_is_fitted(self)
        length = self.space_.get_sequence(self.sequence).length
        return np.array([f"token{position}" for position in range(length)], dtype=object)

    def _fit(self, X: Any) -> NDArray[np.int64]:
        space = get_space(self.space).learn(X)
        vocabulary = space.get_sequence(self.sequence).vocabulary
        decisions = encode_some(space, X)
        self.space_, self.vocabulary_ = space, vocabulary
        return decisions

    def _tokenize(self, decisions: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.canonicalize:
            decisions = self.space_.canonicalize(decisions)
        return self.space_.tokenize(decisions, self.sequence)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
