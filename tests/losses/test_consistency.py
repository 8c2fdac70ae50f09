"""The difference of pictures of which one is shifted, and its gradient, against PyTorch."""

import numpy as np
import pytest
import torch
from keras import ops

from losses.pictures.consistency import MAX_SHIFT, Consistency
from optimize.value_and_grad import compile_value_and_grad

pytestmark = pytest.mark.backends

SHIFTS = np.array([[0, 1], [3, 0], [7, 7]], np.int32)
LARGE = np.random.default_rng(2).random((3, 27, 30, 3), dtype=np.float32)


def views():
    """Return pictures of 20 x 23 pixels and what lies further down and right."""
    height, width = LARGE.shape[1] - MAX_SHIFT, LARGE.shape[2] - MAX_SHIFT
    others = [
        large[down : down + height, right : right + width] for large, (down, right) in zip(LARGE, SHIFTS, strict=True)
    ]
    return LARGE[:, :height, :width].copy(), np.stack(others)


def test_the_same_picture_shifted_is_no_difference():
    pictures, others = views()
    arrays = [ops.convert_to_tensor(array) for array in (pictures, others, SHIFTS)]
    assert float(ops.convert_to_numpy(Consistency().terms(*arrays)[""])) == 0
    wrong = ops.convert_to_tensor(SHIFTS[::-1].copy())
    assert float(ops.convert_to_numpy(Consistency().terms(*arrays[:2], wrong)[""])) > 0.05


def test_value_and_gradient_are_those_of_torch():
    """PyTorch brings the other picture back to its place by rolling it."""
    pictures, others = views()
    noise = np.random.default_rng(3).normal(0, 0.1, others.shape).astype(np.float32)
    tensor = torch.tensor(pictures, requires_grad=True)
    height, width = pictures.shape[1] - MAX_SHIFT, pictures.shape[2] - MAX_SHIFT
    back = [torch.roll(one, tuple(map(int, -shift)), (0, 1)) for one, shift in zip(tensor, SHIFTS, strict=True)]
    seen = torch.stack(back)[:, :height, :width]
    expected = torch.nn.functional.mse_loss(seen, torch.tensor((others + noise)[:, :height, :width]))
    expected.backward()

    moved, shifts = ops.convert_to_tensor(others + noise), ops.convert_to_tensor(SHIFTS)
    found = compile_value_and_grad(lambda images: Consistency()(images, moved, shifts))(pictures)
    assert float(ops.convert_to_numpy(found.loss)) == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(found.gradient), tensor.grad.numpy(), atol=1e-8)
