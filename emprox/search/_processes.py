"""Working on batches in several processes."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from threadpoolctl import threadpool_limits

Result = TypeVar("Result")

# What this process works with, if it is a worker.
_task: Callable[..., Any]


def map_in_order(
    task: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], n_jobs: int
) -> Generator[Result, None, None]:
    """Apply a function to many arguments, in processes that end when it is done or fails.

    Arguments are taken here and not in another thread, and only a few more than there are
    processes, so that they may come from anywhere and be without end. Each process computes with
    a single thread, so that results do not depend on their number.

    Parameters
    ----------
    task : callable
        The function.
    arguments : iterable of tuple
        Its arguments.
    n_jobs : int
        Number of processes; with 1 it is this one.

    Yields
    ------
    object
        The results, in the order of the arguments.
    """
    if n_jobs == 1:
        with threadpool_limits(limits=1):
            for argument in arguments:
                yield task(*argument)
        return
    executor = ProcessPoolExecutor(n_jobs, initializer=_start, initargs=(task,))
    waiting: deque[Any] = deque()
    try:
        for argument in arguments:
            waiting.append(executor.submit(_run, *argument))
            if len(waiting) > 2 * n_jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # What has begun is waited for, a batch or two. Killing the processes would be quicker, but
        # the thread that serves them may then fail with a traceback.
        for future in waiting:
            future.cancel()
        executor.shutdown(wait=True)


def _start(task: Callable[..., Any]) -> None:
    """Make this process a worker."""
    global _task
    _task = task
    threadpool_limits(limits=1)
    # Ctrl-C reaches all processes; the one that started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(*arguments: Any) -> Any:
    return _task(*arguments)
