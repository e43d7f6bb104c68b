"""NAS-Bench-Macro: 6,561 networks of eight layers on CIFAR-10."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._base import (
    choose_targets,
    fetch_file,
    make_result,
    percentage,
    published_file,
    read_description,
)

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_FILE = published_file(
    "nas-bench-macro_cifar10.json",
    url=(
        "https://raw.githubusercontent.com/xiusu/NAS-Bench-Macro/"
        "61a2bfc2ca0dce04d0997e6cf498047c27d6acf2/data/nas-bench-macro_cifar10.json"
    ),
    sha256="686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297",
)
_N_RUNS = 3
_TARGETS = (
    "mean_accuracy",
    *(f"accuracy_run{run}" for run in range(1, _N_RUNS + 1)),
    "accuracy_std",
    "params",
    "flops",
)
_DIGITS = re.compile("[0-2]{8}")


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

    =================  ==========
    Samples            6,561
    Features           1 (string)
    Targets            real
    =================  ==========

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
        The folder in which the file is kept under its own name, as in :func:`get_data_home`.
        A copy that you have put there yourself is used as well, if its sha256 is right.
    download_if_missing : bool, default=True
        If False, a file that is not there is an error.
    verbose : bool, default=False
        If True, show a progress bar while downloading.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (6561,) of str, or DataFrame of shape (6561, 1)
            The networks as eight digits, such as ``21020211``: 0 identity, 1 block with kernel
            size 3 and expansion ratio 3, 2 block with kernel size 5 and expansion ratio 6. With
            ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (6561,) or (6561, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, what to know about the labels, and their licence.
        space : str
            ``"nasbench_macro"``, the name of the search space in :mod:`emprox.spaces`.
        url : str
            Address of the file.
        filename : str
            Path of the copy that was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If a target does not exist, or the file is malformed.
    OSError
        If the file cannot be had, or is not the published one. The message says how to put it
        right by hand.
    ImportError
        If the file has to be downloaded and pooch is not installed, or ``as_frame=True`` and
        pandas is not.

    See Also
    --------
    clear_data_home : Delete the downloaded files.

    References
    ----------
    .. [1] Su, Huang, Li, You, Wang, Qian, Zhang and Xu, "Prioritized Architecture Sampling with
       Monto-Carlo Tree Search", CVPR 2021, `arXiv:2103.11922 <https://arxiv.org/abs/2103.11922>`_.

    Examples
    --------
    >>> from emprox.datasets import fetch_nasbench_macro
    >>> X, y = fetch_nasbench_macro(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((6561,), (6561,))

    Rows of the same network share a group, and so a side of the split:

    >>> from sklearn.model_selection import GroupShuffleSplit
    >>> from emprox.spaces import get_space
    >>> space = get_space("nasbench_macro")
    >>> groups = [space.isomorphism_key(network) for network in X]  # doctest: +SKIP
    >>> split = GroupShuffleSplit(random_state=0).split(X, y, groups)  # doctest: +SKIP
    """
    chosen = choose_targets(target, _TARGETS)
    path = fetch_file(
        _FILE, data_home=data_home, download_if_missing=download_if_missing, verbose=verbose
    )
    architectures, targets = _read(path)
    return make_result(
        architectures,
        {name: targets[name] for name in chosen},
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench_macro.rst"),
        space="nasbench_macro",
        url=_FILE.url,
        filename=str(path),
    )


def _read(path: Path) -> tuple[list[str], dict[str, list[float]]]:
    """Read the networks and all targets from the published file."""
    try:
        networks = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(networks, dict) or not networks:
        raise ValueError(f"{path} is malformed: expected networks by their digits")
    targets: dict[str, list[float]] = {name: [] for name in _TARGETS}
    for network, result in networks.items():
        try:
            row = _read_result(network, result)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}, network {network!r}: malformed: {error!r}") from error
        for name, value in zip(_TARGETS, row, strict=True):
            targets[name].append(value)
    return list(networks), targets


def _read_result(network: str, result: dict[str, Any]) -> list[float]:
    if _DIGITS.fullmatch(network) is None:
        raise ValueError("expected eight digits from 0 to 2")
    runs = [percentage(accuracy) for accuracy in result["test_acc"]]
    if len(runs) != _N_RUNS:
        raise ValueError(f"expected {_N_RUNS} test accuracies, got {len(runs)}")
    return [
        percentage(result["mean_acc"]),
        *runs,
        percentage(result["std"]),
        float(result["params"]),
        float(result["flops"]),
    ]
