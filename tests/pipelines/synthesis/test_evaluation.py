"""Octave by octave and in strips a picture has the same loss and gradient as at once."""

from functools import partial

import numpy as np
import pytest
from keras import ops
from support.synthesis_cases import make_inputs, small_settings

from losses.positions import Positions
from losses.strips import cut_strips
from optimize.value_and_grad import compile_value_and_grad
from pipelines.synthesis import evaluation as synthesis_evaluation
from pipelines.synthesis.feature_positions import layer_positions, receptive_field
from pipelines.synthesis.inputs import read_inputs
from pipelines.synthesis.objective import Objectives
from pipelines.synthesis.plan import plan_synthesis

pytestmark = pytest.mark.backends
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
    "deep": {"layers": ("conv1_1", "relu1_2", "relu2_1"), "octaves": 1},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_strips_change_no_number(inputs, monkeypatch, case):
    changes = {"output_height": 64, "output_width": 32, **CASES[case]}
    if "guide" in changes:
        changes["guide"] = tuple(inputs / name for name in changes["guide"])
    settings = small_settings(inputs, inputs, **changes)
    given = read_inputs(settings)
    plan = plan_synthesis(settings, given.source_sizes)
    (scale,) = plan.scales
    objectives = Objectives(plan, given)
    loss = objectives.loss(scale)
    images = np.random.default_rng(0).random((settings.count, *settings.size, 3), dtype="float32")
    expected = compile_value_and_grad(loss)(images)
    monkeypatch.setattr(synthesis_evaluation, "LARGEST_PIXELS", settings.count * 32 * 36)
    evaluate = synthesis_evaluation.compile_loss(loss, images.shape, objectives.paddings.output)
    for _ in range(2):
        found = evaluate(images)
        assert list(found.term_values()) == list(expected.term_values())
        assert found.term_values() == pytest.approx(expected.term_values(), rel=1e-4)
        assert float(ops.convert_to_numpy(found.loss)) == pytest.approx(
            float(ops.convert_to_numpy(expected.loss)), rel=1e-4
        )
        gradients = [ops.convert_to_numpy(evaluation.gradient) for evaluation in (found, expected)]
        assert np.abs(gradients[0] - gradients[1]).max() <= 1e-4 * np.abs(gradients[1]).max()


def test_there_are_several_strips_and_each_row_belongs_to_one():
    for padding in ("valid", "same", "circular"):
        for height in (320, 512):
            layers = {name: partial(layer_positions, name, padding) for name in ("relu1_1", "pool2", "relu3_2")}
            strips = cut_strips(height, rows=100, layers=layers, field=receptive_field("relu3_2"), padding=padding)
            assert len(strips) == -(-height // 100)
            assert max(strip.count for strip in strips) <= 100 + 2 * receptive_field("relu3_2")
            for name, place in layers.items():
                rows = [
                    row
                    for strip in strips
                    for row in range(strip.owned[name].first, strip.owned[name].first + strip.owned[name].count)
                ]
                assert rows == list(range(place(Positions(0.0, 1.0, height)).count))


def test_a_wrapping_height_that_pooling_cannot_halve_is_refused():
    layers = {"pool2": partial(layer_positions, "pool2", "circular")}
    with pytest.raises(ValueError, match="multiple of 4"):
        cut_strips(202, rows=50, layers=layers, field=16, padding="circular")
