"""Interrupted runs and a generator that an earlier version (commit 708817a) left: each goes on, or loads.

Made there with the settings below, in a folder of this shape, and interrupted after iteration 5.
"""

import shutil

import numpy as np
import pytest
from conftest import ROOT
from support.synthesis_cases import read_progress

from model.saving import load_model
from pipelines.synthesis.settings import GRAM_ALONE, SynthesisSettings
from pipelines.synthesis.synthesize import resume, synthesize
from pipelines.training.settings import TrainingSettings
from pipelines.training.train import train_generator
from pipelines.transfer.settings import TransferSettings
from pipelines.transfer.transfer import transfer

LEGACY = ROOT / "tests" / "data" / "legacy"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy whose command names its own place, and is the working folder."""
    copy = tmp_path / "legacy"
    shutil.copytree(LEGACY, copy)
    command = copy / "synthesis/outputs/out.Lrandom.o1.32x32/command.json"
    command.write_text(command.read_text().replace("{folder}", str(copy)))
    monkeypatch.chdir(copy)
    return copy


@pytest.mark.parametrize("by_command", [False, True])
def test_a_synthesis_goes_on(folder, monkeypatch, by_command):
    monkeypatch.chdir(folder / "synthesis")
    run = folder / "synthesis/outputs/out.Lrandom.o1.32x32"
    notes = []
    if by_command:
        settings = SynthesisSettings(
            source=("source.png",), descriptor="random", padding_mode="same", octaves=1, output_width=32, max_iter=8,
            save_every=2, schedule="single", precision="float32", **GRAM_ALONE,
        )  # fmt: skip
        report = synthesize(settings, note=notes.append)
        assert any("resuming at iteration 5" in note for note in notes)
    else:
        report = resume(run, note=notes.append)
    assert (report.iterations, report.folder.resolve()) == (8, run.resolve())
    assert [line["iteration"] for line in read_progress(run)] == list(range(1, 9))


def test_a_transfer_goes_on(folder, monkeypatch):
    monkeypatch.chdir(folder / "transfer")
    settings = TransferSettings(
        content="content.png", styles=("style.png",), descriptor="random", min_scale=22, end_scale=32,
        initial_iterations=4, iterations=4, save_every=2, precision="float32",
    )  # fmt: skip
    notes = []
    report = transfer(settings, note=notes.append)
    assert any("resuming at iteration 5" in note for note in notes)
    assert report.iterations == 8
    assert report.size == (21, 32)


def test_a_training_goes_on_and_its_generator_loads(folder, monkeypatch):
    monkeypatch.chdir(folder / "training")
    before = load_model("checkpoints/generator.keras")
    settings = TrainingSettings(
        style_image=("style.png",), data="photos", weights="vgg.keras", style_size=0, image_size=16,
        style_layers=("relu1_1",), content_layers=("relu1_1",), num_iterations=6, save_every=2, threads=1,
        precision="float32", content_weight=1.0, style_weight=1.0, tv_weight=0.0, learning_rate_decay="step",
        pyramid_loss=1, pyramid_decay=0.9, model="johnson", consistency_weight=0.0,  # that version's defaults
        mirrored_border=0,
        generator_options={"widths": (2, 4), "blocks": 1},
    )  # fmt: skip
    report = train_generator(settings)
    assert (report.resumed_from, report.iterations) == (4, 6)
    after = load_model(report.generator)
    weights = zip(before.get_weights(), after.get_weights(), strict=True)
    assert any(not np.array_equal(old, new) for old, new in weights)
