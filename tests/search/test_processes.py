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

# Whatever runs in the background of a shell ignores it otherwise.
signal.signal(signal.SIGINT, signal.default_int_handler)

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


def is_anybody_left(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def run(interrupt, **settings):
    """Run a script in a process group of its own, as a shell does, and see that all of it ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS.format(**settings)],
        cwd=Path(emprox.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        if interrupt:
            assert process.stdout.readline() == "working\n"
            os.killpg(process.pid, signal.SIGINT)
        for _ in range(6):
            try:
                _, error = process.communicate(timeout=20)
                break
            except subprocess.TimeoutExpired:
                # A callback of a library can swallow an interrupt: a person presses Ctrl-C again.
                os.killpg(process.pid, signal.SIGINT)
        end = time.monotonic() + 30
        while is_anybody_left(process.pid):  # such as what watches over semaphores
            assert time.monotonic() < end
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, error


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_ends_all_processes(n_jobs):
    status, error = run(True, action="pass", n_jobs=n_jobs)
    assert status == -signal.SIGINT
    assert "KeyboardInterrupt" in error.splitlines()


def test_worker_that_is_killed():
    status, error = run(False, action="os.kill(os.getpid(), signal.SIGKILL)", n_jobs=2)
    assert status == 1
    assert "TerminatedWorkerError" in error
