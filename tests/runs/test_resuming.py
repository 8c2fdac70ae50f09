"""One rule for all long runs: the same command goes on, another one is refused, `restart` begins anew."""

import dataclasses
import json
import os
import re
import shutil
import signal

import numpy as np
import pytest
from PIL import Image
from support import synthesis_cases, training_cases, transfer_cases
from support.left_behind import leave_temporary

from errors import ArgumentError, UserError
from optimize import lbfgsb
from pipelines.synthesis.folder.files import RunFolder
from pipelines.synthesis.run import SynthesisRun
from pipelines.synthesis.synthesize import resume, synthesize
from pipelines.training.files import checkpoints
from pipelines.training.train import train_generator
from pipelines.transfer.transfer import transfer
from runs.lock import hold
from runs.machine import choose_precision
from runs.resuming import Found, Identity, check_resumable
from runtimes.terminal import signals_as_interrupts


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folders = {}
    for cases in (synthesis_cases, transfer_cases, training_cases):
        folders[cases] = tmp_path_factory.mktemp("inputs")
        cases.make_inputs(folders[cases])
    return folders


def interrupt_at(iteration):
    def observe(progress):
        if progress.iterations == iteration:
            raise KeyboardInterrupt

    return observe


def other_weights(folder):
    training_cases.write_descriptor_weights(folder / "other.keras", np.random.default_rng(7))
    return folder / "other.keras"


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


@pytest.mark.parametrize("optimizer", ["l-bfgs-b", "lbfgs"])
def test_an_interrupted_synthesis_ends_as_an_uninterrupted_one(inputs, tmp_path, optimizer):
    changes = {"output_width": 96, "output_height": 100, "schedule": "coarse-to-fine", "layers": ("pool1",)}
    changes |= {"max_iter": 30, "save_every": 100, "optimizer": optimizer}
    settings, other = (
        synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path / name, **changes) for name in "ab"
    )
    whole = synthesize(settings)
    for iteration in (7, 22):
        with pytest.raises(KeyboardInterrupt):
            synthesize(other, [interrupt_at(iteration)])
    notes = []
    report = synthesize(other, note=notes.append)
    assert notes[-1] == f"resuming at iteration 22 of the interrupted run in {report.folder}"
    assert len(list((tmp_path / "b").iterdir())) == 1
    np.testing.assert_allclose(pixels(report.pictures[0]), pixels(whole.pictures[0]), atol=1.01 / 255)
    assert report.evaluations == whole.evaluations


def test_a_synthesis_that_is_interrupted_within_its_first_iteration_keeps_its_picture(inputs, tmp_path, monkeypatch):
    def evaluate(run):
        usual(run)
        if run.iterations == 3:  # at a trial of the line search
            raise KeyboardInterrupt

    usual = lbfgsb._Run._evaluate
    monkeypatch.setattr(lbfgsb._Run, "_evaluate", evaluate)
    settings = synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path, save_every=100)
    found = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            synthesize(settings)
        (folder,) = tmp_path.iterdir()
        found.append(pixels(folder / "I0003_F0000.png"))
    np.testing.assert_array_equal(found[1], found[0])


@pytest.mark.usefixtures("usual_signals")
def test_a_second_signal_does_not_keep_a_synthesis_from_being_saved(inputs, tmp_path, monkeypatch):
    def save(folder, state, frames):
        os.kill(os.getpid(), signal.SIGINT)
        usual(folder, state, frames)

    usual = RunFolder.save
    monkeypatch.setattr(RunFolder, "save", save)
    settings = synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path, save_every=100)
    with signals_as_interrupts(), pytest.raises(KeyboardInterrupt):
        synthesize(settings, [interrupt_at(3)])
    (folder,) = tmp_path.iterdir()
    assert {"state.npz", "I0003_F0000.png"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("changes", [{"max_iter": 6}, {"mul": 1e-3}, {"mul": 1e-3, "tol": 1e-4, "optimizer": "lbfgs"}])
def test_a_synthesis_whose_last_loss_is_interrupted_is_not_begun_again(inputs, tmp_path, monkeypatch, changes):
    def interrupt(run, frames):
        raise KeyboardInterrupt

    changes = {"output_width": 24, "output_height": 20, "max_iter": 100, **changes}
    settings = synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path, **changes)
    with monkeypatch.context() as patch:
        patch.setattr(SynthesisRun, "final_loss", interrupt)
        with pytest.raises(KeyboardInterrupt):
            synthesize(settings)
    (folder,) = tmp_path.iterdir()
    before = pixels(folder / "final_F0000.png")
    iterations = len(synthesis_cases.read_progress(folder))
    assert (iterations < settings.max_iter) == ("mul" in changes)  # the optimiser has ended by itself
    notes = []
    report = synthesize(settings, note=notes.append)
    assert notes[-1] == f"resuming at iteration {iterations} of the interrupted run in {folder}"
    assert (report.folder, report.iterations) == (folder, iterations)
    np.testing.assert_array_equal(pixels(report.pictures[0]), before)
    assert synthesize(settings).folder != folder  # it is complete


