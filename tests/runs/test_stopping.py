"""Signals wait for the end of what belongs together."""

import contextlib
import os
import signal
import time

import pytest

from runs.stopping import UnsavedInterrupt, interrupts_noted, signals_held, uninterrupted
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [uninterrupted, interrupts_noted])
@pytest.mark.usefixtures("usual_signals")
def test_an_interrupt_that_a_library_has_swallowed_ends_the_run_at_the_next_step(number, step):
    done = []

    def run():
        with contextlib.suppress(BaseException):
            os.kill(os.getpid(), number)
            time.sleep(1)
        done.append("went on")
        with step():
            done.append("never")

    with pytest.raises(KeyboardInterrupt), signals_as_interrupts():
        run()
    assert done == ["went on"]
    with signals_as_interrupts(), step():
        done.append("another run")
    assert done == ["went on", "another run"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("usual_signals")
def test_a_second_signal_ends_a_step_at_once_and_says_that_nothing_is_saved(number):
    done = []

    def run():
        with interrupts_noted() as is_interrupted:
            os.kill(os.getpid(), number)
            done.append(is_interrupted())
            os.kill(os.getpid(), number)
            done.append("never")

    with signals_as_interrupts(), pytest.raises(UnsavedInterrupt):
        run()
    assert done == [True]


@pytest.mark.usefixtures("usual_signals")
def test_a_second_signal_waits_until_an_interrupted_run_is_saved():
    done = []

    def run():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            with signals_held():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("saved")
            done.append("never")

    with signals_as_interrupts(), pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["saved"]


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_as_interrupts(), uninterrupted():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
