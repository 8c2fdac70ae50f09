"""Strips of a block's maps, whatever the padding: every row of every layer belongs to one, and lies in what it sees."""

from functools import partial

import numpy as np
import pytest

from describe.positions import Positions, positions_after
from describe.strips import cut_strips

LAYERS = ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")


@pytest.mark.parametrize("padding", ["valid", "same", "circular"])
@pytest.mark.parametrize("height", [9, 64, 65, 320, 511])
@pytest.mark.parametrize("rows", [2, 30, 100, 1000])
def test_each_row_belongs_to_one_strip(padding, height, rows):
    strips = cut_strips(height, rows=rows, margin=2, padding=padding)
    assert len(strips) <= -(-height // rows)
    assert max(strip.count for strip in strips) <= max(rows, 2) + 2 + 4 + 1
    for end in range(1, len(LAYERS) + 1):
        place = partial(positions_after, LAYERS[:end], padding)
        positions = place(Positions(0.0, 1.0, height))
        owned = [row for strip in strips for row in range(strip.owned(place).start, strip.owned(place).stop)]
        assert owned == list(range(positions.count))
        for strip in strips:
            begin, count = strip.place(place)
            assert begin >= 0
            assert begin + count <= place(Positions(0.0, 1.0, strip.count)).count


def test_rows_beyond_the_edge_stand_at_the_other_one():
    values = np.arange(10.0).reshape(1, 10, 1, 1)
    first, *_, last = cut_strips(10, rows=4, margin=2, padding="circular")
    assert first.cut(values).ravel().tolist()[:4] == [8, 9, 0, 1]
    assert last.cut(values).ravel().tolist()[-2:] == [0, 1]
    total = np.zeros_like(values)
    first.add(total, np.ones((1, first.count, 1, 1)))
    assert total.ravel()[[8, 9, 0, 1]].tolist() == [1, 1, 1, 1]
    assert total.sum() == first.count