def test_synthesis_with_other_options_is_refused_and_restart_begins_anew(inputs, tmp_path):
    def run(observers=(), **changes):
        restart = changes.pop("restart", False)
        settings = synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path, **changes)
        return synthesize(settings, observers, restart=restart)

    with pytest.raises(KeyboardInterrupt):
        run([interrupt_at(3)])
    with pytest.raises(ArgumentError, match=r"different values of `tol` \(1e-09\), `random_seed` \(0\)"):
        run(random_seed=1, tol=0.1)
    with pytest.raises(ArgumentError, match=r"different values of `source` \(source 1 changed\)"):
        run(source=(inputs[synthesis_cases] / "folder/a.png",))
    other_precision = {"float32": "bfloat16", "bfloat16": "float32"}[choose_precision("auto")[0]]
    for name, value, kept in (
        ("moment_weight", 0.5, "0.0"),
        ("precision", other_precision, choose_precision("auto")[0]),
        ("weights", other_weights(tmp_path.parent), "weights changed"),
        ("match_histogram", True, "not given"),
    ):
        with pytest.raises(ArgumentError, match=rf"different values of `{name}` \({kept}\): use the same"):
            run(**{name: value})
    anew = run(restart=True)
    assert (anew.iterations, anew.folder.name) == (6, "out.Lrelu1_1,pool1.o2.40x32.0")
    # The latest run is complete: the same command makes another one.
    assert run().folder.name == "out.Lrelu1_1,pool1.o2.40x32.1"


def test_the_folder_of_a_synthesis_that_was_killed_before_it_had_kept_anything_is_taken(inputs, tmp_path):
    settings = synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path)
    folder = tmp_path / "out.Lrelu1_1,pool1.o2.40x32"
    folder.mkdir()
    (folder / "command.json").write_text("{")
    (folder / "progress.jsonl").write_text('{"iteration": 1}\n')
    with hold(folder / ".lock"):
        other = synthesize(settings).folder
    assert other.name == f"{folder.name}.0"
    shutil.rmtree(other)
    report = synthesize(settings)
    assert report.folder == folder
    assert [line["iteration"] for line in synthesis_cases.read_progress(folder)] == list(range(1, 7))
    assert not list(folder.glob(".*"))


def test_values_of_an_interrupted_run_are_told_whatever_they_are():
    kept = {"widths": [4, 8], "enlargement": "nearest", "gain": 1.0, "name": None}
    found = Found(Identity({"generator_options": kept, "mask": [], "style": {}, "loop": False}, {}), "folder")
    asked = Identity({"generator_options": {}, "mask": ["a.png"], "style": {"wave": 1.0}, "loop": True}, {})
    told = "`generator_options` (widths=4 8 enlargement=nearest gain=1 name=not given), `mask` (not given), "
    with pytest.raises(ArgumentError, match=re.escape(f"{told}`style` (not given), `loop` (not given): use the same")):
        check_resumable(asked, found, {})


def test_a_foreign_output_is_confirmed_and_a_lock_respected(inputs, tmp_path):
    output = tmp_path / "result.png"
    settings = synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path / "runs", output=output)
    with pytest.raises(KeyboardInterrupt):
        synthesize(settings, [interrupt_at(3)])
    (folder,) = (tmp_path / "runs").iterdir()
    with pytest.raises(ArgumentError, match="is outside that folder: give it again to confirm"):
        resume(folder)
    with hold(folder / ".lock"), pytest.raises(UserError, match="another run is using this folder"):
        resume(folder, output=output)
    assert not output.exists()
    with pytest.raises(ArgumentError, match=r"different values of `output_width` \(40\): use the same"):
        synthesize(dataclasses.replace(settings, output_width=44))
    left = leave_temporary(output)
    resume(folder, output=output)
    assert output.exists()
    assert not left.exists()
    assert not list(folder.glob(".*"))


