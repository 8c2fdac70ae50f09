"""Ctrl-C at random moments."""

import subprocess
import sys

from conftest import ROOT

PROGRAM = """
import itertools, random, signal
from contextlib import closing, suppress
from {module} import *

def work(worker):
    {work}

signal.signal(signal.SIGALRM, signal.default_int_handler)
random.seed(1)
for _ in range(300):
    with suppress(KeyboardInterrupt), closing(Worker()) as worker:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.002))
        work(worker)
"""


def interrupt_workers(module: str, work: str) -> None:
    """Interrupt 300 workers while each does one line of `work`, which never ends; fail where one waits for ever.

    Args:
        module: of the class `Worker`.
        work: a statement with the names of that module, and `worker`.
    """
    program = PROGRAM.format(module=module, work=work)
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
