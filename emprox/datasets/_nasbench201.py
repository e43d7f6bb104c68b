"""NAS-Bench-201: 15,625 cells, from a bundled table or from the official results."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ..spaces import get_space
from ..utils._options import check_option
from ._base import choose_targets, common_chance_level, make_bunch, read_table, shape_bunch
from ._download import fetch_file

_SPACE = "nasbench201"
_ACCURACIES = (
    *("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy", "analog_accuracy"),
    *(
        f"{training}_drift_{seconds}s"
        for training in ("baseline", "analog")
        for seconds in (60, 3600, 86400, 2592000)
    ),
)
_UNCERTAINTIES = tuple(f"{name}_uncertainty" for name in _ACCURACIES if "drift" in name)
_OFFICIAL = ("nats_bench.csv", "ArchitectureString")
# For each (dataset, split): the file, its column of architectures, its column of accuracies.
_SOURCES = {
    ("cifar10", "validation"): ("robustness_targets.csv", "net", "val_accs"),
    ("cifar10", "test"): (*_OFFICIAL, "CIFAR10TestAccuracy200Epochs"),
    ("cifar100", "test"): (*_OFFICIAL, "CIFAR100TestAccuracy200Epochs"),
    ("imagenet16-120", "validation"): ("nb201_ImageNet16-120_valid_nets.csv", "net", "val_accs"),
    ("imagenet16-120", "test"): (*_OFFICIAL, "ImageNetTestAccuracy200Epochs"),
}
CHANCE_LEVELS = {"cifar10": 10.0, "cifar100": 1.0, "imagenet16-120": 100 / 120}


def read_bundled_table(name: str, columns: Iterable[str]) -> tuple[list[str], pd.DataFrame]:
    """Read a table that comes with emprox; return the cells, and the columns asked for."""
    file = resources.files(__package__) / "data" / name
    with file.open("rb") as compressed, gzip.open(compressed) as stream:
        table = read_table(cast(IO[bytes], stream), name, ["operations", *columns])
    digits = np.frombuffer("".join(table.pop("operations")).encode(), dtype=np.uint8)
    decisions = digits.reshape(len(table), 6).astype(np.int64) - ord("0")
    return get_space(_SPACE).format(decisions), table


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
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The 15,625 cells are official
        strings, such as
        ``|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|``.

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
    chosen = choose_targets(target, [*_ACCURACIES, *_UNCERTAINTIES])
    architectures, table = read_bundled_table("nasbench201_analog.csv.gz", chosen)
    columns = {name: table[name] for name in chosen}
    level = common_chance_level(chosen, dict.fromkeys(_ACCURACIES, 10.0))
    bunch = make_bunch(architectures, columns, "nasbench201_analog.rst", _SPACE, level)
    return shape_bunch(bunch, target, return_X_y, as_frame)


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
        As in :func:`get_data_home`.
    download_if_missing : bool, default=True
        As for all that fetch.
    verbose, return_X_y, as_frame : bool, default=False
        As for all that fetch.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        With the attributes that :mod:`emprox.datasets` lists. The cells are official strings, the
        accuracies in percent; their name is, for example, ``"cifar10_validation_accuracy"``.

    See Also
    --------
    load_nasbench201 : Accuracies that need no download.

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
    check_option("(dataset, split)", (dataset, split), _SOURCES)
    filename, net, accuracy = _SOURCES[dataset, split]
    file = fetch_file(filename, data_home, download_if_missing, verbose)
    table = read_table(Path(file["filename"]), filename, [net, accuracy])
    space = get_space(_SPACE)
    architectures = space.format(space.encode(table[net].tolist()))
    name = f"{dataset}_{split}_accuracy"
    columns, level = {name: table[accuracy]}, CHANCE_LEVELS[dataset]
    bunch = make_bunch(architectures, columns, "nasbench201_official.rst", _SPACE, level, **file)
    return shape_bunch(bunch, name, return_X_y, as_frame)
