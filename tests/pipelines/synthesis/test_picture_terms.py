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
from pipelines.synthesis.folder.command import read_settings
from pipelines.synthesis.geometry import Scale
from pipelines.synthesis.picture_terms import PictureTermsPlan
from pipelines.synthesis.settings import (
    GRAM_ALONE,
    MORPH_WEIGHTS,
    PRESETS,
    REGULAR,
    TERM_WEIGHTS,
    TERMS,
    SynthesisSettings,
)
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


def test_all_terms_are_least_at_the_source():
    plan = PictureTermsPlan(spectrum=0.5, histograms=2.0, autocorrelation=0.1)
    found = plan.losses([SOURCE], SCALE, (False, False))
    weights = [("spectrum", 0.5), ("histograms", 2.0), ("autocorrelation", 0.1)]
    assert [(name, weight) for name, (weight, _) in found.items()] == weights
    assert [type(loss.loss) for _, loss in found.values()] == [OctaveLosses, Histograms, OctaveLosses]
    soft = 0.5 + 0.3 * (SOURCE - 0.5)
    for _, loss in found.values():
        assert value(loss, SOURCE) < 0.02 < 0.5 < value(loss, soft)


def test_a_weight_of_0_is_no_term():
    assert PictureTermsPlan(0, 0, 0).losses([SOURCE], SCALE, (False, False)) == {}


def test_sources_of_any_size_have_spectra_and_those_that_are_large_enough_autocorrelations():
    tiny, scale = SOURCE[:9, :7], replace(SCALE, size=(5, 80))
    found = PictureTermsPlan(1.0, 1.0, 1.0).losses([SOURCE, tiny], scale, (True, False))
    assert list(found) == ["spectrum", "histograms"]
    assert np.isfinite(value(found["spectrum"][1], SOURCE[:5]))


def test_the_autocorrelation_is_that_of_the_picture_without_its_margins():
    scale = replace(SCALE, margins=(4, 8))
    _, loss = PictureTermsPlan(0, 0, 1.0).losses([SOURCE], scale, (False, False))["autocorrelation"]
    around = np.pad(SOURCE, ((4, 4), (8, 8), (0, 0)), mode="edge")
    terms = {name: float(ops.convert_to_numpy(term)) for name, term in loss.terms(around[None]).items()}
    assert list(terms) == ["octave0", "octave1", "octave2"]
    assert terms["octave0"] < 1e-9


def test_finished_pictures_get_the_histograms_where_these_are_a_term(inputs, tmp_path):
    luma = np.array([0.299, 0.587, 0.114])
    source = np.asarray(Image.open(inputs / "stones.png").convert("RGB"), "float32") / 255
    wanted = np.quantile(source @ luma, (np.arange(40 * 32) + 0.5) / (40 * 32))
    with_term, without = (
        synthesize(small_settings(inputs, tmp_path, histogram_weight=weight, max_iter=1)).frames for weight in (1e-9, 0)
    )
    errors = [np.mean((np.sort((frames[0] @ luma).ravel()) - wanted) ** 2) for frames in (with_term, without)]
    # Colours of the first noise that leave [0, 1] are clipped.
    assert errors[0] < 0.25 * errors[1]


def test_weights_are_the_usual_ones_unless_named_or_without_meaning():
    usual = {**dict.fromkeys(TERMS, 0.0), **TERM_WEIGHTS["stochastic"]}
    assert SynthesisSettings().term_weights(0.0) == usual
    assert SynthesisSettings(spectrum_weight=0.0).term_weights(0.0) == {**usual, "spectrum_weight": 0.0}
    assert not any(SynthesisSettings().term_weights(1.0, "regions").values())
    assert SynthesisSettings().term_weights(1.0, "morph") == {**dict.fromkeys(TERMS, 0.0), **MORPH_WEIGHTS}
    assert not any(SynthesisSettings(statistics="gram").term_weights(1.0, "morph").values())
    assert not any(SynthesisSettings(mul=2.0).term_weights(0.0).values())
    assert SynthesisSettings(descriptor="random").term_weights(0.0) == {**usual, "correlation_weight": 0.0}
    for where, option in (("regions", "guide"), ("morph", "morph")):
        with pytest.raises(ArgumentError, match=f"`histogram_weight` must be 0 with `{option}`"):
            SynthesisSettings(histogram_weight=0.1).term_weights(1.0, where)


def test_regular_sources_have_terms_of_their_own():
    regular = SynthesisSettings(statistics="regular").term_weights(0.0)
    assert regular["shifted_gram_weight"] > 0
    assert SynthesisSettings().term_weights(REGULAR) == regular
    assert SynthesisSettings(statistics="stochastic").term_weights(1.0)["shifted_gram_weight"] == 0
    assert not any(SynthesisSettings(statistics="gram").term_weights(1.0).values())
    assert SynthesisSettings(statistics="gram", moment_weight=2.0).term_weights(0.0)["moment_weight"] == 2


@pytest.mark.parametrize("preset", ["subjective-functions", "gatys2015"])
def test_presets_of_papers_have_gram_matrices_alone(preset):
    settings = SynthesisSettings(**PRESETS[preset])
    assert not any(settings.term_weights(1.0).values())
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
    assert not any(read_settings(folder).term_weights(1.0).values())
    assert {name.split("/")[0] for name in resume(folder).terms} == {"texture"}
