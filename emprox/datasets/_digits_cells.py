"""Every NAS-Bench-201 cell, trained on scikit-learn's digits, with its learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ._base import choose_targets, common_chance_level, make_bunch, shape_bunch
from ._nasbench201 import read_bundled_table

_N_EPOCHS = 12
# All cells were trained with this seed.
_SEED = 0
_TARGETS = ("test_accuracy", "parameters", "multiply_adds", "training_seconds")
_LOSSES = [f"train_loss_{epoch}" for epoch in range(1, _N_EPOCHS + 1)]
_ACCURACIES = [f"validation_accuracy_{epoch}" for epoch in range(1, _N_EPOCHS + 1)]


def load_digits_cells(
    *,
    target: str | Sequence[str] = "test_accuracy",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load all 5,425 different NAS-Bench-201 cells, trained on digits, with learning curves.

    A benchmark that is small and yet real: each network was trained for 12 epochs on 500 images
    of scikit-learn's digits [1]_, of 8 x 8 pixels, by a script of emprox. Of the 15,625 cells of
    the space [2]_ those that compute the same function are here once, in their canonical form.
    The table comes with emprox, so nothing is downloaded.

    The rows stand in a random order that never changes, so ``X[:121]`` is a random sample.

    Parameters
    ----------
    target : str or list of str, default="test_accuracy"
        What to predict.

        - ``"test_accuracy"``: in percent of 649 images, after the last epoch.
        - ``"parameters"``: number of trained parameters.
        - ``"multiply_adds"``: multiply-adds of the convolutions and the linear layer for an image.
        - ``"training_seconds"``: processor time of the training, without validating, in seconds.
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The 5,425 cells are official
        strings. There are also

        train_loss : ndarray of shape (5425, 12)
            Mean cross-entropy of each epoch on the training images, in nats.
        validation_accuracy : ndarray of shape (5425, 12)
            Accuracy after each epoch, in percent of 648 images that are neither trained nor
            tested on.
        parameters, multiply_adds, training_seconds : ndarray of shape (5425,)
            As the targets of these names.
        repeated : ndarray of shape (400,)
            Positions of the cells that were trained three times, with different seeds.
        repeated_test_accuracy : ndarray of shape (400, 3)
            Their test accuracies, in percent; those of the first column are also in the target.

    See Also
    --------
    load_nasbench201 : Accuracies of the same cells on CIFAR-10.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
       Learning Repository, 1998.
    .. [2] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
       Search", ICLR 2020, `arXiv:2001.00326 <https://arxiv.org/abs/2001.00326>`_.

    Examples
    --------
    >>> from emprox.datasets import load_digits_cells
    >>> data = load_digits_cells()
    >>> data.data.shape, data.validation_accuracy.shape
    ((5425,), (5425, 12))
    """
    chosen = choose_targets(target, _TARGETS)
    columns = ["seed", *_TARGETS, *_LOSSES, *_ACCURACIES]
    architectures, table = read_bundled_table("digits_cells.csv.gz", columns)
    table.index = pd.Index(architectures)
    cells = table[table["seed"] == _SEED]
    accuracies = table.groupby(level=0)["test_accuracy"].agg(list)[cells.index]
    repeated = np.flatnonzero(accuracies.map(len) > 1)
    bunch = make_bunch(
        cells.index.tolist(),
        {name: cells[name] for name in chosen},
        "digits_cells.rst",
        "nasbench201",
        common_chance_level(chosen, {"test_accuracy": 10.0}),
        train_loss=cells[_LOSSES].to_numpy(),
        validation_accuracy=cells[_ACCURACIES].to_numpy(),
        **{name: cells[name].to_numpy(dtype=float) for name in _TARGETS[1:]},
        repeated=repeated,
        repeated_test_accuracy=np.array(accuracies.iloc[repeated].tolist()),
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)
