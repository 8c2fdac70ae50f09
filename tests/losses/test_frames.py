"""The inter-frame loss against PyTorch."""

import numpy as np
import pytest
import torch
from keras import ops

from losses.frames import InterFrameLoss, frame_distances, shift_distances
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends
PADDING = ("replicate", "replicate")


def frames(count=4, size=(12, 14), seed=0):
    return np.random.default_rng(seed).random((count, *size, 3), dtype="float32")


def reference_distances(first, second, distance, octaves):
    pair = (torch.tensor(x[np.newaxis], dtype=torch.float64).permute(0, 3, 1, 2) for x in (first, second))
    return [value.item() for value in torch_reference.frame_distances(*pair, distance, octaves)]


@pytest.mark.parametrize("octaves", [1, 3])
@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_distances_are_their_definition(distance, octaves):
    first, second = frames(), frames(seed=1)
    found = frame_distances(first, second, distance=distance, octaves=octaves, padding=PADDING)
    expected = [reference_distances(a, b, distance, octaves) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(np.stack([ops.convert_to_numpy(v) for v in found], axis=1), expected, rtol=1e-5)


@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_loss_compares_frames_around_the_loop(distance):
    x, targets = frames(5), [0.2, 0.1] if distance == "l2" else [0.3]
    loss = InterFrameLoss(targets, distance=distance, octaves=2, order=2, padding=PADDING)
    total, terms = loss(ops.convert_to_tensor(x))
    expected = {}
    for step in (1, 2):
        pairs = [reference_distances(x[i], x[(i + step) % 5], distance, 2) for i in range(5)]
        for octave, target in enumerate(targets):
            expected[f"step{step}/octave{octave}"] = np.mean([(pair[octave] / target - step) ** 2 for pair in pairs])
    assert list(terms) == list(expected)
    for name, value in terms.items():
        np.testing.assert_allclose(ops.convert_to_numpy(value), expected[name], rtol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(total), sum(expected.values()), rtol=1e-4)


def test_without_a_loop_the_last_frame_is_followed_by_none():
    x = frames(4)
    loss = InterFrameLoss([0.3], distance="l2", octaves=1, order=3, padding=PADDING, loop=False)
    terms = loss.terms(ops.convert_to_tensor(x))
    assert list(terms) == [f"step{k}/octave0" for k in (1, 2, 3)]
    for step, value in enumerate(terms.values(), start=1):
        distances = np.sqrt(np.mean((x[step:] - x[:-step]) ** 2, axis=(1, 2, 3)))
        np.testing.assert_allclose(ops.convert_to_numpy(value), np.mean((distances / 0.3 - step) ** 2), rtol=1e-5)


@pytest.mark.parametrize("mode", ["replicate", "circular"])
@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_loss_and_gradient_agree_with_pytorch(distance, mode):
    x, targets = frames(5, (13, 16)), [0.2, 0.1] if distance == "l2" else [0.3]
    loss = InterFrameLoss(targets, distance=distance, octaves=2, order=2, padding=(mode, mode))
    expected = torch_reference.value_and_gradient(
        lambda images: torch_reference.inter_frame_loss(images, targets, distance, 2, 2, mode), x
    )
    torch_reference.assert_agrees(compile_value_and_grad(loss)(x), expected)


def test_equal_frames_have_a_finite_gradient():
    same = np.repeat(frames(1), 3, axis=0)
    for distance in ("l2", "lap1"):
        loss = InterFrameLoss([0.2], distance=distance, octaves=1, order=1, padding=PADDING)
        evaluation = compile_value_and_grad(loss)(same)
        assert float(ops.convert_to_numpy(evaluation.loss)) == pytest.approx(1.0)
        assert np.isfinite(ops.convert_to_numpy(evaluation.gradient)).all()


@pytest.mark.parametrize(("count", "steps"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 3)])
def test_steps_longer_than_half_the_loop_are_left_out(count, steps):
    terms = InterFrameLoss([0.2], distance="l2", octaves=1, order=3, padding=PADDING).terms(
        ops.convert_to_tensor(frames(count))
    )
    assert list(terms) == [f"step{k}/octave0" for k in range(1, steps + 1)]


@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_shift_distances_are_those_of_shifted_pictures(distance):
    image = frames(1)[0]

    def whole(pixels):
        shifted = (np.roll(image, pixels, axis=axis) for axis in (0, 1))
        return np.mean([reference_distances(image, other, distance, 2) for other in shifted], axis=0)

    def found(shift):
        return shift_distances(image, shift, distance=distance, octaves=2, padding=PADDING)

    np.testing.assert_allclose(found(3), whole(3), rtol=1e-5)
    np.testing.assert_allclose(found(2.25), 0.75 * whole(2) + 0.25 * whole(3), rtol=1e-5)
    np.testing.assert_allclose(found(0.5), 0.5 * whole(1), rtol=1e-5)


@pytest.mark.parametrize("target", [0.0, -1.0, float("nan")])
def test_a_target_of_no_distance_is_refused(target):
    with pytest.raises(ValueError, match="above 0"):
        InterFrameLoss([target], distance="l2", octaves=1, order=1, padding=PADDING)


@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_a_picture_that_a_shift_leaves_as_it_is_gives_no_target(distance):
    repeated = np.tile(frames(1, (4, 4))[0], (3, 4, 1))
    targets = shift_distances(repeated, 4, distance=distance, octaves=1, padding=PADDING)
    with pytest.raises(ValueError, match="above 0"):
        InterFrameLoss(targets, distance=distance, octaves=1, order=1, padding=PADDING)
