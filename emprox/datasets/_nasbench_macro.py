"""NAS-Bench-Macro: 6,561 networks of eight layers on CIFAR-10."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from ._base import choose_targets, common_chance_level, make_bunch, shape_bunch
from ._download import fetch_file
from ._json_files import parse_json

# How to read each target from the record of a network.
_TARGETS: dict[str, Callable[[dict[str, Any]], float]] = {
    "mean_accuracy": lambda record: record["mean_acc"],
    "accuracy_run1": lambda record: record["test_acc"][0],
    "accuracy_run2": lambda record: record["test_acc"][1],
    "accuracy_run3": lambda record: record["test_acc"][2],
    "accuracy_std": lambda record: record["std"],
    "params": lambda record: record["params"],
    "flops": lambda record: record["flops"],
}
_ACCURACIES = list(_TARGETS)[:4]


def fetch_nasbench_macro(
    *,
    target: str | Sequence[str] = "mean_accuracy",
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Fetch the networks of NAS-Bench-Macro with their accuracies, downloading them once.

    NAS-Bench-Macro [1]_ has the test accuracies on CIFAR-10 of networks of eight layers, each an
    identity or one of two MobileNetV2 blocks. The 6,561 rows are 3,969 different networks, because
    it does not matter between which blocks an identity stands: rows of the same network hold the
    same numbers. Keep them together when you split (see the example), or a good part of the test
    set is known.

    Parameters
    ----------
    target : str or list of str, default="mean_accuracy"
        What to predict.

        - ``"mean_accuracy"``: mean test accuracy of three runs, in percent.
        - ``"accuracy_run1"``, ``"accuracy_run2"``, ``"accuracy_run3"``: test accuracy of each
          run, in percent.
        - ``"accuracy_std"``: standard deviation of the three, in percentage points.
        - ``"params"``: number of parameters.
        - ``"flops"``: number of multiplications and additions, each pair counted once.
    data_home : str or path-like, default=None
        As in :func:`get_data_home`.
    download_if_missing : bool, default=True
        As for all that fetch.
    verbose, return_X_y, as_frame : bool, default=False
        As for all that fetch.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        With the attributes that :mod:`emprox.datasets` lists. The networks are eight digits, such
        as ``21020211``: 0 identity, 1 block with kernel size 3 and expansion ratio 3, 2 block with
        kernel size 5 and expansion ratio 6.

    References
    ----------
    .. [1] Su, Huang, Li, You, Wang, Qian, Zhang and Xu, "Prioritized Architecture Sampling with
       Monto-Carlo Tree Search", CVPR 2021, `arXiv:2103.11922 <https://arxiv.org/abs/2103.11922>`_.

    Examples
    --------
    Rows of the same network have the same canonical form, and so a side of the split:

    >>> from emprox.datasets import fetch_nasbench_macro
    >>> from emprox.model_selection import isomorphism_groups
    >>> from sklearn.model_selection import GroupShuffleSplit
    >>> X, y = fetch_nasbench_macro(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((6561,), (6561,))
    >>> groups = isomorphism_groups(X, "nasbench_macro")  # doctest: +SKIP
    >>> split = GroupShuffleSplit(random_state=0).split(X, y, groups)  # doctest: +SKIP
    """
    chosen = choose_targets(target, _TARGETS)
    file = fetch_file("nas-bench-macro_cifar10.json", data_home, download_if_missing, verbose)
    path = Path(file["filename"])
    records = parse_json(path.read_bytes(), path)
    columns = {name: list(map(_TARGETS[name], records.values())) for name in chosen}
    level = common_chance_level(chosen, dict.fromkeys(_ACCURACIES, 10.0))
    bunch = make_bunch(
        list(records), columns, "nasbench_macro.rst", "nasbench_macro", level, **file
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)
