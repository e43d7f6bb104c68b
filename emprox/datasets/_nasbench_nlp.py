"""NAS-Bench-NLP: recurrent cells trained as language models, read from their training logs."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from ..utils._texts import one_line
from ._base import choose_targets, finite, make_bunch, shape_bunch
from ._json_files import read_archive

_LOSSES = ("validation_loss", "test_loss", "training_loss", "last_validation_loss")
_TARGETS = (*_LOSSES, "n_parameters", "seconds")


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
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The cells are recipes in JSON, as
        the logs have them; one that was trained several times stands there as often. ``failed``
        is a list of the recipes whose training failed.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If a target does not exist, or the archive is damaged or holds something else; names the
        file.

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
    succeeded, failed = [], []
    for name, log in logs.items():
        try:
            recipe, results = _read_log(log)
        except (ValueError, TypeError, KeyError) as error:
            reason = f"{file}, member {name}: not a training log: {type(error).__name__}: {error}"
            raise ValueError(one_line(reason, 500)) from error
        if results is None:
            failed.append(recipe)
        else:
            succeeded.append((recipe, results))
    bunch = make_bunch(
        [recipe for recipe, _ in succeeded],
        {name: [results[name] for _, results in succeeded] for name in chosen},
        "nasbench_nlp.rst",
        "nasbench_nlp",
        chance_level=None,
        failed=failed,
        filename=str(file),
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)


def _read_log(log: dict[str, Any]) -> tuple[str, dict[str, float] | None]:
    """Return the recipe of one run and its results, None if it failed."""
    recipe = log["recepie"]  # so spelled in the logs
    if not isinstance(recipe, str):
        raise TypeError(f"the recipe has to be a text, got {type(recipe).__name__}")
    if log["status"] != "OK":
        return recipe, None
    train, validation, test = (
        list(map(finite, log[f"{part}_losses"])) for part in ("train", "val", "test")
    )
    if not len(train) == len(validation) == len(test) > 0:
        raise ValueError("the losses of all epochs are missing, or differ in number")
    best = validation.index(min(validation))
    return recipe, {
        "validation_loss": validation[best],
        "test_loss": test[best],
        "training_loss": train[best],
        "last_validation_loss": validation[-1],
        "n_parameters": finite(log["num_params"]),
        "seconds": math.fsum(map(finite, log["wall_times"])),
    }
