"""Signals wait for the end of what belongs together."""

import os
import signal

import pytest

from runs.stopping import uninterrupted
from runtimes.terminal import signals_as_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("usual_signals")
def test_a_signal_waits_until_the_step_is_whole(number):
    done = []

    def step():
        with uninterrupted():
            os.kill(os.getpid(), number)
            done.append("first half")
            done.append("second half")
        done.append("never")

    with signals_as_interrupts(), pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["first half", "second half"]


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_as_interrupts(), uninterrupted():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
