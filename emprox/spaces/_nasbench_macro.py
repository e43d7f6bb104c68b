"""The NAS-Bench-Macro search space (Su et al., 2021)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._chains import ChainSpace
from ._errors import ArchitectureError
from ._random import RandomState, as_generator
from ._sequences import IntArray

IDENTITY = 0
# The layers of each stage after its first, which changes resolution and channels.
_INNER_LAYERS = (slice(1, 2), slice(3, 5), slice(6, 8))
_DIGITS = re.compile("[0-2]{8}")


class NASBenchMacroSpace(ChainSpace):
    """Networks of eight layers, each one of three blocks: 6,561 networks.

    The decisions are the blocks of the layers in the benchmark's numbering: 0 identity, 1 mb3_k3
    (a MobileNetV2 block with kernel size 3 and expansion ratio 3), 2 mb6_k5 (kernel size 5,
    expansion ratio 6). The layers make up stages of two, three and three; the first layer of each
    stage halves the resolution and doubles the channels.

    `parse` reads the benchmark's text of eight digits (``21020211``), eight block names or numbers,
    the text of such a tuple (``"(2, 1, 0, 2, 0, 2, 1, 1)"``), an `Architecture` and its JSON form.
    `format` writes the eight digits.

    Notes
    -----
    An identity that is not the first layer of its stage does nothing, so only the order of the
    stage's other blocks counts. The canonical form moves these identities to the end of their
    stage. This is exact, and is how the benchmark's authors trained 3,969 networks for 6,561
    codes. An identity in the first layer of a stage is no identity, but a convolution 1x1 with
    stride 2 and batch normalisation, and stays where it is. No further descriptions of the same
    network are known.

    References
    ----------
    Xiu Su, Tao Huang, Yanxi Li, Shan You, Fei Wang, Chen Qian, Changshui Zhang and Chang Xu.
    Prioritized Architecture Sampling with Monto-Carlo Tree Search. CVPR 2021.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench_macro")
    >>> space.parse("21020211").operations[1:4]
    ('mb6_k5', 'mb3_k3', 'identity')
    >>> space.format(space.canonical("00002021"))
    '00020021'
    """

    name = "nasbench_macro"
    title = "NAS-Bench-Macro: 8 layers with 3 blocks each"
    operations = ("identity", "mb3_k3", "mb6_k5")
    n_choices = (len(operations),) * 8
    _accepted = "a text of eight digits such as '21020211', eight blocks"

    def canonicalize(self, decisions: ArrayLike) -> IntArray:
        """Move the identities that do nothing to the end of their stage.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 8)
            Decision matrix.

        Returns
        -------
        ndarray of shape (n_architectures, 8)
            Decision matrix of the canonical forms.
        """
        matrix = self._check_decisions(decisions)
        for layers in _INNER_LAYERS:
            block = matrix[:, layers]
            order = np.argsort(block == IDENTITY, axis=1, kind="stable")
            matrix[:, layers] = np.take_along_axis(block, order, axis=1)
        return matrix

    def relabel(self, decisions: ArrayLike, random_state: RandomState = None) -> IntArray:
        """Move the identities that do nothing to other places in their stage.

        Parameters
        ----------
        decisions : array-like of shape (n_architectures, 8)
            Decision matrix.
        random_state : int, Generator, RandomState or None, default=None
            Seed or generator.

        Returns
        -------
        ndarray of shape (n_architectures, 8)
            Decision matrix.
        """
        matrix = self._check_decisions(decisions)
        rng = as_generator(random_state)
        for layers in _INNER_LAYERS:
            block = matrix[:, layers]
            order = np.argsort(rng.random(block.shape), axis=1)
            moved = np.zeros_like(block)
            # Each row has as many blocks as places for them, so the rows stay together.
            places = np.take_along_axis(block != IDENTITY, order, axis=1)
            moved[places] = block[block != IDENTITY]
            matrix[:, layers] = moved
        return matrix

    def _write(self, decisions: Sequence[int]) -> str:
        return "".join(map(str, decisions))

    def _read_text(self, text: str) -> Sequence[int]:
        if _DIGITS.fullmatch(text) is None:
            raise ArchitectureError(
                f"expected eight digits from 0 to 2, one for each layer, as in '21020211',"
                f" got {text!r}"
            )
        return [int(digit) for digit in text]
