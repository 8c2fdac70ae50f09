"""A descriptor in segments, and its maps in strips of rows."""

import numpy as np
import pytest
from keras import ops

from describe.positions import Positions, map_size
from describe.segments import split_descriptor
from describe.strips import cut_strips
from model.descriptor import build_descriptor
from model.vgg19 import vgg19

PADDING = ("replicate", "replicate")


@pytest.mark.parametrize("height", [2, 3, 16, 17, 33, 101])
@pytest.mark.parametrize("rows", [1, 4, 7, 50])
def test_strips_cover_every_row_and_every_pooled_row_once(height, rows):
    strips = cut_strips(height, rows=rows, margin=3, padding="same")
    for place, count in ((lambda positions: positions, height), (Positions.pooled, height // 2)):
        owned = [row for strip in strips for row in range(height)[strip.owned(place)]]
        assert owned == list(range(count))
    for strip in strips:
        assert strip.start % 2 == 0
        assert strip.start in (0, strip.first - 4)
        assert strip.start + strip.count in (height, (strip.last or height) + 4)


@pytest.mark.backends
def test_segments_compute_what_the_descriptor_does():
    names = ["relu1_1", "pool1", "conv2_1", "pool2", "relu3_2"]
    (segment,) = split_descriptor(build_descriptor(["random"], descriptor="random"), ["random"])
    assert segment.taps == ("random",)
    model = vgg19(names, padding="replicate")
    random = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([random.normal(0, 0.1, weight.shape) for weight in layer.weights])
    picture = random.random((1, 21, 26, 3), dtype="float32")
    expected, found, inputs_of_next = model(picture), {}, picture
    for segment in split_descriptor(model, names):
        outputs = segment.model(inputs_of_next)
        found |= {name: outputs[name] for name in segment.taps}
        inputs_of_next = outputs.get(segment.output)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(ops.convert_to_numpy(found[name]), ops.convert_to_numpy(values))
        assert map_size(name, (21, 26), PADDING) == tuple(values.shape[1:3])
