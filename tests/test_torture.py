"""The attacks of benchmarks.torture that take seconds, and that their judge sees what is wrong."""

import json
import random

import numpy as np
import pytest
from support.keras_files import CRAFTED

from benchmarks.torture.__main__ import main
from benchmarks.torture.attacks import attack_many
from benchmarks.torture.folders import change_text, damage_file
from benchmarks.torture.jobs import JOBS
from benchmarks.torture.kills import compare_folders, kill_many, why_torn
from benchmarks.torture.kinds import KINDS
from benchmarks.torture.outcomes import Outcome, Tally
from benchmarks.torture.results import Results
from benchmarks.torture.worker import carry_out
from images.writing import write_image
from pipelines.command_line import run_script

REFUSAL = "script.py: error: net.t7: damaged\n"


def test_every_crafted_file_is_tried_once():
    assert KINDS["crafted .keras"].count == len(CRAFTED)


def test_results_are_kept_and_gone_on_with(tmp_path):
    def begun(revision, seed=0):
        return Results(tmp_path, seed, revision).begin("damaged .h5")

    tally = begun("a1")
    assert (tally.total, tally.revisions) == (0, ["a1"])
    tally.add(Outcome("", 0, "", 2.0, 300.0))
    tally.clock = 3.0
    Results(tmp_path, 0, "a1").keep(tally)
    assert begun("a1") == tally
    assert (begun("b2").total, begun("b2").revisions) == (1, ["a1", "b2"])
    assert begun("a1", seed=1).total == 0
    tally.add(Outcome("case", None, "dead"))
    Results(tmp_path, 0, "a1").keep(tally)
    assert begun("a1").failures == ["case: crash: dead"]
    assert (begun("b2").total, begun("b2").failures) == (0, [])  # what failed may be mended


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch, capsys):
    def attack(tally, count, seed, tell):
        if tally.total < count:
            for _ in range(count - tally.total - (not tally.total)):
                tally.add(Outcome("", 0, ""))
            tell(tally, count)
        if tally.total < count:
            raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.torture.__main__.attack_many", attack)
    output, places = tmp_path / "table.md", ["--results", str(tmp_path / "kept")]
    arguments = [*places, "--output", str(output), "--only", "damaged .h5"]
    assert main(arguments) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not output.exists()
    assert main(arguments) == 0
    assert "| damaged .h5 | 200 of 2,000 | 200 | 0 | none |" in output.read_text()
    assert main([*places, "--output", str(output), "--kills", "0", "--only", "kills"]) == 0
    assert "| damaged .h5 | 200 of 2,000 |" in output.read_text()  # the page tells all that is kept
    assert "| damaged .t7 | 0 of 1,000 |" in output.read_text()  # and what is missing


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome("", 0, ""), "done"),
        (Outcome("", 1, REFUSAL), "refused"),
        (Outcome("", 1, f"a note\n{REFUSAL}"), "refused"),
        (Outcome("", 1, f"{REFUSAL}and more\n"), "unclear"),
        (Outcome("", 1, 2 * REFUSAL), "unclear"),
        (Outcome("", 1, ""), "unclear"),
        (Outcome("", 139, REFUSAL), "unclear"),
        (Outcome("", None, "killed"), "crash"),
        (Outcome("", 1, f"Traceback (most recent call last)\n{REFUSAL}"), "traceback"),
        (Outcome("", 1, REFUSAL, seconds=21), "slow"),
        (Outcome("", 0, "", megabytes=1600), "memory"),
        (Outcome("", 0, "", megabytes=1400), "done"),
        (Outcome("", 0, "", megabytes=1400, max_megabytes=1000), "memory"),
    ],
    ids=str,
)
def test_verdicts(outcome, verdict):
    assert outcome.verdict == verdict
    tally = Tally("files")
    tally.add(outcome)
    assert (tally.total, bool(tally.failures)) == (1, verdict not in ("done", "refused"))


def test_an_attack_is_watched():
    def fail():
        raise ZeroDivisionError

    assert carry_out("a", fail).verdict == "traceback"
    refused = carry_out("b", lambda: run_script("b", lambda: int("x")))
    assert refused.verdict == "traceback"
    memory = carry_out("c", lambda: int(np.ones(50_000_000)[0]) - 1)
    assert memory.code == 0  # its verdict depends on what the process of the tests holds already
    assert memory.megabytes > 400


def test_torn_files_are_seen(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((20, 20, 3), np.float32))
    whole = (tmp_path / "a.png").read_bytes()
    assert why_torn(tmp_path / "a.png") is None
    (tmp_path / "a.png").write_bytes(whole[:-20])
    for name, text in {"b.json": "{", "c.csv": "a,b\n1\n", "d.keras": "PK", "e.txt": ""}.items():
        (tmp_path / name).write_text(text)
    assert all(why_torn(path) for path in tmp_path.iterdir())


def test_folders_are_compared(tmp_path):
    found, expected = tmp_path / "found", tmp_path / "expected"
    for folder in (found, expected):
        folder.mkdir()
        write_image(folder / "a.png", np.zeros((8, 8, 3), np.float32))
    assert compare_folders(found, expected) == ("done", "")
    (found / ".a.png.tmp").write_text("x")
    assert compare_folders(found, expected) == ("left behind", ".a.png.tmp")
    (found / ".a.png.tmp").unlink()
    (expected / "b.png").write_text("x")
    assert compare_folders(found, expected) == ("missing", "b.png")
    (expected / "b.png").unlink()
    write_image(found / "a.png", np.full((8, 8, 3), 0.5, np.float32))
    assert compare_folders(found, expected) == ("different", "a.png: 128 of 255 apart")


def test_damage_leaves_pictures_alone(tmp_path):
    for seed in range(30):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "state.json").write_text(json.dumps({"iteration": 3}))
        (folder / "picture.png").write_bytes(b"x")
        assert damage_file(folder, random.Random(seed)).startswith("state.json ")
        assert (folder / "picture.png").read_bytes() == b"x"
    assert change_text(b'{"a": 1}', random.Random(1)) != b'{"a": 1}'


def test_a_few_attacks_of_one_command(tmp_path):
    output = tmp_path / "reliability.md"
    arguments = ["--share", "0.005", "--only", "damaged .h5", "--results", str(tmp_path / "kept")]
    assert main([*arguments, "--output", str(output)]) == 0
    assert "| damaged .h5 | 10 of 2,000 | " in output.read_text()
    assert "Nothing." in output.read_text()


def killed(name, count, seed):
    tally = Tally(name)
    kill_many(tally, JOBS[name], count, seed, print)
    return tally


def test_a_killed_import_leaves_nothing_and_works_again():
    tally = killed("import", 1, 1)
    assert tally.failures == []
    assert tally.total == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_killed_runs_end_as_if_they_had_not_been(name):
    assert killed(name, 4, 2).failures == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_attacks(kind):
    tally = Tally(kind)
    attack_many(tally, max(1, KINDS[kind].count // 100), 0, print)
    assert tally.failures == []
