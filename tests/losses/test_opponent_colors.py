"""Losses of luma and colour differences: plane after plane, as of large pictures, beside all three at once."""

import numpy as np
import pytest
from keras import ops

from losses.evaluation import compile_loss
from losses.octaves import OctaveLosses
from losses.pictures import in_pieces
from losses.pictures.autocorrelation import Autocorrelation, joined_autocorrelation
from losses.pictures.histograms import Histograms, histograms
from losses.pictures.opponent_colors import OpponentColors
from losses.pictures.power_spectrum import PowerSpectrum, joined_spectrum

pytestmark = pytest.mark.backends
IMAGES = np.random.default_rng(3).random((2, 40, 33, 3), np.float32)
SOURCE = np.random.default_rng(4).random((40, 45, 3), np.float32) ** 2
LOSSES = {
    "spectrum": OctaveLosses([PowerSpectrum(joined_spectrum([SOURCE], 16), (True, False))] * 2, ("circular", "valid")),
    "spectra": PowerSpectrum(np.stack([joined_spectrum([SOURCE * share], 16) for share in (1, 0.5)])),
    "histograms": Histograms(histograms([SOURCE], 2), ("replicate", "circular")),
    "autocorrelation": Autocorrelation(joined_autocorrelation([SOURCE], 4), (7, 3)),
    "wrapped": OctaveLosses(
        [Autocorrelation(joined_autocorrelation([SOURCE], 4), wraps=(False, True))] * 2, ("replicate", "circular")
    ),
}


@pytest.mark.parametrize("piece", [in_pieces.PIECE, 300])
@pytest.mark.parametrize("name", LOSSES)
def test_plane_after_plane_has_the_numbers_of_all_three(name, piece, monkeypatch):
    monkeypatch.setattr(in_pieces, "PIECE", piece)
    loss = OpponentColors(LOSSES[name])
    whole, planes = (compile_loss(loss, IMAGES.shape, None, max_pixels)(IMAGES) for max_pixels in (10_000, 0))
    assert planes.term_values() == pytest.approx(whole.term_values(), rel=1e-4)
    assert float(ops.convert_to_numpy(planes.loss)) == pytest.approx(float(ops.convert_to_numpy(whole.loss)), rel=1e-4)
    gradients = [ops.convert_to_numpy(evaluation.gradient) for evaluation in (planes, whole)]
    assert np.abs(gradients[0] - gradients[1]).max() <= 1e-4 * np.abs(gradients[1]).max()
