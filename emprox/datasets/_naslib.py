"""Read the pickled benchmark files of NASLib without unpickling anything but data."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ..spaces import SearchSpace, get_space
from ._base import choose_targets, finite, make_bunch, shape_bunch
from ._numpy_stand_ins import numpy_stand_ins
from ._restricted_pickle import load_restricted_pickle

# What is predicted if the caller does not say: the measure on data not trained on.
_DEFAULT_TARGETS = ("eval_acc1es", "val_accuracies")
# Accuracy of a guess on the data sets of NAS-Bench-201, as the files call them.
_CHANCE_LEVELS = {
    **{"cifar10": 10.0, "cifar10-valid": 10.0, "cifar100": 1.0, "ImageNet16-120": 100 / 120}
}
_EXPECTED = (
    "expected a dictionary from architectures to results, as in nb201_cifar10_full_training.pickle"
    " or nb301_full_training.pickle"
)


def read_naslib(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    target: str | Sequence[str] | None = None,
    space: str | SearchSpace | None = None,
    with_curves: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Read a pickled benchmark file of NASLib that you have downloaded.

    ======================================  ===========  ====================================
    File                                    Space        Targets that it holds
    ======================================  ===========  ====================================
    nb201_cifar10_full_training.pickle,     nasbench201  eval_acc1es, eval_losses,
    nb201_cifar100_full_training.pickle,                 train_acc1es, train_losses, flops,
    nb201_ImageNet16_full_training.pickle,               params, latency, train_time
    nb201_ninapro_full_training.pickle,
    nb201_all.pickle
    nb301_full_training.pickle              darts        val_accuracies, train_losses, runtime
    ======================================  ===========  ====================================

    A pickle is a program. Here it may make numbers, strings, tuples, lists, dictionaries and
    arrays of numbers; whatever else it asks for is refused, and nothing is run.

    Parameters
    ----------
    path : str or path-like
        The file.
    dataset : str, default=None
        The data set, as the file calls it: ``"cifar10-valid"``, ``"cifar100"`` and so on. It can
        be left out if the file holds only one.
    target : str or list of str, default=None
        What to predict: the name of a result that the file holds, also one of its ``cost_info``.
        None takes eval_acc1es or val_accuracies, whichever there is. Of a learning curve it is
        the value of the last epoch.
    space : str or SearchSpace, default=None
        The search space of the architectures, which has to read them as the file writes them.
        None tells NAS-Bench-201 and DARTS from their form.
    with_curves : bool, default=False
        Whether to return the learning curves too.
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The architectures are in the space's
        text form, in the order of the file, the target in the file's unit, which is percent for
        accuracies. There are also

        curves : dict of {str: ndarray of shape (n_samples, n_epochs)} or None
            With ``with_curves=True``, the value after each epoch of every result that the file
            has as a learning curve. Shorter curves are padded with NaN.
        dataset : str or None
            The data set, if the file says which.

    Raises
    ------
    UnpicklingError
        If the file is not a complete pickle, or asks for anything but data.
    ValueError
        If the file holds something else, an architecture is not one of the space, a result is
        missing, NaN, infinite or no number, or the data set or the target does not exist.
    FileNotFoundError
        If there is no such file.

    See Also
    --------
    fetch_nasbench201 : The same accuracies of NAS-Bench-201 from small files without pickle.

    References
    ----------
    NASLib, https://github.com/automl/NASLib, whose README says where the files are.

    Examples
    --------
    >>> import pickle
    >>> from emprox.datasets import read_naslib
    >>> cell = "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"
    >>> results = {cell: {"cifar100": {"eval_acc1es": [31.2, 55.4], "cost_info": {"params": 0.3}}}}
    >>> with open("nb201_cifar100_full_training.pickle", "wb") as file:
    ...     pickle.dump(results, file)
    >>> benchmark = read_naslib("nb201_cifar100_full_training.pickle", with_curves=True)
    >>> benchmark.target, benchmark.curves["eval_acc1es"]
    (array([55.4]), array([[31.2, 55.4]]))
    """
    path = Path(path)
    results = _load(path)
    architectures = list(results)
    dataset, records = _choose_dataset(path, results, dataset)
    first = records[0]
    if target is None:
        target = next(filter(first.__contains__, _DEFAULT_TARGETS), _DEFAULT_TARGETS[0])
    numeric = [name for name in first if _is_numeric(first[name])]
    chosen = choose_targets(target, numeric)
    resolved = get_space(_guess_space(path, architectures[0]) if space is None else space)
    texts = resolved.format(resolved.encode(architectures))
    curves = None
    if with_curves:
        names = [name for name, value in first.items() if _is_curve(value) and _is_numeric(value)]
        columns = {
            name: zip_longest(*_read_result(path, records, name), fillvalue=np.nan)
            for name in names
        }
        curves = {name: np.array(list(values)).T.copy() for name, values in columns.items()}
    bunch = make_bunch(
        texts,
        {name: [curve[-1] for curve in _read_result(path, records, name)] for name in chosen},
        "naslib.rst",
        resolved.name,
        _CHANCE_LEVELS.get(dataset or "") if chosen == ["eval_acc1es"] else None,
        curves=curves,
        dataset=dataset,
        filename=str(path),
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)


