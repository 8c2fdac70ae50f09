"""The connection with a Ray cluster: started here for one machine, or found at an address."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ArgumentError, UserError, one_line
from runtimes.interruption import ENDINGS

if TYPE_CHECKING:
    from types import FrameType

PROGRAM = Path(__file__).resolve().parent.parent.parent
# The cluster that is started on this machine for one run.
LOCAL = "local"
# The cluster that runs on this machine already.
RUNNING = "auto"
MAX_PORT = 65_535
SECONDS_TO_ANSWER = 20
# How addresses begin that lead to a cluster from outside.
CLIENT = "ray://"
# How often it is tried: Ray gives up after 30 s, which a machine with much to do may need.
MAX_STARTS = 3
# What workers need not have of the program's folder, which is sent to them.
NOT_SENT = [".git", ".github", ".ci", ".venv", "tests", "docs", "examples", "benchmarks", "pics", "checkpoints"]
# Variables that workers take from the machine that starts the run.
PASSED_ON = ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL")


@dataclass(frozen=True)
class Workers:
    """The workers that a cluster has room for.

    Attributes:
        count: at most so many at once; 1 where the cluster is still to grow.
        cpus: processor threads of each.
        gpus: GPUs of each, 0 or 1.
    """

    count: int
    cpus: int
    gpus: int


def check_workers(cpus: int) -> None:
    """Raise ArgumentError unless Ray is installed and a worker of so many processor threads can be asked for."""
    check_installed()
    if cpus < 1:
        raise ArgumentError(f"`worker_cpus` must be at least 1, not {cpus}")


def check_installed() -> None:
    """Raise ArgumentError unless Ray is installed."""
    if importlib.util.find_spec("ray") is None:
        raise ArgumentError("`cluster` needs Ray, which is not installed: pip install -r requirements-cluster.txt")


def check_address(address: str) -> None:
    """Raise what `connected` raises for an address at which no cluster can be; Ray would try it for minutes."""
    if address.startswith(CLIENT):
        raise ArgumentError(
            f"`cluster` {address}: Ray Data does not support Ray's client; run the command on a machine of the "
            "cluster, with auto, or as a job of the cluster (ray job submit)"
        )
    if address in (LOCAL, RUNNING):
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise ArgumentError(f"`cluster` {address}: must be {LOCAL}, {RUNNING} or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, UnicodeError) as error:
        raise UserError(f"`cluster` {address}: no Ray cluster can be reached there ({one_line(error)})") from error


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected with a cluster inside.

    Args:
        address: "local" starts one on this machine and ends it afterwards; else the address of one that runs:
            "auto" or `HOST:6379` on one of its machines.

    Raises:
        ArgumentError: Ray is not installed, or this is no address of a cluster, or that of Ray's client.
        UserError: no cluster answers at the address.
    """
    check_installed()
    check_address(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A worker without GPUs must not hide them from itself: Ray's future default.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    try:
        _connect(address)
        yield
    finally:
        ray.shutdown()


@contextmanager
def _signals_afterwards() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP wait, and do afterwards what they did before.

    Ray, which is started inside, crashes if it is interrupted while it starts, and sets handlers of its own for
    SIGTERM, which end the process.
    """
    import ray._private.utils as ray_utils

    if threading.current_thread() is not threading.main_thread():  # which gets no signals, and where Ray sets none
        yield
        return
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDINGS)}
    handlers = {number: handler for number, handler in found.items() if handler is not None}  # else not set by Python
    waiting: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    set_by_ray = ray_utils.set_sigterm_handler
    ray_utils.set_sigterm_handler = lambda handler: signal.signal(signal.SIGTERM, wait)
    for number in handlers:
        signal.signal(number, wait)
    try:
        yield
    finally:
        ray_utils.set_sigterm_handler = set_by_ray
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in waiting[:1]:
            signal.raise_signal(number)


def _connect(address: str) -> None:
    import ray

    for tries_left in reversed(range(MAX_STARTS if address == LOCAL else 1)):
        try:
            with _signals_afterwards():
                ray.init(
                    address=address,
                    runtime_env=_environment(address),
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=False if address == LOCAL else None,
                )
            return
        except Exception as error:  # Ray raises bare ones too
            ray.shutdown()
            if not tries_left:
                reason = f"no Ray cluster can be reached there ({one_line(error)})"
                raise UserError(f"`cluster` {address}: {reason}") from error


def _environment(address: str) -> dict[str, Any]:
    """Return what workers get of this program: its folder by name on this machine, else a copy of it."""
    variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if address == LOCAL:
        return {"env_vars": variables | {"PYTHONPATH": os.fspath(PROGRAM)}}
    return {"env_vars": variables, "working_dir": os.fspath(PROGRAM), "excludes": NOT_SENT}


def find_workers(cpus: int) -> Workers:
    """Return the workers that the connected cluster has room for: one a GPU if it has any, else one a `cpus` threads.

    Raises:
        UserError: no machine of the cluster has that many processor threads.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = any(node.get("GPU", 0) >= 1 for node in nodes)
    counts = [
        int(min(node.get("CPU", 0) // cpus, node.get("GPU", 0) if gpus else node.get("CPU", 0))) for node in nodes
    ]
    if not any(counts) and any(node.get("CPU", 0) for node in nodes):
        raise UserError(f"`worker_cpus` {cpus}: no machine of the cluster has that many processor threads")
    return Workers(max(1, sum(counts)), cpus, int(gpus))
