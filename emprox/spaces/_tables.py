"""Spaces so small that the canonical forms of all architectures are worked out together."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..graphs import Graphs, isomorphism_classes
from ..graphs._graphs import IntArray
from ._base import SearchSpace


class TabulatedSpace(SearchSpace):
    """A space with a table of the canonical form of every architecture, made when it is needed."""

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Replace each cell by its canonical form; see the class's notes.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, n_decisions)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, n_decisions)
            Decision matrix of the canonical forms.
        """
        matrix = self._check(decisions)
        return self._canonical_forms[np.ravel_multi_index(tuple(matrix.T), self.n_choices)]

    @cached_property
    def _canonical_forms(self) -> IntArray:
        """Canonical form of every architecture of the space, by its number."""
        decisions = self._from_numbers(np.arange(self.size))
        classes = isomorphism_classes(self._computing(decisions))
        forms, preference = self._candidates(decisions)
        order = np.lexsort((*preference.T[::-1], classes))
        _, first, members = np.unique(classes[order], return_index=True, return_inverse=True)
        chosen = np.empty_like(forms)
        chosen[order] = forms[order[first]][members]
        return chosen

    @abstractmethod
    def _computing(self, decisions: IntArray) -> Graphs:
        """Write what computes: what hands nothing on is absent, and what copies is a wire."""

    @abstractmethod
    def _candidates(self, decisions: IntArray) -> tuple[IntArray, IntArray]:
        """Return forms equal to these, and numbers that are least, in order, for the preferred."""
