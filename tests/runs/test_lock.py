"""Locks: one holder at a time, who is told, and nothing that a killed process could leave locked."""

import os
import platform
import signal
import subprocess
import sys

import pytest
from conftest import ROOT
from support.small_disk import largest_file

from errors import UserError
from runs.lock import hold, is_held, remove_stale_lock

HOLDER = """
import sys, time
from pathlib import Path
from runs.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_has_it_and_a_kill_releases(tmp_path):
    path = tmp_path / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"process {holder.pid} on {platform.node()}"), hold(path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with hold(path):
        assert str(os.getpid()) in path.read_text()
    assert not path.exists()


def test_two_runs_of_one_process(tmp_path):
    assert not is_held(tmp_path / "lock")
    with hold(tmp_path / "lock"), pytest.raises(UserError, match="another run is using"), hold(tmp_path / "lock"):
        pass
    with hold(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")
        remove_stale_lock(tmp_path / "lock")
        assert is_held(tmp_path / "lock")
    (tmp_path / "lock").touch()
    assert not is_held(tmp_path / "lock")
    remove_stale_lock(tmp_path / "lock")
    remove_stale_lock(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()


def test_a_lock_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    """On a full disk only "No space left on device" was told, and the empty file stayed."""
    with largest_file(0), pytest.raises(OSError, match=r"File too large: '.*lock'"), hold(tmp_path / "lock"):
        pass
    assert not list(tmp_path.iterdir())
