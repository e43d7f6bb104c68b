"""Read the pickled benchmark files of NASLib without unpickling anything but data."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..spaces import ArchitectureError, SearchSpace, get_space
from ._base import choose_targets, make_result, read_description
from ._numpy_stand_ins import numpy_stand_ins
from ._restricted_pickle import load_restricted_pickle

if TYPE_CHECKING:
    from sklearn.utils import Bunch

# What is predicted if the caller does not say: the measure on data not trained on.
_DEFAULT_TARGETS = ("eval_acc1es", "val_accuracies")

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
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (n_samples,) of str, or DataFrame of shape (n_samples, 1)
            The architectures in the space's text form, in the order of the file. With
            ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (n_samples,) or (n_samples, n_targets), Series or DataFrame
            The target in the unit of the file, which is percent for accuracies; two-dimensional
            if `target` is a list.
        curves : dict of {str: ndarray of shape (n_samples, n_epochs)} or None
            With ``with_curves=True``, the value after each epoch of every result that the file
            has as a learning curve. Shorter curves are padded with NaN.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the files are and what to know about them.
        space : str
            The name of the search space.
        dataset : str or None
            The data set, if the file says which.
        filename : str
            Path of the file.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    UnpicklingError
        If the file is not a complete pickle, or asks for anything but data.
    ValueError
        If the file holds something else, an architecture is not one of the space, a result is
        missing or not a number, or the data set or the target does not exist.
    FileNotFoundError
        If there is no such file.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

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
    target = _default_target(path, first) if target is None else target
    chosen = choose_targets(target, [name for name in first if _is_numeric(first[name])])
    resolved = get_space(_guess_space(path, architectures[0]) if space is None else space)
    try:
        decisions = resolved.encode(architectures)
    except ArchitectureError as error:
        raise ArchitectureError(f"{path}: {error.message}", error.index) from error

    targets = {name: [_last(curve) for curve in _column(path, records, name)] for name in chosen}
    curves = None
    if with_curves:
        names = [name for name in first if _is_numeric(first[name]) and _is_curve(first[name])]
        curves = {name: _pad(_column(path, records, name)) for name in names}
    return make_result(
        [resolved.format(architecture) for architecture in resolved.decode(decisions)],
        targets,
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        curves=curves,
        DESCR=read_description("naslib.rst"),
        space=resolved.name,
        dataset=dataset,
        filename=str(path),
    )


def _load(path: Path) -> dict[Any, dict[str, Any]]:
    with path.open("rb") as stream:
        try:
            results = load_restricted_pickle(stream, numpy_stand_ins())
        except pickle.UnpicklingError as error:
            raise type(error)(f"{path}: {error}") from error
    if not isinstance(results, dict) or not results:
        raise ValueError(f"{path}: {_EXPECTED}, got {_brief(results)}")
    for architecture, record in results.items():
        if not isinstance(record, dict) or not record:
            raise ValueError(f"{path}: {_EXPECTED}, got {_brief(record)} for {architecture!r}")
    return results


def _choose_dataset(
    path: Path, results: Mapping[Any, Mapping[str, Any]], dataset: str | None
) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the name of the data set and the results on it, without levels below."""
    first = next(iter(results.values()))
    if not all(isinstance(value, dict) for value in first.values()):
        if dataset is not None:
            raise ValueError(f"{path} does not tell data sets apart; leave out dataset={dataset!r}")
        return None, [_flatten(record) for record in results.values()]
    names = ", ".join(map(repr, first))
    if dataset is None:
        if len(first) > 1:
            raise ValueError(f"{path} holds several data sets; choose dataset= among {names}")
        (dataset,) = first
    if dataset not in first:
        raise ValueError(f"{path} has no data set {dataset!r}; it has {names}")
    records = []
    for architecture, record in results.items():
        if not isinstance(record.get(dataset), dict):
            raise ValueError(f"{path} has no results on {dataset!r} for {architecture!r}")
        records.append(_flatten(record[dataset]))
    return dataset, records


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat


def _default_target(path: Path, record: Mapping[str, Any]) -> str:
    for name in _DEFAULT_TARGETS:
        if name in record:
            return name
    raise ValueError(
        f"{path} has none of the usual targets {', '.join(_DEFAULT_TARGETS)}; choose target= among"
        f" {', '.join(map(repr, record))}"
    )


def _guess_space(path: Path, architecture: Any) -> str:
    if isinstance(architecture, str):
        return "nasbench201"
    if isinstance(architecture, tuple):
        if len(architecture) == 6 and all(isinstance(number, int) for number in architecture):
            return "nasbench201"
        if len(architecture) == 2 and all(isinstance(cell, tuple) for cell in architecture):
            return "darts"
    raise ValueError(
        f"{path}: cannot tell the search space of {architecture!r}; {_EXPECTED}, or say space="
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_curve(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_numeric(value: Any) -> bool:
    return _is_number(value) or (
        _is_curve(value) and len(value) > 0 and all(_is_number(item) for item in value)
    )


def _column(path: Path, records: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    for number, record in enumerate(records):
        if not _is_numeric(record.get(name)):
            raise ValueError(
                f"{path}, architecture {number}: {name} has to be a number or a list of numbers,"
                f" got {_brief(record.get(name))}"
            )
    return [record[name] for record in records]


def _last(value: Any) -> float:
    return float(value[-1] if _is_curve(value) else value)


def _pad(curves: Sequence[Any]) -> NDArray[np.float64]:
    curves = [curve if _is_curve(curve) else [curve] for curve in curves]
    padded = np.full((len(curves), max(map(len, curves))), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    return padded


def _brief(value: Any) -> str:
    text = repr(value)
    return f"{text[:60]}{'…' if len(text) > 60 else ''} of type {type(value).__name__}"
