"""The anchor of a steadied film: the way back to it, how far it is believed, and what a run keeps of it."""

import numpy as np
import pytest
from support.steady_films import film, flicker, picture, stylized

from film import steadying
from film.anchor import Anchor, restored
from film.steadying import Steadier


def moving(by, size=(120, 160)):
    return np.full((*size, 2), by, np.float32)


def test_steps_are_joined_to_the_way_back():
    """Three steps of (2, -1) are (6, -3), where no step leads out of the picture."""
    believed = np.ones((120, 160), np.float32)
    anchor = Anchor(picture(), picture(1))
    for _ in range(3):
        anchor = anchor.after(moving((2, -1)), 0.9 * believed)
    assert anchor.age == 3
    np.testing.assert_allclose(anchor.flow[20:-20, 20:-20], moving((6, -3))[20:-20, 20:-20], atol=1e-5)
    np.testing.assert_allclose(anchor.chain[20:-20, 20:-20], 0.9**3, rtol=1e-5)


def test_it_is_believed_where_the_contents_agree():
    wide = picture(size=(120, 260))
    anchor = Anchor(wide[:, :160], picture(1)).after(moving((6, 0)), np.ones((120, 160), np.float32))
    content = wide[:, 6:166].copy()
    content[40:80, 40:80] = 1 - content[40:80, 40:80]
    moved, belief = anchor.seen_from(content)
    np.testing.assert_allclose(moved[:, 10:140], picture(1)[:, 16:146], atol=1e-5)
    assert belief[90:, 20:140].min() > 0.99
    assert belief[50:70, 50:70].max() < 0.5
    assert not belief[:, 154:].any()  # beyond the anchor's edge


def test_what_is_far_apart_flickers_less_with_it(monkeypatch):
    """Frames eight apart: blending with the last result alone drifts."""
    contents = film(18)
    plain = [stylized(content, i) for i, content in enumerate(contents)]

    def drift(frames):
        return np.mean([np.abs(frames[i + 8][:, :-16] - frames[i][:, 16:]).mean() for i in range(2, 10)])

    def steadied():
        steadier = Steadier(1.0)
        return [steadier(*pair) for pair in zip(contents, plain, strict=True)]

    with_anchor = steadied()
    monkeypatch.setattr(steadying, "ANCHOR_SHARE", 0.0)
    without = steadied()
    assert drift(with_anchor) < 0.8 * drift(without)
    assert drift(with_anchor) < 0.6 * drift(plain)
    assert flicker(with_anchor) < 0.5 * flicker(plain)


@pytest.mark.parametrize("steps", [0, 2])
def test_it_comes_back_from_what_is_kept(steps):
    anchor = Anchor(picture(), picture(1))
    for _ in range(steps):
        anchor = anchor.after(moving((2, -1)), np.ones((120, 160), np.float32))
    back = restored(anchor.state())
    assert back.age == steps
    for name, values in anchor.state().items():
        np.testing.assert_array_equal(back.state()[name], values)


def test_a_film_that_goes_on_has_the_same_anchor():
    contents = film(20)
    plain = [stylized(content, i) for i, content in enumerate(contents)]
    whole, first, second = Steadier(1.0), Steadier(1.0), Steadier(1.0)
    expected = [whole(*pair) for pair in zip(contents, plain, strict=True)]
    for pair in zip(contents[:18], plain[:18], strict=True):
        first(*pair)
    second.restore(first.state(), *contents[0].shape[:2])
    for place in (18, 19):
        np.testing.assert_allclose(second(contents[place], plain[place]), expected[place], atol=1e-6)
