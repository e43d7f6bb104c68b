"""NAS-Bench-101: 423,624 cells from the official file, or 500 from NASLib's."""

from __future__ import annotations

import base64
import os
from array import array
from collections.abc import Sequence
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ..spaces import ArchitectureError, NASBench101Space
from ..utils._options import check_option
from ..utils._texts import one_line
from ._base import choose_targets, common_chance_level, finite, make_bunch, percentage, shape_bunch
from ._download import fetch_file
from ._json_files import parse_json
from ._protobuf import read_fields
from ._tfrecord import read_records

_SPACE = NASBench101Space()
# The fields of the message EvaluationData, and of ModelMetrics.
_MEASURED = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
_TARGETS = (*_MEASURED, "trainable_parameters")
_FIRST_MEASURED, _EVALUATIONS, _TRAINABLE_PARAMETERS = 2, 1, 2
_STAGES = ("start", "halfway", "final")
# The names in NASLib's file; only one is called otherwise here, to match the official file.
_PROXIES = "epe_nas fisher grad_norm grasp jacov l2_norm plain snip synflow"
_NASLIB_TARGETS = {
    "validation_accuracy": "val_accuracy",
    **{name: name for name in ["params", "flops", *_PROXIES.split()]},
}
_CHANCE_LEVELS = dict.fromkeys((name for name in _TARGETS if "accuracy" in name), 10.0)
# The rows of the official file have about 400 bytes.
_LONGEST_ROW = 2**16


