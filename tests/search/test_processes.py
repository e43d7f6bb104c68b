"""What becomes of worker processes when something goes wrong."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import emprox

ENDLESS = """
import itertools, os, signal, sys
import numpy as np
from emprox.search import rank_architectures

class Model:
    def predict(self, X):
        {action}
        return np.zeros(len(X))

def candidates():
    for number in itertools.count():
        if number == 1000:  # so that batches have been ranked
            print("working", flush=True)
        yield (number % 5, 1, 2, 3, 4, 0)

rank_architectures(Model(), candidates(), space="nasbench201", batch_size=20, n_jobs={n_jobs})
"""


@pytest.fixture
def start():
    """Start a script in a process group of its own, as a shell does."""
    processes = []
    path = os.pathsep.join(
        [str(Path(emprox.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )

    def start(**settings):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS.format(**settings)],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if is_anybody_left(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def is_anybody_left(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def check_that_nobody_is_left(group):
    """Wait a little, because what watches over semaphores ends after the main process."""
    end = time.monotonic() + 30
    while is_anybody_left(group):
        assert time.monotonic() < end, "there are processes left"
        time.sleep(0.05)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_ends_all_processes(start, n_jobs):
    process = start(action="pass", n_jobs=n_jobs)
    assert process.stdout.readline() == "working\n"
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert error.splitlines()[-1] == "KeyboardInterrupt"
    assert error.count("Traceback") == 1
    check_that_nobody_is_left(process.pid)


def test_worker_that_is_killed(start):
    process = start(action="os.kill(os.getpid(), signal.SIGKILL)", n_jobs=2)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "TerminatedWorkerError: A worker process managed by the executor was" in error
    check_that_nobody_is_left(process.pid)
