"""Standard error is held back for a while, and comes back."""

import os

import pytest

from runtimes.quiet import stderr_to


def test_what_is_written_inside_goes_to_the_file(capfd, tmp_path):
    with (tmp_path / "held_back").open("wb") as file, stderr_to(file):
        os.write(2, b"inside\n")
    os.write(2, b"after\n")
    assert (tmp_path / "held_back").read_text() == "inside\n"
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_threads_may_leave_in_any_order(first_leaves_first, capfd, tmp_path):
    """Two threads that load networks: standard error stayed in the file of the first, where all after that was lost."""
    paths = tmp_path / "first", tmp_path / "second"
    with paths[0].open("wb") as first, paths[1].open("wb") as second:
        inside = [stderr_to(first), stderr_to(second)]
        for context in inside:
            context.__enter__()
        os.write(2, b"both\n")
        for context in inside if first_leaves_first else reversed(inside):
            context.__exit__(None, None, None)
            os.write(2, b"next\n")
    assert capfd.readouterr().err == "next\n"
    held_back = ["", "both\nnext\n"] if first_leaves_first else ["next\n", "both\n"]
    assert [path.read_text() for path in paths] == held_back
