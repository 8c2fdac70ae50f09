"""Octave by octave and in strips a picture has the same loss and gradient as at once."""

import numpy as np
import pytest
from keras import ops
from support import backends
from support.synthesis_cases import make_inputs, small_settings

from optimize.value_and_grad import compile_value_and_grad
from pipelines.synthesis import targets as synthesis_targets
from pipelines.synthesis.feature_terms import COARSE_FACTOR
from pipelines.synthesis.geometry import Scale
from pipelines.synthesis.inputs import read_inputs
from pipelines.synthesis.places.morph import Morph
from pipelines.synthesis.plan import plan_synthesis

CASES = {
    "valid": {},
    "same": {"padding_mode": "same"},
    "wrapped": {"tileable": "both"},
    "wrapped vertically": {"tileable": "y", "padding_mode": "same"},
    "wrapped horizontally": {"tileable": "x"},
    "odd sizes": {"output_height": 61, "output_width": 35, "padding_mode": "same"},
    "odd sizes, valid": {"output_height": 59},
    "wrapped, odd": {"tileable": "both", "output_height": 61, "output_width": 35},
    "frames": {"count": 3, "if_octaves": 2},
    "regions": {"guide": ("source_mask.png", "output_mask.png")},
    "morph": {"source": (), "morph": ("stones.png", "folder/a.png")},
    "deep": {"layers": ("conv1_1", "relu1_2", "relu2_1"), "octaves": 1},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("case", backends.cases(CASES, on_all=["wrapped, odd", "regions"]))
def test_strips_change_no_number(inputs, monkeypatch, case):
    changes = {"output_height": 64, "output_width": 32, "precision": "float32", **CASES[case]}
    for pair in {"guide", "morph"} & set(changes):
        changes[pair] = tuple(inputs / name for name in changes[pair])
    settings = small_settings(inputs, inputs, **changes)
    given = read_inputs(settings)
    plan = plan_synthesis(settings, given.source_sizes, morph=Morph(None) if given.is_morph else None)
    (scale,) = plan.scales
    objectives = plan.objective.build(given)
    loss = objectives.loss(scale)
    images = np.random.default_rng(0).random((settings.count, *settings.size, 3), dtype="float32")
    expected = compile_value_and_grad(loss)(images)
    assert objectives.measure(scale, images) == pytest.approx(expected.term_values(), rel=1e-4)
    monkeypatch.setattr(synthesis_targets, "MAX_PIXELS", settings.count * 32 * 36)
    objectives.striped.strip_values = settings.count * 32 * 64 * 12
    assert len(objectives.striped.strips(0, images.shape)) > 2
    evaluate = objectives.compile(scale, images.shape)
    assert objectives.measure(scale, images) == pytest.approx(expected.term_values(), rel=1e-4)
    for _ in range(2):
        found = evaluate(images)
        assert list(found.term_values()) == list(expected.term_values())
        assert found.term_values() == pytest.approx(expected.term_values(), rel=1e-4)
        assert float(ops.convert_to_numpy(found.loss)) == pytest.approx(
            float(ops.convert_to_numpy(expected.loss)), rel=1e-4
        )
        gradients = [ops.convert_to_numpy(evaluation.gradient) for evaluation in (found, expected)]
        assert np.abs(gradients[0] - gradients[1]).max() <= 1e-4 * np.abs(gradients[1]).max()


@pytest.mark.backends
def test_large_sources_are_described_in_strips(inputs, monkeypatch):
    settings = small_settings(inputs, inputs, output_height=64, output_width=32, precision="float32")
    given = read_inputs(settings)
    plan = plan_synthesis(settings, given.source_sizes)
    (scale,) = plan.scales
    images = np.random.default_rng(0).random((1, *settings.size, 3), dtype="float32")
    expected = plan.objective.build(given).measure(scale, images)
    monkeypatch.setattr(synthesis_targets, "MAX_PIXELS", 600)
    in_strips = plan.objective.build(given)
    in_strips.source_striped.strip_values = 32 * 64 * 12
    assert in_strips.measure(scale, images) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("height", "width", "parts"), [(64, 33, 4), (29, 100, 4), (24, 25, 1)])
def test_statistics_of_large_sources_are_the_means_of_their_parts(inputs, monkeypatch, height, width, parts):
    settings = small_settings(inputs, inputs, octaves=1, layers=("relu1_1",), moment_weight=1.0, precision="float32")
    objectives = plan_synthesis(settings, [(height, width)]).objective.build(read_inputs(settings))
    source = np.random.default_rng(0).random((height, width, 3), dtype="float32")
    source[height // 2 :] /= 4
    monkeypatch.setattr(synthesis_targets, "MAX_PIXELS", 32 * 32)
    seen = []
    assert objectives.source_striped  # made of the descriptor, before that tells what it is given
    describe = objectives.source_descriptor
    monkeypatch.setitem(
        vars(objectives), "source_descriptor", lambda part: seen.append(tuple(part.shape)) or describe(part)
    )
    places = objectives._places(Scale((height, width), (0, 0), 1.0, 1, 1))
    (found,) = objectives._statistics(source, [True], places)
    assert len(seen) == parts
    assert len(set(seen)) == 1
    assert max(np.prod(shape[:3]) for shape in seen) <= 32 * 32
    mean, _ = found.further["relu1_1", "moment"]
    expected = np.mean(ops.convert_to_numpy(describe(ops.convert_to_tensor(source[None]))["relu1_1"]), axis=(0, 1, 2))
    np.testing.assert_allclose(mean, expected, rtol=0.1)
    (unused,) = objectives._statistics(source, [False], places)
    assert not unused.further
    assert len(seen) == parts + (parts == 1)  # in strips, Gram matrices do not need it


@pytest.mark.parametrize(("width", "counted"), [(64, [True, True]), (80, [False, True]), (160, [False, False])])
def test_octaves_in_strips_have_no_terms_beside_gram_matrices(inputs, monkeypatch, width, counted):
    settings = small_settings(
        inputs, inputs, output_width=width, output_height=width, octaves=2, correlation_weight=1.0
    )
    given = read_inputs(settings)
    objectives = plan_synthesis(settings, given.source_sizes).objective.build(given)
    monkeypatch.setattr(synthesis_targets, "MAX_PIXELS", 64 * 64)
    scale = Scale((width, width), (0, 0), 1.0, 2, 1)
    terms = objectives._terms([objectives._source(source, scale) for source in given.sources], scale)
    assert ["relu1_1/correlation" in octave for octave in terms] == counted


@pytest.mark.parametrize("octaves", [2, 3])
def test_at_every_scale_the_coarsest_of_three_octaves_has_more_weight(inputs, octaves):
    size = {"output_height": 128, "output_width": 128, "source_width": 128}
    options = {"octaves": octaves, "schedule": "coarse-to-fine", "layers": ("relu1_1",), "correlation_weight": 1.0}
    settings = small_settings(inputs, inputs, **options, **size)
    given = read_inputs(settings)
    plan = plan_synthesis(settings, given.source_sizes)
    objectives = plan.objective.build(given)
    assert len(plan.scales) > 1
    for scale in plan.scales:
        terms = objectives._terms([objectives._source(source, scale) for source in given.sources], scale)
        found = {octave + scale.halvings: term["relu1_1/correlation"].weight for octave, term in enumerate(terms)}
        assert 2 in found or octaves == 2
        assert found == {octave: COARSE_FACTOR if octaves == 3 and octave == 2 else 1 for octave in found}
