"""How many threads numerical libraries may use."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_n_inside = 0
_limiter: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep the linear algebra library from using several threads.

    Matrices of some hundred rows are slower with several, and the last bits depend on their
    number. The library has one number for the whole process: the first to come lowers it, and the
    last to leave restores it, whichever threads they are.
    """
    global _n_inside, _limiter
    with _lock:
        if _n_inside == 0:
            _limiter = _blas().limit(limits=1)
        _n_inside += 1
    try:
        yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                _limiter.restore_original_limits()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep OpenMP from using several threads as well, which it counts for each caller apart."""
    loaded = tuple(name for name in ("sklearn", "torch", "xgboost") if name in sys.modules)
    with one_blas_thread(), _openmp(loaded).limit(limits=1):
        yield


@cache
def _openmp(loaded: tuple[str, ...]) -> ThreadpoolController:
    # A library is only found once it is loaded, and these bring one each.
    return ThreadpoolController().select(user_api="openmp")


@cache
def _blas() -> ThreadpoolController:
    # A library is only found once it is loaded; numpy and scipy may have one each.
    scipy.linalg.inv(np.linalg.inv(np.eye(1)))
    return ThreadpoolController().select(user_api="blas")
