"""NATS-Bench: the official files, read without its own package and without trusting the pickles."""

from __future__ import annotations

import bz2
import math
import os
import pickle
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from joblib import Parallel, delayed
from sklearn.utils import Bunch

from ..utils._options import check_option
from ..utils._texts import one_line
from ._base import choose_targets, common_chance_level, finite, make_bunch, shape_bunch
from ._nasbench201 import CHANCE_LEVELS
from ._numpy_stand_ins import numpy_stand_ins
from ._restricted_pickle import load_restricted_pickle

_TARGETS = ("accuracy", "params", "flops", "latency", "training_time")
# For each (dataset, split): what the network was trained on, and the images it was tested on.
_SPLITS = {
    ("cifar10", "validation"): ("cifar10-valid", "x-valid"),
    ("cifar10", "test"): ("cifar10", "ori-test"),
    ("cifar100", "validation"): ("cifar100", "x-valid"),
    ("cifar100", "test"): ("cifar100", "x-test"),
    ("imagenet16-120", "validation"): ("ImageNet16-120", "x-valid"),
    ("imagenet16-120", "test"): ("ImageNet16-120", "x-test"),
}
_EXTENSION = ".pickle.pbz2"
_SIZE = re.compile(r"\d+(:\d+){4}")
_Extract = Callable[[Path, str, Any], dict[str, Any]]
# What a file may unpack to, whatever its size, and besides for each of its bytes.
_MAX_BYTES, _MAX_RATIO = 100_000_000, 100
_INSTEAD = (
    "Take the folder NATS-tss-v1_0-3ffb9-simple or NATS-sss-v1_0-50262-simple, unpacked from the"
    " .tar of that name. For the topology space, emprox.datasets.fetch_nasbench201 downloads the"
    " same accuracies as plain text."
)


def read_nats_bench(
    path: str | os.PathLike[str],
    dataset: str = "cifar10",
    split: str = "validation",
    *,
    epochs: int | None = None,
    target: str | Sequence[str] = "accuracy",
    n_jobs: int | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Read the official files of NATS-Bench, of the topology or the size space.

    NATS-Bench [1]_ is published as pickles compressed with bzip2. A pickle can run any code when
    it is read; this function refuses everything in it that is not plain data or a number, and
    needs neither the package ``nats_bench`` nor torch. It reads

    - the folder ``NATS-tss-v1_0-3ffb9-simple`` or ``NATS-sss-v1_0-50262-simple``, as it comes out
      of the archive of that name, with a file for each architecture and ``meta.pickle.pbz2``; or
      a folder in which some of the architectures are missing, which are then left out;
    - the file ``NATS-tss-v1_0-3ffb9.pickle.pbz2`` or ``NATS-sss-v1_0-50262.pickle.pbz2``, which
      holds everything in one and takes many gigabytes of memory: prefer the folder.

    The folders that end in ``-full`` hold trained weights as torch objects and are refused, as
    are the older files that end in ``.pth``.

    Parameters
    ----------
    path : str or path-like
        The folder or the file.
    dataset : {"cifar10", "cifar100", "imagenet16-120"}, default="cifar10"
        The images that the networks were trained on.
    split : {"validation", "test"}, default="validation"
        The images that the accuracy was measured on. On CIFAR-10 the networks were trained on half
        of the training images for ``"validation"``, on all of them for ``"test"``.
    epochs : int, default=None
        Which training to take: of 12 or 200 epochs in the topology space, of 1, 12 or 90 epochs in
        the size space. None takes the longest.
    target : str or list of str, default="accuracy"
        What to predict. Accuracies and times are means over the seeds that the network was
        trained with.

        - ``"accuracy"``: accuracy after the last epoch, in percent.
        - ``"params"``: number of parameters, in millions.
        - ``"flops"``: number of operations, in millions.
        - ``"latency"``: time to process a batch of 256 images, in seconds.
        - ``"training_time"``: time of all epochs, in seconds.
    n_jobs : int, default=None
        How many processes read the files of a folder; -1 stands for all processors.
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The architectures are official
        strings, in the order of their indices, the name of a target is, for example,
        ``"cifar10_validation_accuracy"``. ``epochs`` is the length of the training.

    Raises
    ------
    ValueError
        If there is no such combination of `dataset` and `split`, no such target or training, or
        what is at `path` is not NATS-Bench.
    FileNotFoundError
        If there is nothing at `path`, or the folder lacks ``meta.pickle.pbz2``.
    pickle.UnpicklingError
        If a pickle is damaged, unpacks to far more than its like, or asks for something that is
        not plain data.

    See Also
    --------
    fetch_nasbench201 : Accuracies of the topology space as plain text, downloaded once.

    References
    ----------
    .. [1] Dong, Liu, Musial and Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture
       Topology and Size", IEEE Transactions on Pattern Analysis and Machine Intelligence, 2021,
       `arXiv:2009.00437 <https://arxiv.org/abs/2009.00437>`_. The files are linked from
       `D-X-Y/NATS-Bench <https://github.com/D-X-Y/NATS-Bench>`_.

    Examples
    --------
    >>> from emprox.datasets import read_nats_bench
    >>> X, y = read_nats_bench(  # doctest: +SKIP
    ...     "NATS-sss-v1_0-50262-simple", "cifar100", "test", return_X_y=True, n_jobs=-1
    ... )
    >>> X.shape, y.shape  # doctest: +SKIP
    ((32768,), (32768,))
    """
    check_option("(dataset, split)", (dataset, split), _SPLITS)
    chosen = choose_targets(target, _TARGETS)
    path = Path(path)
    read = _read_folder if path.is_dir() else _read_file
    results = read(path, partial(_extract, *_SPLITS[dataset, split], epochs), n_jobs)
    lengths = sorted({result["epochs"] for result in results})
    if len(lengths) > 1:
        raise ValueError(
            f"{path}: the longest training is not the same for all architectures, there are"
            f" {', '.join(map(str, lengths))} epochs; choose one with epochs="
        )
    architectures = [result["architecture"] for result in results]
    bunch = make_bunch(
        architectures,
        {f"{dataset}_{split}_{name}": [result[name] for result in results] for name in chosen},
        "nats_bench.rst",
        space="natsbench_size" if _SIZE.fullmatch(architectures[0]) else "nasbench201",
        chance_level=common_chance_level(chosen, {"accuracy": CHANCE_LEVELS[dataset]}),
        epochs=lengths[0],
        filename=str(path),
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)


def _read_folder(folder: Path, extract: _Extract, n_jobs: int | None) -> list[dict[str, Any]]:
    meta = folder / f"meta{_EXTENSION}"
    if not meta.exists():
        raise FileNotFoundError(f"{meta} is missing: this is no folder of NATS-Bench. {_INSTEAD}")
    files = {int(file.name[:6]): file for file in sorted(folder.glob(f"{'[0-9]' * 6}{_EXTENSION}"))}
    names = _names(meta, _load(meta).get("meta_archs"), files)
    jobs = (delayed(_read_architecture)(files[n], names[n], extract) for n in sorted(files))
    return list(Parallel(n_jobs=n_jobs)(jobs))


def _read_architecture(file: Path, architecture: str, extract: _Extract) -> dict[str, Any]:
    return extract(file, architecture, _load(file))


def _read_file(file: Path, extract: _Extract, n_jobs: int | None) -> list[dict[str, Any]]:
    if file.exists() and not file.name.endswith(_EXTENSION):
        raise ValueError(f"{file} does not end in {_EXTENSION}. {_INSTEAD}")
    content = _load(file)
    results: Any = content.get("arch2infos")
    names = _names(file, content.get("meta_archs"), results)
    return [extract(file, names[number], results[number]) for number in sorted(results)]


def _names(file: Path, names: Any, results: Any) -> list[str]:
    """Check the list of all architectures, and the numbers of those that there are results of."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{file} does not list architectures as strings. {_INSTEAD}")
    if not isinstance(results, dict) or not set(results) <= set(range(len(names))) or not results:
        raise ValueError(f"{file}: there are no results, or not only of the {len(names)} listed")
    return names