def read_nasbench101(
    path: str | os.PathLike[str],
    *,
    target: str | Sequence[str] = "validation_accuracy",
    epochs: int = 108,
    stage: str = "final",
    repeat: int | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Read an official file of NAS-Bench-101, for which TensorFlow is not needed.

    There are two, ``nasbench_only108.tfrecord`` (about 500 MB) and ``nasbench_full.tfrecord``
    (about 2 GB, with trainings of 4, 12, 36 and 108 epochs) [1]_. The file is read as a stream,
    which takes about a minute for each million rows. Its checksums are not verified.

    Parameters
    ----------
    path : str or path-like
        The file.
    target : str or list of str, default="validation_accuracy"
        What to predict.

        - ``"validation_accuracy"``, ``"test_accuracy"``, ``"train_accuracy"``: in percent, each
          on 10,000 images of CIFAR-10.
        - ``"training_time"``: in seconds.
        - ``"trainable_parameters"``: how many the network has.
    epochs : int, default=108
        The length of the training: 108, and in the full file also 4, 12 or 36.
    stage : {"final", "halfway", "start"}, default="final"
        When in the training the target was measured. The learning rate of a training of 108
        epochs is not yet low at epoch 54, so that ``"halfway"`` differs from a training of that
        length.
    repeat : int, default=None
        Every network was trained three times. 0, 1 or 2 takes one of the trainings, in the order
        of the file; None takes the mean of all.
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The cells are in the order of the
        file, as the adjacency matrix row by row, a colon and the operations, such as
        ``0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output``. ``module_hashes`` are the
        benchmark's own keys of the cells.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a target or stage does not exist, the file has no training of that length or repeat,
        or it is damaged, truncated or of another kind; the message says where.

    See Also
    --------
    fetch_nasbench101 : Download the file and read it.

    References
    ----------
    .. [1] https://github.com/google-research/nasbench

    Examples
    --------
    >>> from emprox.datasets import read_nasbench101
    >>> data = read_nasbench101("nasbench_full.tfrecord", epochs=12)  # doctest: +SKIP
    """
    chosen = choose_targets(target, _TARGETS)
    check_option("stage", stage, _STAGES)
    cells, values, hashes = _read_official(path, chosen, epochs, _STAGES.index(stage), repeat)
    bunch = make_bunch(
        cells,
        values,
        "nasbench101_official.rst",
        _SPACE.name,
        common_chance_level(chosen, _CHANCE_LEVELS),
        module_hashes=hashes,
        filename=str(path),
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)


def fetch_nasbench101(
    subset: str = "all",
    *,
    target: str | Sequence[str] = "validation_accuracy",
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Fetch accuracies of NAS-Bench-101 after 108 epochs on CIFAR-10, downloading them once.

    ==============  =======  ============================================  =======
    `subset`        Samples  File                                          Size
    ==============  =======  ============================================  =======
    ``"all"``       423,624  nasbench_only108.tfrecord [1]_                523 MB
    ``"naslib"``    500      zc_nasbench101.json [2]_                      0.26 MB
    ==============  =======  ============================================  =======

    Parameters
    ----------
    subset : {"all", "naslib"}, default="all"
        All cells, with the mean of three trainings each; or 500 cells that NASLib has sampled,
        with one training each and zero-cost proxies. Among the latter there are only 292
        different cells: see DESCR before you split them.
    target : str or list of str, default="validation_accuracy"
        What to predict. With ``subset="all"`` one or more of the targets of
        `read_nasbench101`. With ``subset="naslib"`` one or more of ``"validation_accuracy"`` (in
        percent), ``"params"`` and ``"flops"`` (in millions), and the zero-cost proxies
        ``"epe_nas"``, ``"fisher"``, ``"grad_norm"``, ``"grasp"``, ``"jacov"``, ``"l2_norm"``,
        ``"plain"``, ``"snip"`` and ``"synflow"``.
    data_home : str or path-like, default=None
        As in :func:`get_data_home`.
    download_if_missing : bool, default=True
        As for all that fetch.
    verbose, return_X_y, as_frame : bool, default=False
        As for all that fetch.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        With the attributes that :mod:`emprox.datasets` lists. The cells are in the order of the
        file, as the adjacency matrix row by row, a colon and the operations, such as
        ``0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output``. ``module_hashes`` are the
        benchmark's own keys of the cells, with ``subset="all"``.

    See Also
    --------
    read_nasbench101 : Read a file that you have; also one of the three trainings, the full file
        with shorter ones, and what was measured halfway.

    References
    ----------
    .. [1] Ying, Klein, Christiansen, Real, Murphy and Hutter, "NAS-Bench-101: Towards
       Reproducible Neural Architecture Search", ICML 2019, `arXiv:1902.09635
       <https://arxiv.org/abs/1902.09635>`_.
    .. [2] Krishnakumar, White, Zela, Tu, Safari and Hutter, "NAS-Bench-Suite-Zero: Accelerating
       Research on Zero Cost Proxies", NeurIPS 2022 Datasets and Benchmarks Track,
       `arXiv:2210.03230 <https://arxiv.org/abs/2210.03230>`_.

    Examples
    --------
    >>> from emprox.datasets import fetch_nasbench101
    >>> X, y = fetch_nasbench101("naslib", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((500,), (500,))
    """
    check_option("subset", subset, ("all", "naslib"))
    official = subset == "all"
    chosen = choose_targets(target, _TARGETS if official else _NASLIB_TARGETS)
    filename = "nasbench_only108.tfrecord" if official else "zc_nasbench101.json"
    file = fetch_file(filename, data_home, download_if_missing, verbose)
    path = Path(file["filename"])
    hashes = {}
    if official:
        last = _STAGES.index("final")
        cells, values, hashes["module_hashes"] = _read_official(path, chosen, 108, last, None)
    else:
        cells, values = _read_naslib(path, chosen)
    description = f"nasbench101_{'official' if official else 'naslib'}.rst"
    level = common_chance_level(chosen, _CHANCE_LEVELS)
    bunch = make_bunch(cells, values, description, _SPACE.name, level, **hashes, **file)
    return shape_bunch(bunch, target, return_X_y, as_frame)


def _read_official(
    path: str | os.PathLike[str],
    targets: Sequence[str],
    epochs: int,
    stage: int,
    repeat: int | None,
) -> tuple[list[str], dict[str, Any], list[str]]:
    """Return the cells, their targets and their hashes, each in the order of the file."""
    numbers: dict[str, int] = {}
    cells: list[str] = []
    # For each row of the file that counts, the number of its cell and its values.
    rows, found = array("q"), {name: array("d") for name in targets}
    lengths = set()
    for number, record in enumerate(read_records(path, _LONGEST_ROW), start=1):
        try:
            module_hash, row_epochs, adjacency, operations, metrics = _read_row(record)
            lengths.add(row_epochs)
            if row_epochs != epochs:
                continue
            values = _read_metrics(metrics, targets, stage)
            cell = numbers.setdefault(module_hash, len(cells))
            if cell == len(cells):
                _check_cell(adjacency, operations)
                cells.append(f"{adjacency}:{operations}")
        except ValueError as error:
            raise ValueError(one_line(f"{path}, record {number}: {error}", 500)) from error
        rows.append(cell)
        for name, value in zip(targets, values, strict=True):
            found[name].append(value)
    if not cells:
        known = ", ".join(map(str, sorted(lengths))) or "none, as it is empty"
        raise ValueError(f"{path} holds no training of {epochs} epochs; it has: {known}")
    members = np.array(rows)
    n_repeats = np.bincount(members)
    if repeat is None:
        means = {name: np.bincount(members, values) / n_repeats for name, values in found.items()}
        return cells, means, list(numbers)
    if not isinstance(repeat, Integral) or not 0 <= repeat < n_repeats.min():
        raise ValueError(
            f"repeat has to be None or from 0 to {n_repeats.min() - 1}, the trainings that {path}"
            f" holds of each cell; got {repeat}"
        )
    # The rows of each cell one after the other, those of a cell in the order of the file.
    order = np.argsort(members, kind="stable")
    chosen = order[np.cumsum(n_repeats) - n_repeats + repeat]
    return cells, {name: np.array(values)[chosen] for name, values in found.items()}, list(numbers)


def _read_row(record: bytes) -> tuple[str, int, str, str, str]:
    """Take a row of the official file apart."""
    row = parse_json(record, "not a row of NAS-Bench-101")
    if not isinstance(row, list) or [type(field) for field in row] != [str, int, str, str, str]:
        raise ValueError(
            "not a list of the hash, the number of epochs, the matrix, the operations, the metrics"
        )
    return tuple(row)


def _check_cell(adjacency: str, operations: str) -> None:
    """Check a cell by its parts: there are 6,472 matrices and 364 lists of operations."""
    n_nodes = operations.count(",") + 1
    if len(adjacency) != n_nodes**2:
        raise ValueError("the matrix and the operations differ in the number of nodes")
    _check_parts(adjacency, ",".join(["input", *_SPACE.operations[:1] * (n_nodes - 2), "output"]))
    _check_parts("".join(map(str, np.eye(n_nodes, k=1, dtype=int).ravel())), operations)


@cache
def _check_parts(adjacency: str, operations: str) -> None:
    try:
        _SPACE.encode([f"{adjacency}:{operations}"])
    except ArchitectureError as error:
        raise ValueError(error.message) from error


def _read_metrics(encoded: str, targets: Sequence[str], stage: int) -> list[float]:
    """Read targets from a ModelMetrics message, a protocol buffer, in base64."""
    fields = list(read_fields(base64.b64decode(encoded, validate=True)))
    evaluations = [value for field, value in fields if field == _EVALUATIONS]
    if len(evaluations) != len(_STAGES) or not isinstance(evaluations[stage], bytes):
        raise ValueError(f"the metrics have {len(evaluations)} evaluations, not three")
    measured = dict(read_fields(evaluations[stage]))
    found = {name: measured.get(n) for n, name in enumerate(_MEASURED, start=_FIRST_MEASURED)}
    found["trainable_parameters"] = dict(fields).get(_TRAINABLE_PARAMETERS)
    values = []
    for name in targets:
        try:
            value = finite(found[name])
            values.append(percentage(100 * value) if name in _CHANCE_LEVELS else value)
        except ValueError as error:
            raise ValueError(f"{name} in the metrics: {error}") from error
    return values


def _read_naslib(path: Path, targets: Sequence[str]) -> tuple[list[str], dict[str, list[float]]]:
    """Read NASLib's JSON file of cells and zero-cost proxies."""
    table = parse_json(path.read_bytes(), path)["nasbench101"]["cifar10"]
    cells = _SPACE.format(_SPACE.encode(list(table)))
    records = table.values()
    return cells, {
        name: [finite(record[_NASLIB_TARGETS[name]]) for record in records] for name in targets
    }
