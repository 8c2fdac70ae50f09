"""How far a film is, where no bar can move: lines now and then."""

import re

import pytest

from pipelines.stylization.rate_bar import rate_bar


@pytest.mark.parametrize(("count", "expected"), [(7, 7), (1000, 21), (None, 11)])
def test_without_a_terminal_there_are_about_twenty_lines(capsys, count, expected):
    with rate_bar("frames") as observe:
        for done in range(1, (count or 1001) + 1):
            observe(done, count)
    lines = capsys.readouterr().err.splitlines()
    total = "" if count is None else f"/{count}"
    assert lines[0] == f"1{total} frames"
    assert len(lines) == expected
    assert all(re.fullmatch(rf"\d+{total} frames  \d+\.\d\d frames/s", line) for line in lines[1:])
    assert lines[-1].startswith(f"{count or 1001}{total} ")


def test_what_an_interrupted_run_did_is_not_counted(capsys):
    with rate_bar("frames") as observe:
        observe(901, 1000)
    assert capsys.readouterr().err == "901/1000 frames\n"
