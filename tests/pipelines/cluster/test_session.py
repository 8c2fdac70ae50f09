"""The connection with a cluster leaves the process as it was."""

import os
import signal
import sys

import pytest

from errors import ArgumentError
from pipelines.cluster.session import connected
from runtimes.terminal import signals_as_interrupts


@pytest.mark.usefixtures("usual_signals")
def test_sigterm_interrupts_a_connected_run_and_acts_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)

    def run():
        with signals_as_interrupts(), connected("local"):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("usual_signals")
def test_signals_wait_until_ray_has_started(number, monkeypatch):
    import ray

    started = []

    def init(**options):
        ray._private.utils.set_sigterm_handler(lambda number, frame: sys.exit(number))  # as Ray does
        signal.raise_signal(number)
        started.append(True)

    monkeypatch.setattr(ray, "init", init)
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals_as_interrupts(), connected("local"):
        pytest.fail("connected")
    assert started
    assert signal.getsignal(number) == before


def test_the_client_is_refused_before_anything_starts():
    with (
        pytest.raises(ArgumentError, match=r"`cluster` ray://a:10001: .* on a machine of the cluster"),
        connected("ray://a:10001"),
    ):
        pytest.fail("connected")
