"""Optical flow, warping, and steadied films: flicker, sharpness, cuts."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from support.steady_films import film, flicker, picture, stylized

from film.flow import FlowFinder, grey, refined, resize_flow, seen_in_both, warp
from film.matching import Matcher
from film.steadying import Steadier


def read_flow(path):
    """Read Middlebury's .flo: float32 (height, width, 2), and where it is known."""
    values = np.fromfile(path, np.float32)
    width, height = values[1:3].view(np.int32)
    flow = values[3:].reshape(height, width, 2)
    return flow, np.abs(flow).max(axis=-1) < 1e9


@pytest.mark.parametrize("pair", ["RubberWhale", "Hydrangea"])
def test_flow_is_near_the_truth(shared, pair):
    folder = shared / "film" / "flow" / pair
    first, second = (np.asarray(Image.open(folder / f"frame{i}.png"), np.float32) / 255 for i in (10, 11))
    truth, known = read_flow(folder / "flow10.flo")
    flow = resize_flow(FlowFinder()(grey(first), grey(second)), *first.shape[:2])
    error = np.hypot(*np.moveaxis(flow - truth, -1, 0))[known]
    assert np.median(error) < 0.25
    moved = np.abs(warp(second, flow) - first).mean()
    assert moved < 0.4 * np.abs(second - first).mean()


def test_errors_of_a_flow_are_smoothed_away():
    """Of a picture and SciPy's interpolated shift of it; large frames have the flow in pixels of their own."""
    first = picture()
    second = ndimage.shift(first, (-1.25, 2.5, 0), order=3, mode="nearest")
    truth = np.array((2.5, -1.25), np.float32)
    errors = np.random.default_rng(1).normal(size=(*first.shape[:2], 2))
    rough = truth + ndimage.gaussian_filter(errors, (1, 1, 0)).astype(np.float32)

    def error(flow):
        return np.hypot(*np.moveaxis(flow - truth, -1, 0))[16:-16, 16:-16].mean()

    assert error(refined(rough, grey(first), grey(second))) < 0.5 * error(rough)
    large = refined(resize_flow(rough, 480, 640), grey(first), grey(second))
    assert error(resize_flow(large, *first.shape[:2])) < 0.5 * error(rough)


def test_what_is_too_small_for_a_flow_is_left_alone():
    flow = np.ones((3, 5, 2), np.float32)
    tiny = np.zeros((3, 5), np.uint8)
    np.testing.assert_array_equal(refined(flow, tiny, tiny), flow)


def test_warp_is_scipys_interpolation_at_whole_shifts():
    values = picture()
    flow = np.full((*values.shape[:2], 2), (3, -2), np.float32)
    expected = ndimage.shift(values, (2, -3, 0), order=1, mode="nearest")
    assert np.allclose(warp(values, flow), expected, atol=1e-6)


def test_what_is_uncovered_is_not_believed():
    right = np.zeros((20, 40, 2), np.float32)
    right[..., 0] = 5
    seen = seen_in_both(right, -right)
    assert seen[:, :35].all()
    assert not seen[:, 35:].any()
    assert not seen_in_both(right, right).any()


def test_noise_costs_little_belief():
    """Of a picture that SciPy enlarges, with the noise of a camera in the dark."""
    still = picture(size=(160, 200))
    larger = ndimage.affine_transform(still, (1 / 1.03, 1 / 1.03, 1), (2.3, 2.9, 0), order=3, mode="reflect")
    random, match = np.random.default_rng(3), Matcher()
    frames = [np.clip(pixels + random.normal(0, 0.05, still.shape), 0, 1) for pixels in (still, larger)]
    match(frames[0].astype(np.float32))
    _, belief = match(frames[1].astype(np.float32))
    assert belief[16:-16, 16:-16].mean() > 0.75


def test_what_comes_from_behind_is_not_believed():
    """A square moves over a picture; what it leaves shows what the frame before did not."""
    behind, square = picture(1, (120, 200)), picture(2, (60, 60))
    frames = [behind.copy(), behind.copy()]
    for frame, left in zip(frames, (40, 52), strict=True):
        frame[30:90, left : left + 60] = square
    match = Matcher()
    match(frames[0])
    _, belief = match(frames[1])
    assert belief[34:86, 42:50].mean() < 0.05
    assert belief[40:80, 60:100].mean() > 0.9
    assert belief[:20].mean() > 0.9


def test_flicker_is_halved_and_sharpness_kept():
    contents = film()
    plain = [stylized(content, i) for i, content in enumerate(contents)]
    steadier = Steadier(1.0)
    steady = [steadier(*pair) for pair in zip(contents, plain, strict=True)]
    assert flicker(steady) < 0.5 * flicker(plain)
    sharpness = [np.mean([np.abs(np.diff(one, axis=1)).mean() for one in frames]) for frames in (steady, plain)]
    assert sharpness[0] > 0.9 * sharpness[1]
    half = Steadier(0.5)
    assert flicker(steady) < flicker([half(*pair) for pair in zip(contents, plain, strict=True)]) < flicker(plain)


def test_strength_0_and_cuts_leave_frames_alone():
    contents, other = film(3), picture(9)
    off, on = Steadier(0.0), Steadier(1.0)
    for content in contents:
        on(content, content)
        assert np.array_equal(off(content, content**2), content**2)
    assert np.array_equal(on(other, other**2), other**2)


def test_what_is_not_stylised_stays_as_it_is():
    """The content moves under a mask that stands still, and carries nothing of the style over its edge."""
    contents = film(12)
    mask = np.zeros(contents[0].shape[:2], np.float32)
    mask[:, 40:] = 1
    mask = ndimage.gaussian_filter(mask, 2)
    plain = [content + mask[..., np.newaxis] * (stylized(content, i) - content) for i, content in enumerate(contents)]
    steadier = Steadier(1.0, [mask])
    steady = [steadier(*pair) for pair in zip(contents, plain, strict=True)]
    for content, frame, result in zip(contents, plain, steady, strict=True):
        assert np.array_equal(result[:, :20], content[:, :20])
        around = np.abs(result - frame)[:, 28:52].mean()
        assert around < 0.6 * np.abs(frame - content)[:, 52:].mean()
    assert flicker([frame[:, 50:] for frame in steady]) < 0.7 * flicker([frame[:, 50:] for frame in plain])
    same = Steadier(1.0)
    assert all(np.array_equal(same(content, content), content) for content in contents)


def test_a_restored_steadier_goes_on_alike():
    contents = film(6)
    first, second = Steadier(1.0), Steadier(1.0)
    for i in range(3):
        first(contents[i], stylized(contents[i], i))
    second.restore(first.state(), *contents[0].shape[:2])
    for i in range(3, 6):
        frame = stylized(contents[i], i)
        assert np.array_equal(first(contents[i], frame), second(contents[i], frame))
