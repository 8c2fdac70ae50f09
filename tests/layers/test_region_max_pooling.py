"""Maxima of the parts of boxes, against PyTorch's adaptive pooling of what it cuts out itself."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from layers import RegionMaxPooling2D
from model.saving import load_model

pytestmark = pytest.mark.backends
RNG = np.random.default_rng(0)


def boxes_within(height, width, scale, count=30):
    """Return boxes, some with corners that are halves after scaling, in two pictures."""
    corners = np.sort(RNG.uniform(0, 1, (count, 2, 2)) * [width - 1.01, height - 1.01], axis=1).reshape(count, 4)
    corners[: count // 2] = np.floor(corners[: count // 2]) + 0.5
    return np.concatenate([RNG.integers(0, 2, (count, 1)), np.minimum(corners, [width - 1, height - 1] * 2) / scale], 1)


def cut_and_pooled(pictures, boxes, size, scale):
    """Return what PyTorch makes of each box, whose corners are rounded, halves up."""
    parts = []
    for number, *corners in boxes:
        left, top, right, bottom = np.floor(np.multiply(corners, scale) + 0.5).astype(int)
        cut = torch.tensor(pictures[int(number), top : bottom + 1, left : right + 1]).permute(2, 0, 1)
        parts.append(F.adaptive_max_pool2d(cut, size).permute(1, 2, 0).numpy())
    return np.stack(parts)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("side", "size", "scale"), [((14, 19), (7, 7), 0.0625), ((33, 8), (6, 5), 0.5)])
def test_parts_are_those_of_pytorch(side, size, scale, clip, tmp_path):
    pictures = RNG.normal(size=(2, *side, 3)).astype(np.float32) - 3
    boxes = boxes_within(*side, scale).astype(np.float32)
    inputs = [keras.Input((*side, 3)), keras.Input((5,))]
    model = keras.Model(inputs, RegionMaxPooling2D(size, scale, clip_boxes=clip)(inputs))
    assert model.output.shape == (None, *size, 3)
    model.save(tmp_path / "model.keras")
    found = keras.ops.convert_to_numpy(load_model(tmp_path / "model.keras")([pictures, boxes]))
    np.testing.assert_array_equal(found, cut_and_pooled(pictures, boxes, size, scale))


def test_boxes_outside_and_turned_around():
    picture = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1) - 20
    boxes = np.float32([[0, 9, 9, 12, 12], [0, 2, 1, 0, 0], [0, -1e9, -1e9, 1e9, 1e9], [0, -4, 0, 1, 0]])
    found = keras.ops.convert_to_numpy(RegionMaxPooling2D(2)([picture, boxes]))[..., 0]
    assert not found[0].any()  # no pixel
    assert (found[1] == picture[0, 1, 2, 0]).all()  # the pixel of its first corner
    np.testing.assert_array_equal(found[2], [[0, 0], [0, picture.max()]])
    np.testing.assert_array_equal(found[3], [[0, -19], [0, -19]])


def test_unknown_sizes_are_refused():
    with pytest.raises(ValueError, match="height and width of the pictures must be known"):
        RegionMaxPooling2D(2)([keras.Input((None, 4, 3)), keras.Input((5,))])
