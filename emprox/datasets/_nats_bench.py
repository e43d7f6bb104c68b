"""NATS-Bench: the official files, read without its own package and without trusting the pickles."""

from __future__ import annotations

import bz2
import math
import os
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from ._base import choose_targets, make_result, read_description
from ._numpy_stand_ins import numpy_stand_ins
from ._restricted_pickle import UnsafePickleError, load_restricted_pickle

if TYPE_CHECKING:
    from sklearn.utils import Bunch

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
_ARCHITECTURE_FILE = re.compile(r"(\d+)\.pickle\.pbz2")
_SIZE = re.compile(r"\d+(:\d+){4}")
_INSTEAD = (
    "For the topology space, emprox.datasets.fetch_nasbench201 downloads accuracies of the same"
    " benchmark as plain text."
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
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (n_samples,) of str, or DataFrame of shape (n_samples, 1)
            The architectures as official strings, in the order of their indices. With
            ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (n_samples,) or (n_samples, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets, such as ``["cifar10_validation_accuracy"]``.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are and what to know about the labels.
        space : str
            ``"nasbench201"`` or ``"natsbench_size"``, the name of the search space in
            :mod:`emprox.spaces`.
        epochs : int
            Length of the training.
        filename : str
            Path of what was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If there is no such combination of `dataset` and `split`, no such target or training, or
        what is at `path` is not NATS-Bench.
    FileNotFoundError
        If there is nothing at `path`, or the folder lacks ``meta.pickle.pbz2``.
    pickle.UnpicklingError
        If a pickle is damaged, or asks for something that is not plain data.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

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
    if (dataset, split) not in _SPLITS:
        existing = ", ".join(f"({name!r}, {part!r})" for name, part in _SPLITS)
        raise ValueError(
            f"no results for dataset={dataset!r} and split={split!r}."
            f" The combinations (dataset, split) that exist are: {existing}"
        )
    chosen = choose_targets(target, _TARGETS)
    query = _Query(*_SPLITS[dataset, split], epochs)
    path = Path(path)
    _check_path(path)
    results = _read_folder(path, query, n_jobs) if path.is_dir() else _read_file(path, query)
    lengths = sorted({result.epochs for result in results})
    if len(lengths) > 1:
        raise ValueError(
            f"{path}: the longest training is not the same for all architectures, there are"
            f" {', '.join(map(str, lengths))} epochs; choose one with epochs="
        )
    return make_result(
        [result.architecture for result in results],
        {
            f"{dataset}_{split}_{name}": [getattr(result, name) for result in results]
            for name in chosen
        },
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nats_bench.rst"),
        space=_space_of(results[0].architecture),
        epochs=lengths[0],
        filename=str(path),
    )


class _Query(NamedTuple):
    """Which of the many results of an architecture to read."""

    trained_on: str
    tested_on: str
    epochs: int | None


class _Result(NamedTuple):
    """What is read of an architecture; the numbers are means over the seeds."""

    architecture: str
    epochs: int
    accuracy: float
    params: float
    flops: float
    latency: float
    training_time: float


def _check_path(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.is_dir():
        return
    if path.suffix == ".pth":
        raise ValueError(
            f"{path} is a file of torch, of the older NAS-Bench-201, which holds objects that only"
            " an unrestricted unpickler can read. Take the folder NATS-tss-v1_0-3ffb9-simple of"
            f" NATS-Bench. {_INSTEAD}"
        )
    if path.suffix == ".tar":
        raise ValueError(f"{path} has to be unpacked first (tar xf {path.name}): pass the folder")
    if not path.name.endswith(_EXTENSION):
        raise ValueError(f"expected a folder or a file that ends in {_EXTENSION}, got {path}")


def _read_folder(folder: Path, query: _Query, n_jobs: int | None) -> list[_Result]:
    meta = folder / f"meta{_EXTENSION}"
    if not meta.exists():
        raise FileNotFoundError(
            f"{meta} is missing, without which a folder is not one of NATS-Bench: pass the folder"
            " NATS-tss-v1_0-3ffb9-simple or NATS-sss-v1_0-50262-simple"
        )
    names = _architectures(meta, _load(meta))
    numbered = {
        int(match[1]): file
        for file in folder.iterdir()
        if (match := _ARCHITECTURE_FILE.fullmatch(file.name))
    }
    if not numbered:
        raise ValueError(f"{folder} holds no file of an architecture, such as 000000{_EXTENSION}")
    foreign = [file for number, file in numbered.items() if number >= len(names)]
    if foreign:
        raise ValueError(f"{foreign[0]}: there are only {len(names)} architectures")
    from joblib import Parallel, delayed

    read: list[_Result] = Parallel(n_jobs=n_jobs)(
        delayed(_read_architecture)(numbered[number], names[number], query)
        for number in sorted(numbered)
    )
    return read


def _read_architecture(file: Path, architecture: str, query: _Query) -> _Result:
    return _extract(file, architecture, _load(file), query)


def _read_file(file: Path, query: _Query) -> list[_Result]:
    content = _load(file)
    names = _architectures(file, content)
    infos = content.get("arch2infos")
    if not isinstance(infos, dict) or not infos:
        raise ValueError(
            f"{file} holds no results of architectures (no 'arch2infos'); if it is the meta file"
            " of a folder, pass the folder"
        )
    for number in infos:
        if not isinstance(number, int) or not 0 <= number < len(names):
            raise ValueError(f"{file}: there is no architecture {number!r}")
    return [_extract(file, names[number], infos[number], query) for number in sorted(infos)]


def _architectures(file: Path, content: Any) -> list[str]:
    names = content.get("meta_archs") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{file} is not of NATS-Bench: it does not list architectures as strings")
    return names


def _space_of(architecture: str) -> str:
    return "natsbench_size" if _SIZE.fullmatch(architecture) else "nasbench201"


def _extract(file: Path, architecture: str, trainings: Any, query: _Query) -> _Result:
    """Read the results of an architecture from the dictionary of its trainings."""
    try:
        by_epochs = {int(epochs): training for epochs, training in trainings.items()}
        epochs = max(by_epochs) if query.epochs is None else query.epochs
        if epochs not in by_epochs:
            raise ValueError(
                f"no training of {epochs} epochs; there are {', '.join(map(str, by_epochs))}"
            )
        training = by_epochs[epochs]
        if training["arch_str"] != architecture:
            raise ValueError(
                f"it is of {training['arch_str']!r}, but the meta file says {architecture!r}"
            )
        seeds = training["dataset_seed"][query.trained_on]
        runs = {seed: training["all_results"][query.trained_on, seed] for seed in seeds}
        if not runs:
            raise ValueError(f"no run on {query.trained_on}")
        return _Result(
            architecture,
            epochs,
            accuracy=_mean(
                run["eval_acc1es"][f"{query.tested_on}@{run['epochs'] - 1}"]
                for run in runs.values()
            ),
            params=_consistent({seed: float(run["params"]) for seed, run in runs.items()}),
            flops=_consistent({seed: float(run["flop"]) for seed, run in runs.items()}),
            latency=_mean(_mean(run["latency"]) for run in runs.values() if run["latency"]),
            training_time=_mean(
                sum(run["train_times"].values()) for run in runs.values() if run["train_times"]
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = error if isinstance(error, ValueError) else f"malformed: {error!r}"
        raise ValueError(f"{file}, architecture {architecture}: {reason}") from error


def _mean(numbers: Iterable[Any]) -> float:
    values = [float(number) for number in numbers]
    return sum(values) / len(values) if values else math.nan


def _consistent(by_seed: Mapping[int, float]) -> float:
    """Return the size of a network, which cannot depend on the seed.

    In some of the official files it does; the interface of the benchmark's authors then takes
    what was written down with the seed 888.
    """
    sizes = list(by_seed.values())
    if max(sizes) - min(sizes) > 1e-5 and 888 in by_seed:
        return by_seed[888]
    return _mean(sizes)


def _load(file: Path) -> Any:
    try:
        with bz2.open(file) as stream:
            return load_restricted_pickle(cast(BinaryIO, stream), numpy_stand_ins())
    except UnsafePickleError as error:
        raise UnsafePickleError(
            f"{file}: {error} If the folder is one that ends in -full, it holds trained weights as"
            f" torch objects: take the one that ends in -simple. {_INSTEAD}"
        ) from error
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"{file} is damaged, or not of NATS-Bench: {error}") from error
