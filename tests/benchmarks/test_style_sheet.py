"""The sheet of all styles: pieces pixel by pixel, at their places."""

import numpy as np
import pytest

from benchmarks.style_sheet import PHOTOS, assemble, piece, styles_that_ship

PICTURE = np.random.default_rng(0).random((60, 90, 3), np.float32)


@pytest.mark.parametrize(
    ("place", "top", "left"), [((0.5, 0.5), 20, 35), ((0.0, 1.0), 0, 70), ((0.9, 0.05), 40, 0), ((0.4, 0.6), 14, 44)]
)
def test_a_piece_is_the_picture_itself(place, top, left):
    assert np.array_equal(piece(PICTURE, place, 20), PICTURE[top : top + 20, left : left + 20])


def test_pieces_stand_in_their_rows():
    pieces = [[piece(PICTURE, (row / 2, column / 3), 8) for column in range(4)] for row in range(3)]
    sheet = assemble(pieces)
    assert sheet.shape == (24, 32, 3)
    assert all(
        np.array_equal(sheet[8 * row : 8 * row + 8, 8 * column : 8 * column + 8], pieces[row][column])
        for row in range(3)
        for column in range(4)
    )


def test_every_style_has_a_row_and_none_two():
    styles = styles_that_ship()
    assert len(styles) == 10
    assert styles["starry_night"][1] is None
    assert styles["klimt_the_kiss"][1] == {"klimt_the_kiss": 1.0}
    assert len({name for name, *_ in PHOTOS}) == 12
