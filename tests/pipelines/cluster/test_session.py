"""The connection with a cluster leaves the process as it was."""

import os
import signal

import pytest

from pipelines.cluster.session import connected
from runs.stopping import signals_as_interrupts


def test_sigterm_interrupts_a_connected_run_and_acts_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)

    def run():
        with signals_as_interrupts(), connected("local"):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(signal.SIGTERM) == before