def _load(path: Path) -> dict[Any, dict[str, Any]]:
    with path.open("rb") as stream:
        try:
            results = load_restricted_pickle(stream, numpy_stand_ins())
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(f"{path}: {error}") from error
    if not isinstance(results, dict) or not results:
        raise ValueError(f"{path}: {_EXPECTED}, got {type(results).__name__}")
    for number, record in enumerate(results.values()):
        if not isinstance(record, dict) or not record or not all(map(_is_name, record)):
            kind = type(record).__name__
            raise ValueError(f"{path}, architecture {number}: {_EXPECTED}, got {kind}")
    return results


def _choose_dataset(
    path: Path, results: Mapping[Any, Mapping[str, Any]], dataset: str | None
) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the name of the data set and the results on it, without levels below."""
    first = next(iter(results.values()))
    if not all(isinstance(value, dict) for value in first.values()):
        if dataset is not None:
            raise ValueError(f"{path} does not tell data sets apart; leave out dataset={dataset!r}")
        return None, list(map(_flatten, results.values()))
    if dataset is None and len(first) == 1:
        (dataset,) = first
    if dataset is None or dataset not in first:
        raise ValueError(f"{path}: choose dataset= among {', '.join(map(repr, first))}")
    return dataset, [_flatten(record.get(dataset)) for record in results.values()]


def _flatten(record: Any) -> dict[str, Any]:
    """Take results out of the level below; where there are none, they will be missed."""
    flat: dict[str, Any] = {}
    if not isinstance(record, dict):
        return flat
    for name, value in record.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return {name: value for name, value in flat.items() if _is_name(name)}


def _guess_space(path: Path, architecture: Any) -> str:
    match architecture:
        case str() | (int(), int(), int(), int(), int(), int()):
            return "nasbench201"
        case (tuple(), tuple()):
            return "darts"
    raise ValueError(f"{path}: cannot tell the search space; {_EXPECTED}, or say space=")


def _is_name(key: Any) -> bool:
    return isinstance(key, str) and len(key) < 100


def _is_curve(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_numeric(value: Any) -> bool:
    """Say whether this is a number, finite or not, or a list of numbers."""
    items = value if _is_curve(value) else [value]
    return bool(items) and all(type(item) in (int, float) for item in items)


def _read_result(path: Path, records: Sequence[Mapping[str, Any]], name: str) -> list[list[float]]:
    """Return a result of each architecture as a learning curve, of one epoch if it is a number."""
    curves = []
    for number, record in enumerate(records):
        value: Any = record.get(name)
        try:
            curves.append([finite(item) for item in (value if _is_curve(value) else [value])])
            if not curves[-1]:
                raise ValueError("no epoch")
        except ValueError as error:
            raise ValueError(f"{path}, architecture {number}, {name}: {error}") from error
    return curves
