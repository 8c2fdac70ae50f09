"""Gradients of the losses against central differences in float64."""

import numpy as np
import pytest
from keras import ops
from support.finite_differences import gradient_error

from losses.features import FeatureLoss, FeatureTerm
from losses.frames import InterFrameLoss
from losses.octaves import OctaveLosses
from losses.pictures.autocorrelation import Autocorrelation, joined_autocorrelation
from losses.pictures.histograms import Histograms, histograms
from losses.pictures.opponent_colors import OpponentColors
from losses.pictures.power_spectrum import PowerSpectrum, joined_spectrum
from losses.texture import GramComparison, GuidedGramComparison
from losses.total_variation import TotalVariation

TARGET = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 0.7]])


def frames(count=2, size=(12, 14)):
    return np.random.default_rng(0).random((count, *size, 3))


def smooth_features(images):
    return {"waves": ops.sin(3 * images + ops.roll(images, 1, axis=1))}


def of_features(comparison):
    return FeatureLoss(smooth_features, {"waves": FeatureTerm("waves", comparison, 0.7)})


@pytest.mark.parametrize(
    "loss",
    [
        of_features(GramComparison(TARGET)),
        of_features(GuidedGramComparison([TARGET, 2 * TARGET], [np.eye(12, 14), np.ones((12, 14))])),
        OctaveLosses([of_features(GramComparison(TARGET))] * 2, ("circular", "valid")),
        TotalVariation(),
        OpponentColors(PowerSpectrum(joined_spectrum([frames()[1]], 8))),
        OpponentColors(Autocorrelation(joined_autocorrelation([frames()[1] ** 2], 3), (1, 2))),
    ],
    ids=str,
)
def test_gradients_agree_with_differences(loss):
    assert gradient_error(loss, frames()) <= 1e-6


def test_gradients_of_histograms_agree_with_differences():
    loss = OpponentColors(Histograms(histograms([frames()[1] ** 2], 1)))
    # Short steps, along which no two pixels change their order.
    assert gradient_error(loss, frames(), step=1e-7) <= 1e-6


@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_gradients_of_frames_agree_with_differences(distance):
    targets = [0.2, 0.1] if distance == "l2" else [0.3]
    padding = ("replicate", "circular")
    loss = InterFrameLoss(targets, distance=distance, octaves=2, order=2, padding=padding)
    # Short steps: where a difference changes its sign lap1 has a kink.
    assert gradient_error(loss, frames(5), step=1e-8) <= 1e-6