def _extract(
    trained_on: str,
    tested_on: str,
    epochs: int | None,
    file: Path,
    architecture: str,
    trainings: Any,
) -> dict[str, Any]:
    """Read the results of an architecture; the numbers are means over the seeds."""
    try:
        by_epochs = {int(length): training for length, training in trainings.items()}
        length = max(by_epochs) if epochs is None else epochs
        if length not in by_epochs:
            known = ", ".join(map(str, by_epochs))
            raise ValueError(f"no training of {length} epochs; there are {known}")
        training = by_epochs[length]
        if training["arch_str"] != architecture:
            raise ValueError("it is of another architecture than the meta file says")
        seeds = training["dataset_seed"][trained_on]
        runs = {seed: training["all_results"][trained_on, seed] for seed in seeds}
        last = {seed: f"{tested_on}@{run['epochs'] - 1}" for seed, run in runs.items()}
        if not runs:
            raise ValueError(f"no run on {trained_on}")
        return {
            "architecture": architecture,
            "epochs": length,
            "accuracy": _mean(run["eval_acc1es"][last[seed]] for seed, run in runs.items()),
            "params": _consistent({seed: finite(run["params"]) for seed, run in runs.items()}),
            "flops": _consistent({seed: finite(run["flop"]) for seed, run in runs.items()}),
            "latency": _mean(_mean(run["latency"]) for run in runs.values() if run["latency"]),
            "training_time": _mean(
                sum(run["train_times"].values()) for run in runs.values() if run["train_times"]
            ),
        }
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        reason = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise ValueError(f"{file}: malformed results: {one_line(reason, 200)}") from error


def _mean(numbers: Iterable[Any]) -> float:
    """Return the mean, NaN of no number."""
    values = list(map(finite, numbers))
    return sum(values) / len(values) if values else math.nan


def _consistent(by_seed: Mapping[int, float]) -> float:
    """Return the size of a network, as the authors' interface does where it depends on the seed."""
    sizes = list(by_seed.values())
    if max(sizes) - min(sizes) > 1e-5 and 888 in by_seed:
        return by_seed[888]
    return _mean(sizes)


def _load(file: Path) -> dict[Any, Any]:
    max_bytes = _MAX_BYTES + _MAX_RATIO * file.stat().st_size
    try:
        with bz2.open(file) as stream:
            content = load_restricted_pickle(cast(BinaryIO, stream), numpy_stand_ins(), max_bytes)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(
            f"{file} is damaged, or not of NATS-Bench: {error}. (A folder that ends in -full holds"
            f" trained weights as torch objects.) {_INSTEAD}"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} is not of NATS-Bench: it holds no dictionary. {_INSTEAD}")
    return content
