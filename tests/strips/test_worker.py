"""The thread beside the network."""

import subprocess
import sys

import pytest
from conftest import ROOT

from strips.worker import Worker

INTERRUPTED = """
import random, signal
from contextlib import closing, suppress
from strips.worker import Worker

signal.signal(signal.SIGALRM, signal.default_int_handler)
random.seed(1)
for _ in range(300):
    with suppress(KeyboardInterrupt), closing(Worker()) as worker:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.002))
        while True:
            worker.submit(lambda: None).result()
"""


def test_jobs_give_their_results_or_errors_in_order():
    done = []
    worker = Worker()
    jobs = [worker.submit(lambda number=number: done.append(number) or 1 / number) for number in (1, 0, 2)]
    assert jobs[2].result() == 0.5
    assert done == [1, 0, 2]
    with pytest.raises(ZeroDivisionError):
        jobs[1].result()
    worker.close()


def test_no_thread_waits_for_ever_whenever_ctrl_c_comes():
    subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, check=True, timeout=60)
