"""The thread beside the network."""

import pytest
from support.interruptions import interrupt_workers

from strips.worker import Worker


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
    interrupt_workers("strips.worker", "while True: worker.submit(lambda: None).result()")
