"""NAS-Bench-101: 423,624 cells from the official file, or 500 from NASLib's."""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spaces._nasbench101 import NASBench101Space
from ._base import (
    choose_targets,
    fetch_file,
    make_result,
    published_file,
    read_description,
)
from ._protobuf import read_fields
from ._tfrecord import read_records

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_SPACE = NASBench101Space()
_OFFICIAL = published_file(
    "nasbench_only108.tfrecord",
    url="https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",
    sha256="4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
)
_NASLIB = published_file(
    "zc_nasbench101.json",
    url=(
        "https://raw.githubusercontent.com/automl/NASLib/"
        "0b116007d41832a6c52a7cfbb91c00d9b9aef7a3/naslib/data/zc_nasbench101.json"
    ),
    sha256="c34840bc9af68b6ebaa7f052e42c1749a9a737d7243078be2a5548052bc5a0c2",
)
# The fields of the message EvaluationData, and of ModelMetrics.
_EVALUATION_FIELDS = {
    "training_time": 2,
    "train_accuracy": 3,
    "validation_accuracy": 4,
    "test_accuracy": 5,
}
_TARGETS = (*_EVALUATION_FIELDS, "trainable_parameters")
_EVALUATIONS, _TRAINABLE_PARAMETERS = 1, 2
_STAGES = ("start", "halfway", "final")
# The names in NASLib's file; only one is called otherwise here, to match the official file.
_NASLIB_TARGETS = {
    "validation_accuracy": "val_accuracy",
    **{
        name: name
        for name in (
            *("params", "flops", "epe_nas", "fisher", "grad_norm", "grasp", "jacov", "l2_norm"),
            *("plain", "snip", "synflow"),
        )
    },
}
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
    and every checksum in it is verified. This takes about a minute for each million rows.

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
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (n_samples,) of str, or DataFrame of shape (n_samples, 1)
            The cells, in the order of the file, in the text form of the space ``"nasbench101"``:
            the adjacency matrix row by row, a colon and the operations, such as
            ``0110000100010000:input,conv3x3-bn-relu,maxpool3x3,output``. With ``as_frame=True``
            it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (n_samples,) or (n_samples, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, and their licence.
        space : str
            ``"nasbench101"``, the name of the search space in :mod:`emprox.spaces`.
        module_hashes : list of str of length n_samples
            The benchmark's own key of each cell.
        filename : str
            Path of the file.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a target or stage does not exist, the file has no training of that length or repeat,
        or it is damaged, truncated or of another kind; the message says where.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

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
    if stage not in _STAGES:
        raise ValueError(f"stage has to be one of {', '.join(_STAGES)}, got {stage!r}")
    cells, values, hashes = _read_official(path, chosen, epochs, _STAGES.index(stage), repeat)
    return make_result(
        cells,
        values,
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench101_official.rst"),
        space=_SPACE.name,
        module_hashes=hashes,
        filename=str(path),
    )


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

        data : ndarray of shape (n_samples,) of str, or DataFrame of shape (n_samples, 1)
            The cells in the text form of the space ``"nasbench101"``, in the order of the file.
            With ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (n_samples,) or (n_samples, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, what to know about them, and their licence.
        space : str
            ``"nasbench101"``, the name of the search space in :mod:`emprox.spaces`.
        url : str
            Address of the file.
        filename : str
            Path of the copy that was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If there is no such subset or target, or a file is malformed.
    OSError
        If the file cannot be had, or is not the published one. The message says how to put it
        right by hand.
    ImportError
        If the file has to be downloaded and pooch is not installed, or ``as_frame=True`` and
        pandas is not.

    See Also
    --------
    read_nasbench101 : Read a file that you have; also one of the three trainings, the full file
        with shorter ones, and what was measured halfway.
    clear_data_home : Delete the downloaded files.

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
    if subset not in ("all", "naslib"):
        raise ValueError(f"subset has to be 'all' or 'naslib', got {subset!r}")
    file = _OFFICIAL if subset == "all" else _NASLIB
    chosen = choose_targets(target, _TARGETS if subset == "all" else tuple(_NASLIB_TARGETS))
    path = fetch_file(
        file, data_home=data_home, download_if_missing=download_if_missing, verbose=verbose
    )
    if subset == "all":
        cells, values, hashes = _read_official(path, chosen, 108, _STAGES.index("final"), None)
        attributes = {"module_hashes": hashes}
    else:
        cells, values = _read_naslib(path, chosen)
        attributes = {}
    return make_result(
        cells,
        values,
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description(
            "nasbench101_official.rst" if subset == "all" else "nasbench101_naslib.rst"
        ),
        space=_SPACE.name,
        url=file.url,
        filename=str(path),
        **attributes,
    )


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
                if _n_nodes(adjacency) != _n_operations(operations):
                    raise ValueError(f"{adjacency} and {operations} differ in the number of nodes")
                cells.append(f"{adjacency}:{operations}")
        except ValueError as error:
            raise ValueError(f"{path}, record {number}: {error}") from error
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
    if not 0 <= repeat < n_repeats.min():
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
    try:
        row = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a row of NAS-Bench-101, which is JSON: {error}") from error
    kinds = (str, int, str, str, str)
    if (
        not isinstance(row, list)
        or len(row) != len(kinds)
        or not all(isinstance(field, kind) for field, kind in zip(row, kinds, strict=True))
    ):
        raise ValueError(
            "not a row of NAS-Bench-101, which is a list of the hash, the number of epochs, the"
            f" adjacency matrix, the operations and the metrics; got {record[:80]!r}"
        )
    return tuple(row)


# The file has 6,472 different matrices and 364 different lists of operations.
@cache
def _n_nodes(adjacency: str) -> int:
    """Check an adjacency matrix of the official file and return the number of its nodes."""
    n_nodes = math.isqrt(len(adjacency))
    names = ["input", *_SPACE.operations[:1] * (n_nodes - 2), "output"]
    _SPACE.parse(f"{adjacency}:{','.join(names)}")
    return n_nodes


@cache
def _n_operations(operations: str) -> int:
    """Check a list of operations of the official file and return how many there are."""
    names = operations.split(",")
    if len(names) < 2 or names[0] != "input" or names[-1] != "output":
        raise ValueError(f"the operations have to go from input to output, got {operations!r}")
    for name in names[1:-1]:
        if name not in _SPACE.operations:
            raise ValueError(
                f"unknown operation {name!r}; the operations are {', '.join(_SPACE.operations)}"
            )
    return len(names)


def _read_metrics(encoded: str, targets: Sequence[str], stage: int) -> list[float]:
    """Read targets from a ModelMetrics message, a protocol buffer, in base64."""
    try:
        message = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the metrics are not in base64: {error}") from error
    fields = list(read_fields(message))
    evaluations = [value for field, value in fields if field == _EVALUATIONS]
    if len(evaluations) != len(_STAGES) or not isinstance(evaluations[stage], bytes):
        raise ValueError(f"the metrics have {len(evaluations)} evaluations, not three")
    measured = dict(read_fields(evaluations[stage]))
    fixed = dict(fields)
    values: list[float] = []
    for name in targets:
        if name == "trainable_parameters":
            value = fixed.get(_TRAINABLE_PARAMETERS)
        else:
            value = measured.get(_EVALUATION_FIELDS[name])
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"the metrics have no {name}")
        if name.endswith("accuracy"):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} has to be between 0 and 1, got {value}")
            value *= 100
        values.append(value)
    return values


def _read_naslib(path: Path, targets: Sequence[str]) -> tuple[list[str], dict[str, list[float]]]:
    """Read NASLib's JSON file of cells and zero-cost proxies."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))["nasbench101"]["cifar10"]
        entries = list(table.items())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not NASLib's table of NAS-Bench-101, a JSON object that has 'cifar10' in"
            f" 'nasbench101': {error!r}"
        ) from error
    cells: list[str] = []
    values: dict[str, list[float]] = {name: [] for name in targets}
    for number, (key, entry) in enumerate(entries, start=1):
        try:
            cells.append(_SPACE.format(key))
            for name in targets:
                values[name].append(_number(entry, _NASLIB_TARGETS[name]))
        except ValueError as error:
            raise ValueError(f"{path}, entry {number}: {error}") from error
    if not cells:
        raise ValueError(f"{path} holds no cell")
    return cells, values


def _number(entry: Any, name: str) -> float:
    value = entry.get(name) if isinstance(entry, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"expected a number as {name}, got {value!r}")
    if name == "val_accuracy" and not 0 <= value <= 100:
        raise ValueError(f"expected a percentage between 0 and 100 as {name}, got {value}")
    return float(value)
