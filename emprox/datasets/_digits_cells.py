"""Every NAS-Bench-201 cell, trained on scikit-learn's digits, with its learning curve."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import choose_targets, make_result, percentage, read_description, read_table
from ._nasbench201 import from_digits

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_TABLE = "digits_cells.csv.gz"
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

    =================  ==========
    Samples            5,425
    Features           1 (string)
    Targets            real
    =================  ==========

    Parameters
    ----------
    target : str or list of str, default="test_accuracy"
        What to predict.

        - ``"test_accuracy"``: in percent of 649 images, after the last epoch.
        - ``"parameters"``: number of trained parameters.
        - ``"multiply_adds"``: multiply-adds of the convolutions and the linear layer for an image.
        - ``"training_seconds"``: processor time of the training, without validating, in seconds.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (5425,) of str, or DataFrame of shape (5425, 1)
            The cells as official strings, such as
            ``|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|``.
            With ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (5425,) or (5425, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        train_loss : ndarray of shape (5425, 12)
            Mean cross-entropy of each epoch on the training images, in nats.
        validation_accuracy : ndarray of shape (5425, 12)
            Accuracy after each epoch, in percent of 648 images that are neither trained nor
            tested on.
        parameters, multiply_adds : ndarray of shape (5425,)
            As the targets of these names.
        training_seconds : ndarray of shape (5425,)
            As the target of this name.
        repeated : ndarray of shape (400,)
            Positions of the cells that were trained three times, with different seeds.
        repeated_test_accuracy : ndarray of shape (400, 3)
            Their test accuracies, in percent; those of the first column are also in the target.
        DESCR : str
            What the data are, and how they were made.
        space : str
            ``"nasbench201"``, the name of the search space.
    (data, target) : tuple
        If ``return_X_y=True``.

    Raises
    ------
    ValueError
        If `target` is unknown.
    ImportError
        If ``as_frame=True`` and pandas is missing.

    See Also
    --------
    load_nasbench201 : Accuracies of the same cells on CIFAR-10.
    emprox.predictors.SoTLE : Predicts from a learning curve.

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
    table = resources.files(__package__) / "data" / _TABLE
    converters: dict[str, Callable[[str], Any]] = {"operations": from_digits, "seed": int}
    converters |= dict.fromkeys([*_TARGETS, *_LOSSES], float)
    converters |= dict.fromkeys(_ACCURACIES, percentage)
    with table.open("rb") as stream, gzip.open(stream, "rt", encoding="ascii", newline="") as lines:
        read = read_table(lines, _TABLE, converters)
    columns = {name: np.array(values) for name, values in read.items()}
    first = columns["seed"] == _SEED
    architectures = columns.pop("operations")[first].tolist()
    repeated, accuracies = _repeated(read, architectures)
    columns = {name: values[first] for name, values in columns.items()}
    return make_result(
        architectures,
        {name: columns[name] for name in chosen},
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        train_loss=np.column_stack([columns[name] for name in _LOSSES]),
        validation_accuracy=np.column_stack([columns[name] for name in _ACCURACIES]),
        parameters=columns["parameters"],
        multiply_adds=columns["multiply_adds"],
        training_seconds=columns["training_seconds"],
        repeated=repeated,
        repeated_test_accuracy=accuracies,
        DESCR=read_description("digits_cells.rst"),
        space="nasbench201",
    )


def _repeated(
    columns: dict[str, list[Any]], architectures: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the cells with several seeds, and their test accuracies."""
    of_cell: dict[str, list[float]] = {}
    for cell, accuracy in zip(columns["operations"], columns["test_accuracy"], strict=True):
        of_cell.setdefault(cell, []).append(accuracy)
    positions = [number for number, cell in enumerate(architectures) if len(of_cell[cell]) > 1]
    return np.array(positions), np.array([of_cell[architectures[place]] for place in positions])
