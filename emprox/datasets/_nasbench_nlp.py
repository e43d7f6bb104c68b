"""NAS-Bench-NLP: recurrent cells trained as language models, read from their training logs."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces._nasbench_nlp import NASBenchNLPSpace
from ._base import choose_targets, make_result, read_description
from ._json_files import read_archive

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_TARGETS = (
    "validation_loss",
    "test_loss",
    "training_loss",
    "last_validation_loss",
    "n_parameters",
    "seconds",
)


def read_nasbench_nlp(
    path: str | os.PathLike[str],
    *,
    target: str | Sequence[str] = "validation_loss",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Read training logs of NAS-Bench-NLP: recurrent cells and how well they model language.

    The losses are cross entropies in nats per word, the logarithm of the perplexity: **lower is
    better**. Negate them where higher has to be better.

    Parameters
    ----------
    path : str or path-like
        An archive ``logs.zip`` of the benchmark [1]_, such as that of the 345 runs on WikiText-2,
        or a folder into which it was unpacked.
    target : str or list of str, default="validation_loss"
        What to read of each run: ``"validation_loss"``, the lowest of all epochs;
        ``"test_loss"`` and ``"training_loss"`` of that epoch; ``"last_validation_loss"`` of the
        last epoch; ``"n_parameters"`` of the model, embedding included; ``"seconds"`` of training.
        A list of names gives a target of as many columns.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (n_runs,) of str, or DataFrame of shape (n_runs, 1)
            The cells as recipes in JSON, as the logs have them. A cell that was trained several
            times stands there as often. With ``as_frame=True`` it is a data frame with the column
            ``"architecture"``.
        target : ndarray of shape (n_runs,) or (n_runs, n_targets), Series or DataFrame
            The targets.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, what to know about the labels, and their licence.
        space : str
            ``"nasbench_nlp"``, the name of the search space in :mod:`emprox.spaces`.
        failed : list of str
            The recipes of the runs that did not end well, which are left out everywhere else.
        filename : str
            Path of what was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If a target does not exist, or the archive is damaged or holds something else.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    References
    ----------
    .. [1] Klyuchnikov, Trofimov, Artemova, Salnikov, Fedorov, Filippov and Burnaev, "NAS-Bench-NLP:
       Neural Architecture Search Benchmark for Natural Language Processing", IEEE Access, 2022,
       `arXiv:2006.07116 <https://arxiv.org/abs/2006.07116>`_. Logs:
       https://github.com/fmsnew/nas-bench-nlp-release, ``train_logs_wikitext-2/logs.zip``.

    Examples
    --------
    >>> from emprox.datasets import read_nasbench_nlp
    >>> X, y = read_nasbench_nlp("logs.zip", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((341,), (341,))
    """
    chosen = choose_targets(target, _TARGETS)
    file = Path(path).expanduser()
    logs = read_archive(file, lambda name: name.endswith(".json"))
    if not logs:
        raise ValueError(f"{file} holds no training log: expected files that end in .json")
    recipes: list[str] = []
    failed: list[str] = []
    columns: dict[str, list[float]] = {name: [] for name in chosen}
    for name, log in logs.items():
        try:
            recipe, results = _read_log(log)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{file}, member {name}: not a training log: {error!r}") from error
        if results is None:
            failed.append(recipe)
            continue
        recipes.append(recipe)
        for column, values in columns.items():
            values.append(results[column])
    return make_result(
        recipes,
        columns,
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench_nlp.rst"),
        space=NASBenchNLPSpace.name,
        failed=failed,
        filename=str(file),
    )


def _read_log(log: dict[str, Any]) -> tuple[str, dict[str, float] | None]:
    """Return the recipe of one run and its results, None if it failed."""
    recipe = log["recepie"]  # so spelled in the logs
    if not isinstance(recipe, str):
        raise TypeError(f"the recipe has to be a text, got {type(recipe).__name__}")
    if log["status"] != "OK":
        return recipe, None
    losses = {
        part: [_finite(loss) for loss in log[f"{part}_losses"]] for part in ("train", "val", "test")
    }
    n_epochs = {len(values) for values in losses.values()}
    if len(n_epochs) > 1 or 0 in n_epochs:
        raise ValueError("the losses of all epochs are missing, or differ in number")
    best = min(range(len(losses["val"])), key=losses["val"].__getitem__)
    return recipe, {
        "validation_loss": losses["val"][best],
        "test_loss": losses["test"][best],
        "training_loss": losses["train"][best],
        "last_validation_loss": losses["val"][-1],
        "n_parameters": _finite(log["num_params"]),
        "seconds": math.fsum(_finite(seconds) for seconds in log["wall_times"]),
    }


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value!r}")
    return float(value)
