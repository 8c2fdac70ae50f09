"""The terms of pictures themselves, and the margin that is cut off."""

import json
from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from PIL import Image
from support.synthesis_cases import make_inputs, small_settings

from errors import ArgumentError
from losses.octaves import OctaveLosses
from losses.pictures.histograms import Histograms
from pipelines.synthesis.files import read_settings
from pipelines.synthesis.geometry import Scale
from pipelines.synthesis.picture_terms import PictureTermsPlan
from pipelines.synthesis.settings import GRAM_ALONE, HISTOGRAM_WEIGHT, PRESETS, SPECTRUM_WEIGHT, SynthesisSettings
from pipelines.synthesis.synthesize import resume, synthesize

SOURCE = np.random.default_rng(0).random((72, 80, 3)).astype("float32")
SCALE = Scale(size=(72, 80), margins=(0, 0), factor=1.0, octaves=1, iterations=1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def value(loss, picture):
    return float(ops.convert_to_numpy(loss(ops.convert_to_tensor(picture[None]))[0]))


def test_both_terms_are_least_at_the_source():
    found = PictureTermsPlan(spectrum=0.5, histograms=2.0).losses([SOURCE], SCALE, (False, False))
    assert [(name, weight) for name, (weight, _) in found.items()] == [("spectrum", 0.5), ("histograms", 2.0)]
    assert [type(loss) for _, loss in found.values()] == [OctaveLosses, Histograms]
    soft = 0.5 + 0.3 * (SOURCE - 0.5)
    for _, loss in found.values():
        assert value(loss, SOURCE) < 0.02 < 0.5 < value(loss, soft)


def test_a_weight_of_0_is_no_term():
    assert PictureTermsPlan(spectrum=0, histograms=0).losses([SOURCE], SCALE, (False, False)) == {}


def test_sources_of_any_size_have_spectra():
    tiny, scale = SOURCE[:9, :7], replace(SCALE, size=(5, 80))
    (_, loss), *_ = PictureTermsPlan(1.0, 1.0).losses([SOURCE, tiny], scale, (True, False)).values()
    assert np.isfinite(value(loss, SOURCE[:5]))


def test_weights_are_the_usual_ones_unless_named_or_without_meaning():
    assert SynthesisSettings().weights_of_pictures == (SPECTRUM_WEIGHT, HISTOGRAM_WEIGHT)
    assert SynthesisSettings(spectrum_weight=0.0).weights_of_pictures == (0.0, HISTOGRAM_WEIGHT)
    assert SynthesisSettings(guide=("a", "b")).weights_of_pictures == (0.0, 0.0)
    assert SynthesisSettings(mul=2.0).weights_of_pictures == (0.0, 0.0)
    with pytest.raises(ArgumentError, match="`histogram_weight` is of whole pictures"):
        SynthesisSettings(guide=("a", "b"), histogram_weight=0.1)


@pytest.mark.parametrize("preset", ["subjective-functions", "gatys2015"])
def test_presets_of_papers_have_gram_matrices_alone(preset):
    settings = SynthesisSettings(**PRESETS[preset])
    assert settings.weights_of_pictures == (0, 0)
    assert settings.margin == 0


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_margin_is_worked_on_and_cut_off(inputs, tmp_path, padding):
    report = synthesize(small_settings(inputs, tmp_path, padding_mode=padding, margin=6, max_iter=2, tileable="x"))
    assert Image.open(report.pictures[0]).size == (40, 32)
    with np.load(report.folder / "state.npz", allow_pickle=False) as state:
        assert state["optimizer_point"].shape == (1, 44, 40, 3)  # axes that wrap have none


@pytest.mark.slow
def test_a_run_with_all_terms_goes_on_where_it_was(inputs, tmp_path):
    terms = {"spectrum_weight": 0.1, "histogram_weight": 0.1, "octaves": 1, "layers": ("relu1_1",), "max_iter": 4}

    def stop(progress):
        if progress.iterations == 2:
            raise StopIteration

    whole = synthesize(small_settings(inputs, tmp_path / "whole", **terms))
    stopped = synthesize(small_settings(inputs, tmp_path / "stopped", **terms), [stop])
    resumed = resume(stopped.folder)
    np.testing.assert_allclose(resumed.frames, whole.frames, atol=1e-6)
    assert {name.split("/")[0] for name in resumed.terms} == {"texture", "spectrum", "histograms"}
    assert "log power spectrum" in "".join(json.loads((stopped.folder / "command.json").read_text())["loss"])


def test_runs_from_before_there_were_other_terms_go_on_without(inputs, tmp_path):
    def stop(progress):
        if progress.iterations == 2:
            raise StopIteration

    settings = small_settings(inputs, tmp_path)
    folder = synthesize(settings, [stop]).folder
    command = json.loads((folder / "command.json").read_text())
    for name in GRAM_ALONE:
        del command["arguments"][name]
    (folder / "command.json").write_text(json.dumps(command))
    assert read_settings(folder).margin == 0
    assert read_settings(folder).weights_of_pictures == (0, 0)
    assert {name.split("/")[0] for name in resume(folder).terms} == {"texture"}
