"""What the measures of texture generators say of pictures that are known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.generators import SAMPLES, Bench, Learned, lattice_ratio, squares
from errors import ArgumentError


def noise(seed, height=256, width=256):
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def test_squares_cover_a_texture():
    assert [square.shape[:2] for square in squares(noise(0, 512, 300))] == [(256, 256), (256, 256)]
    assert [square.shape[:2] for square in squares(noise(0, 200, 180))] == [(200, 180)]


def test_a_lattice_is_told_from_the_texture_s_own():
    texture = noise(0)
    assert lattice_ratio([noise(1), noise(2)], texture) == pytest.approx(1, abs=0.25)
    printed = noise(1) + 0.2 * (np.arange(256) % 4 == 0)[:, None]
    assert lattice_ratio([printed], texture) > 5
    assert lattice_ratio([printed], printed) == pytest.approx(1)


def test_distances_are_means_of_all_samples(monkeypatch):
    samples = [noise(seed) for seed in range(SAMPLES)]
    monkeypatch.setattr("benchmarks.generators.sample_pictures", lambda *_, **__: iter(samples))
    bench = Bench(Path(), 0)
    names = "portilla_simoncelli", "patches", "alexnet", "spectrum", "high", "detail_luma", "seam"
    seeds = {picture.tobytes(): seed for seed, picture in enumerate(samples)}

    def measure(picture, source, *, is_tile):
        return SimpleNamespace(**dict.fromkeys(names, seeds[picture.tobytes()]))

    monkeypatch.setattr(bench.judge, "measure", measure)
    bench.measure(Learned("stones", Path("pics/bricks.jpg"), 256))
    assert float(bench.rows[0][1]) == (SAMPLES - 1) / 2


def test_what_was_learned_is_told_by_one_argument():
    found = Learned.parse("out/stones.keras=pics/bricks.jpg:128")
    assert (found.name, found.texture().shape) == ("stones", (128, 128, 3))
    for text in ("bark", "bark=pics/bricks.jpg", "bark=pics/bricks.jpg:wide"):
        with pytest.raises(ArgumentError, match="must be NAME_OR_FILE=SOURCE:WIDTH"):
            Learned.parse(text)
