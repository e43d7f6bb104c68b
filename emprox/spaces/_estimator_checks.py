"""The contract that every estimator of architectures keeps, as a test that anyone can run."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graphs import ArchitectureError
from ..utils._random import RandomState
from ._base import SearchSpace
from ._registry import get_space


def check_architecture_estimator(
    estimator: Any,
    space: str | SearchSpace,
    n_architectures: int = 40,
    random_state: RandomState = 0,
    *,
    architectures: Sequence[Any] | None = None,
) -> None:
    """Check that a transformer or regressor of architectures does what scikit-learn users expect.

    scikit-learn's own checks make matrices, and cannot be run on what reads architectures. This is
    their counterpart.

    Parameters
    ----------
    estimator : transformer or regressor
        The estimator, not fitted. It has to give the same results with the same ``random_state``.
    space : str or SearchSpace
        The search space of its architectures.
    n_architectures : int, default=40
        How many random architectures to check it on, with accuracies that are made up.
    random_state : int, Generator, RandomState or None, default=0
        Seed or generator of the architectures.
    architectures : sequence, default=None
        The architectures to check it on, in any form that the space reads. Needed where none can
        be drawn, as in the space ``"network"``.

    Raises
    ------
    AssertionError
        If it does not; the message says what is broken.

    See Also
    --------
    check_search_space : The same for a search space.

    Examples
    --------
    >>> from emprox import StructuralProperties
    >>> from emprox.spaces import check_architecture_estimator
    >>> check_architecture_estimator(StructuralProperties("nasbench201"), "nasbench201")
    """
    # Only now: spaces do without these, which take a second to import.
    import pandas as pd
    from sklearn.base import clone, is_regressor
    from sklearn.exceptions import NotFittedError

    space = get_space(space)
    if architectures is None:
        decisions = space.sample(n_architectures, random_state, replace=True)
        texts = space.format(decisions)
    else:
        texts = list(architectures)
        n_architectures, decisions = len(texts), space.learn(texts).encode(texts)
    array = np.empty(n_architectures, dtype=object)
    array[:] = texts
    accuracies = 50 + 10 * np.sin(decisions.sum(axis=1) + 0.1 * np.arange(n_architectures))

    def apply(fitted: Any, X: Any) -> Any:
        return fitted.predict(X) if is_regressor(estimator) else fitted.transform(X)

    def assert_same(found: Any, expected: Any, what: str) -> None:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6, err_msg=what)

    fitted = clone(estimator).fit(texts, accuracies)
    expected = np.asarray(apply(fitted, texts), dtype=float)
    assert len(expected) == n_architectures, "there is not a row for each architecture"
    assert np.isfinite(expected).all(), "the result is not finite"

    frame = pd.DataFrame({"architecture": texts}, index=range(100, 100 + n_architectures))
    forms = {
        "an array": array,
        "a data frame": frame,
        "a series": frame["architecture"],
        "a decision matrix": decisions,
    }
    for form, given in forms.items():
        assert_same(apply(fitted, given), expected, f"{form} gives another result than a list")
    assert_same(apply(fitted, texts[::-1]), expected[::-1], "a row depends on the others' order")
    assert_same(apply(fitted, texts[:1]), expected[:1], "a row depends on the others")
    assert_same(apply(fitted.fit(texts, accuracies), texts), expected, "a second fit differs")
    again = pickle.loads(pickle.dumps(fitted))
    assert_same(apply(again, texts), expected, "pickling changes the result")

    foreign = [texts[0], "no such architecture"]
    infinite = np.where(np.arange(n_architectures) == 1, np.inf, accuracies)
    fit = clone(estimator).fit
    refused: list[tuple[type[Exception], str, Any]] = [
        (NotFittedError, "works without a fit", lambda: apply(clone(estimator), texts)),
        (ArchitectureError, "accepts what is no architecture", lambda: apply(fitted, foreign)),
        (ValueError, "accepts no architectures at all", lambda: apply(fitted, [])),
    ]
    if is_regressor(estimator):
        refused += [
            (ValueError, "accepts too few accuracies", lambda: fit(texts, accuracies[1:])),
            (ValueError, "accepts an infinite accuracy", lambda: fit(texts, infinite)),
        ]
    for kind, what, call in refused:
        index = None
        try:
            call()
        except kind as error:
            index = getattr(error, "index", 1)
        assert index == 1, f"{what}, or the error does not say which one is wrong"
    if not is_regressor(estimator):
        names = fitted.get_feature_names_out()
        assert len(set(names)) == expected.shape[1], "the columns are not named one by one"
        table = clone(estimator).set_output(transform="pandas").fit(frame).transform(frame)
        assert list(table.columns) == list(names), "pandas output has other columns"
        assert list(table.index) == list(frame.index), "pandas output loses the index"
