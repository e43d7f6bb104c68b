"""How many threads the linear algebra of numpy may use."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg
from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep the linear algebra library from using several threads.

    For matrices of some hundred rows several threads are slower than one, on a busy machine by
    more than a factor of ten, because they wait for each other at every product. And the last bits
    of a product depend on their number, so that a search with ``n_jobs`` would find others.

    Returns
    -------
    context manager
        Restores the number of threads when left.

    Examples
    --------
    >>> import numpy as np
    >>> from emprox.utils._threads import one_blas_thread
    >>> with one_blas_thread():
    ...     np.linalg.inv(2 * np.eye(2))
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    return _blas().limit(limits=1)


@cache
def _blas() -> ThreadpoolController:
    # A library is only found once it is loaded; numpy and scipy may have one each.
    scipy.linalg.inv(np.linalg.inv(np.eye(1)))
    return ThreadpoolController().select(user_api="blas")
