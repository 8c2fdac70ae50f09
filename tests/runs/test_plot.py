"""The plot of curves: what is drawn where."""

import numpy as np
import pytest
from PIL import Image

from images.errors import ImageError
from runs.plot import BLACK, BOTTOM, COLORS, LEFT, RIGHT, TOP, Curve, write_line_plot


def drawn(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_curves_lie_where_their_values_are(tmp_path):
    path = tmp_path / "loss.png"
    # From 1 to 0.01 in a straight line over the logarithmic axis, and a constant tenth.
    curves = [Curve("loss", [0, 100], [1.0, 0.01]), Curve("term", [0, 100], [0.1, 0.1])]
    write_line_plot(path, curves, marks={50: "128 x 128"}, label="evaluations")
    pixels = drawn(path)
    middle = ((TOP + BOTTOM) // 2, (LEFT + RIGHT) // 2)
    for share, height in ((0.25, 0.25), (0.75, 0.75)):
        x, y = LEFT + (RIGHT - LEFT) * share, TOP + (BOTTOM - TOP) * height
        around = pixels[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].reshape(-1, 3)
        assert (around == BLACK).all(axis=1).any()
    row = pixels[middle[0] - 1 : middle[0] + 2, LEFT + 20 : middle[1] - 20].reshape(-1, 3)
    assert (row == COLORS[0]).all(axis=1).sum() > 200


def test_zeros_and_single_points_do_no_harm(tmp_path):
    curves = [Curve("loss", [1, 2, 3], [0.0, float("nan"), 5.0]), Curve("none", [1], [1.0])]
    write_line_plot(tmp_path / "a.png", curves, marks={}, label="x")
    write_line_plot(tmp_path / "b.png", [Curve("loss", [0], [0.0])] * 40, marks={0: "a"}, label="x")
    assert drawn(tmp_path / "a.png").shape == drawn(tmp_path / "b.png").shape


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ImageError, match="cannot be written"):
        write_line_plot(tmp_path / "no" / "a.png", [Curve("loss", [0, 1], [1.0, 2.0])], marks={}, label="x")
