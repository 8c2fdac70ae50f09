"""The threads beside the network."""

import itertools
import subprocess
import sys
import threading
import time

from conftest import ROOT

from pipelines.stylization.film.threads import WAITING, ahead


def test_a_thread_whose_items_nobody_takes_any_more_ends():
    taken = []
    before = set(threading.enumerate())
    items = ahead(map(taken.append, itertools.count()))
    next(items)
    (thread,) = set(threading.enumerate()) - before
    while len(taken) < WAITING + 2:  # there is no room for the next one
        time.sleep(0.01)
    items.close()
    thread.join(timeout=20)
    assert not thread.is_alive()


INTERRUPTED = """
import itertools, random, signal
from contextlib import closing, suppress
from pipelines.stylization.film.threads import Worker, ahead

signal.signal(signal.SIGALRM, signal.default_int_handler)
random.seed(1)
for _ in range(300):
    with suppress(KeyboardInterrupt), closing(Worker()) as beside:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.002))
        for _ in ahead(itertools.count()):
            beside.do(lambda: None)
"""


def test_no_thread_sleeps_for_ever_whenever_ctrl_c_comes():
    subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, check=True, timeout=60)
