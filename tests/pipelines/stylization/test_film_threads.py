"""The threads beside the network."""

import itertools
import threading
import time

from support.interruptions import interrupt_workers

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


def test_no_thread_sleeps_for_ever_whenever_ctrl_c_comes():
    work = "for _ in ahead(itertools.count()): worker.do(lambda: None)"
    interrupt_workers("pipelines.stylization.film.threads", work)
