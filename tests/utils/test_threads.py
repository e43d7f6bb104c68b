"""The limit on the threads of the linear algebra library."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from emprox.utils._threads import one_blas_thread


def n_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    np.linalg.inv(np.eye(2))
    with threadpool_limits(2, user_api="blas"):
        if n_threads() != {2}:
            pytest.skip("the linear algebra library cannot be given two threads here")
        yield


@pytest.mark.usefixtures("two_threads")
def test_holds_inside_and_is_undone_outside():
    with one_blas_thread():
        assert n_threads() == {1}
        with one_blas_thread():
            assert n_threads() == {1}
        assert n_threads() == {1}
    assert n_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_is_undone_after_an_error():
    with pytest.raises(KeyError), one_blas_thread():
        raise KeyError
    assert n_threads() == {2}