def test_a_failed_transfer_leaves_the_output_and_restart_begins_anew(inputs, tmp_path):
    output = tmp_path / "out.png"

    def run(observers=(), restart=False, **changes):
        settings = transfer_cases.small_settings(inputs[transfer_cases], output, **changes)
        return transfer(settings, observers, restart=restart)

    class Failed(Exception):
        pass

    def fail(progress):
        if progress.iterations == 8:
            raise Failed

    output.write_bytes(b"precious")
    with pytest.raises(Failed):
        run([fail])
    assert output.read_bytes() == b"precious"
    with pytest.raises(ArgumentError, match=r"different values of `step_size` \(0.02\)"):
        run(step_size=0.5)
    picture = inputs[transfer_cases] / "style.png"
    with pytest.raises(ArgumentError, match=r"different values of `masks` \(0\)"):
        run(masks=((inputs[transfer_cases] / "content.png", picture),))
    with pytest.raises(ArgumentError, match=r"different values of `weights` \(weights changed\)"):
        run(weights=other_weights(tmp_path.parent))
    assert output.read_bytes() == b"precious"
    assert run(restart=True, step_size=0.5).iterations == 14
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "trace.json"]


def test_training_resumes_restarts_and_takes_the_newest_sound_checkpoint(inputs, tmp_path):
    def run(observers=(), note=lambda line: None, **changes):
        settings = training_cases.small_settings(inputs[training_cases], tmp_path, **changes)
        return train_generator(settings, observers, note=note)

    def stop(progress):
        if progress.iterations == 4:
            raise StopIteration

    assert run([stop]).iterations == 4
    newest = checkpoints(tmp_path)[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0x55
    newest.write_bytes(content)
    (tmp_path / "history.csv").write_bytes(b"\0\xff\n1,2\n\n,,,")
    with pytest.raises(ArgumentError, match=r"different values of `style_weight` \(1\.0\)"):
        run(style_weight=2.0)
    with pytest.raises(ArgumentError, match=r"different values of `style_image` \(style picture 1 changed\): use the"):
        run(style_image=tuple((inputs[training_cases] / "photos" / "nested").iterdir())[:1])
    photos = inputs[training_cases] / "photos"
    for name, value in (("data", photos / "nested"), ("initial_generator", "wave")):
        with pytest.raises(ArgumentError, match=rf"different values of .*`{name}` "):
            run(**{name: value})
    with pytest.raises(ArgumentError, match=r"different values of `weights` \(weights changed\)"):
        run(weights=other_weights(tmp_path.parent))
    notes = []
    report = run(note=notes.append, data=photos / "nested" / "..")
    assert report.iterations == 6
    if report.resumed_from == 2:  # the flipped bit may lie in what no array uses
        assert any("damaged" in note and "it is not used" in note for note in notes)
    assert run(restart=True, style_weight=2.0).resumed_from == 0


def test_a_signal_in_the_last_iteration_of_a_training_does_not_interrupt_it(inputs, tmp_path, usual_signals):
    def interrupt(progress):
        os.kill(os.getpid(), signal.SIGTERM)

    settings = training_cases.small_settings(inputs[training_cases], tmp_path, num_iterations=1)
    with signals_as_interrupts():
        assert train_generator(settings, [interrupt]).iterations == 1


DAMAGES = {
    "state cut": ("state.npz", lambda content: content[:900]),
    "state empty": ("state.npz", lambda content: b""),
    "command is a list": ("command.json", lambda content: b"[1]"),
    "command is cut": ("command.json", lambda content: content[:300]),
    "width is text": ("command.json", lambda content: content.replace(b'"output_width": 40', b'"output_width": "x"')),
    "width is a list": ("command.json", lambda content: content.replace(b'"output_width": 40', b'"output_width": [1]')),
    "layers are numbers": ("command.json", lambda content: content.replace(b'"relu1_1"', b"{}")),
    "an option of nobody": ("command.json", lambda content: content.replace(b'"bounds"', b'"bonds"')),
    "another size": ("command.json", lambda content: content.replace(b'"output_width": 40', b'"output_width": 44')),
    "sources are missing": ("command.json", lambda content: content.replace(b'"sources"', b'"sauces"')),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_folders_of_a_synthesis_end_in_one_line(inputs, tmp_path, case):
    name, damage = DAMAGES[case]
    with pytest.raises(KeyboardInterrupt):
        synthesize(synthesis_cases.small_settings(inputs[synthesis_cases], tmp_path), [interrupt_at(3)])
    (folder,) = tmp_path.iterdir()
    (folder / "progress.jsonl").write_bytes(b"\xff\0\n[1]\n{}\n")
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    notes = []
    with pytest.raises(UserError) as caught:
        resume(folder, note=notes.append)
    assert str(folder) in str(caught.value)
    assert not any("resuming" in note for note in notes)
    if name == "state.npz":
        assert "no saved state to resume from" in str(caught.value)
        assert json.loads((folder / "command.json").read_text())
