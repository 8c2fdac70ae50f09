"""Where a tile is cut."""

import numpy as np

from pipelines.synthesis.frames import cut_tile


def differences(frames, axis):
    """Differences of every line from the one before it, the first from the last."""
    return np.abs(frames - np.roll(frames, 1, axis=axis)).mean(axis=tuple(i for i in range(4) if i != axis))


def texture():
    random = np.random.default_rng(0)
    contrast = np.exp(random.normal(0, 0.5, (1, 64, 1, 1))) * np.exp(random.normal(0, 0.5, (1, 1, 96, 1)))
    return (random.random((1, 64, 96, 3)) * contrast).astype(np.float32)


def test_the_edge_is_a_line_like_the_others():
    frames = texture()
    frames[:, 0] += 5
    frames[:, :, 0] += 5
    tile = cut_tile(frames, (True, True), 4)
    for axis in (1, 2):
        found = differences(tile, axis)
        assert abs(found[0] / found.mean() - 1) < 0.1
        assert abs(differences(frames, axis)[0] / found.mean() - 1) > 0.5


def test_a_tile_is_the_same_texture_rolled_by_steps():
    frames = texture()
    tile = cut_tile(frames, (True, False), 8)
    assert any(np.array_equal(tile, np.roll(frames, rows, axis=1)) for rows in range(0, 64, 8))


def test_what_does_not_repeat_is_not_rolled():
    frames = texture()
    np.testing.assert_array_equal(cut_tile(frames, (False, False), 4), frames)
