"""What textures are measured by, beside SciPy and on pictures whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import scipy.spatial
import scipy.stats

from benchmarks import textures
from benchmarks.quality import borders, patches, portilla, spectra, texture_judge
from benchmarks.quality.lattice import luma
from errors import UserError
from images.writing import write_image
from tests.benchmarks.test_quality import alexnet_file, clouds


def noise(size=128, seed=0):
    return np.random.default_rng(seed).random((size, size, 3)).astype("float32")


def test_radial_spectrum_is_that_of_scipy():
    picture = noise()
    frequencies, found = spectra.radial_spectrum(picture)
    gray = luma(picture)
    first = scipy.signal.periodogram(gray - gray.mean(), window="hann", detrend=False, return_onesided=False, axis=0)
    # The second axis by hand: SciPy's periodogram is of one dimension and drops the phase.
    window = scipy.signal.get_window("hann", 128)
    transformed = scipy.fft.fft2((gray - gray.mean()) * np.outer(window, window))
    power = np.abs(transformed) ** 2 / np.sum(window**2) ** 2
    rings = np.hypot(*np.meshgrid(first[0], first[0], indexing="ij"))
    edges = np.arange(1, 65) / 128
    wanted = scipy.stats.binned_statistic(rings.ravel(), power.ravel(), bins=edges).statistic
    np.testing.assert_allclose(frequencies, edges[:-1] + 1 / 256)
    # The last bin of SciPy holds its right edge.
    np.testing.assert_allclose(found[:-1], wanted[:-1], rtol=1e-6)


def test_a_stronger_texture_is_off_by_the_logarithm_of_its_power():
    picture = noise()
    doubled = 0.5 + 2 * (picture - 0.5)
    distance = spectra.spectrum_distance(doubled, picture)
    assert distance.rms == pytest.approx(np.log10(4), abs=1e-3)
    assert distance.high == pytest.approx(np.log10(4), abs=1e-3)
    assert spectra.spectrum_distance(picture, picture).rms == 0


def test_median_laplacians_are_those_of_a_convolution():
    picture = noise()
    kernel = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    ycc = np.stack([luma(picture), *(picture.astype("float64") @ row for row in spectra.CHROMA)])
    wanted = [255 * np.median(np.abs(scipy.signal.convolve2d(plane, kernel, mode="valid"))) for plane in ycc]
    np.testing.assert_allclose(spectra.median_laplacians(picture), wanted, rtol=1e-9)


@pytest.mark.parametrize(("found", "wanted", "ratio"), [(3, 2.5, 1), (24, 12, 2), (6, 12, 0.5), (0, 0, 1)])
def test_detail_within_a_level_counts_as_equal(found, wanted, ratio):
    assert spectra.detail_ratio(found, wanted) == ratio


def test_nearest_patches_are_those_of_a_tree(monkeypatch):
    monkeypatch.setattr(patches, "BLOCK", 100)
    queries, candidates = (patches.patches(noise(24, seed), step) for seed, step in ((0, 7), (1, 1)))
    places = patches.nearest_patches(queries, candidates)
    tree = scipy.spatial.cKDTree(candidates.reshape(-1, candidates.shape[-1]))
    _, wanted = tree.query(queries.reshape(-1, queries.shape[-1]))
    np.testing.assert_array_equal(places[..., 0] * candidates.shape[1] + places[..., 1], wanted.reshape(3, 3))


def test_copies_are_found_and_textures_are_none():
    source = noise(64)
    assert patches.copied_share(source[5:61, 3:60], source) == 1
    assert patches.copied_share(noise(56, seed=1), source) < 0.05


def test_patch_distance_knows_no_places_and_sees_contrast():
    source = clouds(size=128).astype("float32")
    rolled = patches.patch_distance(np.roll(source, 40, axis=0), source)
    assert rolled < 0.02 < 0.1 < patches.patch_distance(source + 0.2, source)


def test_statistics_of_portilla_and_simoncelli_know_no_places():
    source = clouds(size=128)
    rolled = portilla.portilla_simoncelli_distance(np.roll(source, 37, axis=1), source)
    assert rolled.whole < 0.01
    assert rolled.cross_scale < 0.01
    other = portilla.portilla_simoncelli_distance(noise(144), source)
    assert other.whole > 0.1
    assert other.cross_scale > 0.1


def test_a_bad_border_is_told_from_the_middle(tmp_path):
    alexnet_file(tmp_path / "alexnet.npz")
    features = texture_judge.TextureJudge(tmp_path / "alexnet.npz").alexnet.features
    source, good = clouds(size=192), clouds(seed=1, size=192)
    framed = 0.5 + 0.0 * good
    framed[48:-48, 48:-48] = good[48:-48, 48:-48]
    for before, after in zip(
        borders.border_ratios(good, source, features), borders.border_ratios(framed, source, features), strict=True
    ):
        assert after > 1.5 * before


def run(*arguments):
    return textures.run([str(argument) for argument in arguments])


def test_pictures_of_a_folder_are_measured(tmp_path, monkeypatch, capsys):
    (tmp_path / "features").mkdir()
    alexnet_file(tmp_path / "features" / "lpips_alexnet.npz")
    monkeypatch.setenv("TEXTURE_NETS_SHARED", str(tmp_path))
    write_image(tmp_path / "clouds.png", clouds(size=192).astype("float32"))
    (tmp_path / "results").mkdir()
    write_image(tmp_path / "results" / "clouds.png", clouds(seed=1, size=192).astype("float32"))
    assert run(tmp_path / "clouds.png", "--results", tmp_path / "results", "--tileable") == 0
    printed = capsys.readouterr().out
    assert "median" in printed
    assert "seam" in printed
    with pytest.raises(UserError, match="no picture is called other"):
        run(tmp_path / "other.png", "--results", tmp_path / "results")


def test_a_script_makes_the_pictures(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import shutil, sys\nshutil.copy(sys.argv[2], sys.argv[sys.argv.index('--output') + 1])\n")
    write_image(tmp_path / "source.png", noise(16))
    make = textures.Synthesis(Path(program), 16, 1, ("--preset", "gatys2015"))
    assert make(tmp_path / "source.png").shape == (16, 16, 3)
    program.write_text("import sys\nsys.exit('no weights')\n")
    with pytest.raises(UserError, match="no weights"):
        make(tmp_path / "source.png")
