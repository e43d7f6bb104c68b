"""Architectures to token matrices, as a scikit-learn transformer."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ..spaces import SearchSpace
from ..spaces._sequences import IntArray, translate
from ..spaces._transformer import ArchitectureTransformer
from ..utils._options import check_option


@dataclass(eq=False, repr=False)
class ArchitectureTokenizer(ArchitectureTransformer):
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

    space: str | SearchSpace
    _: KW_ONLY
    sequence: str | None = None
    canonicalize: bool = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ArchitectureTransformer._parameter_constraints,
        "sequence": [str, None],
        "canonicalize": ["boolean"],
    }

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
        return np.array(self.space_.format(decisions), dtype=object)

    def _learn(self, decisions: IntArray, y: Any) -> list[str]:
        name = self.sequence or self.space_.default_sequence
        check_option(f"sequence of the space {self.space_.name!r}", name, self.space_.sequences)
        self.vocabulary_ = self.space_.sequences[name].vocabulary
        return [f"token{place}" for place in range(self.space_.sequences[name].length)]

    def _describe(self, space: SearchSpace, decisions: IntArray) -> IntArray:
        if self.canonicalize:
            decisions = space.canonicalize(decisions)
        tokens = space.tokenize(decisions, self.sequence)
        if space is self.space_:
            return tokens
        name = self.sequence or space.default_sequence
        return translate(tokens, space.sequences[name], self.space_.sequences[name])
