"""Inputs that a layer cannot take raise ValueError at the call, where a backend would cut or stretch them silently."""

import keras
import numpy as np
import pytest

import layers

pytestmark = pytest.mark.backends


def zeros(*shape):
    return np.zeros(shape, "float32")


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (layers.LocallyConnected2D(2, 3, (4, 5)), [(1, 9, 7, 3)], r"\(9, 7\) do not lead to output_size \(4, 5\)"),
        (layers.PaddedConv2DTranspose(2, 3, padding=3), [(1, 2, 2, 3)], "nothing is left of an input"),
        (layers.DynamicConv2D(), [(1, 6, 7, 4), (3, 3, 3, 2)], r"kernel of the shape \(3, 3, 3, 2\) does not fit 4"),
        (layers.DynamicConv2D(), [(1, 6, 7, 4), (3, 3, 2, 3)], r"kernel of the shape \(3, 3, 2, 3\) does not fit 4"),
        (layers.DynamicConv2DTranspose(2, 3), [(1, 6, 7, 4), (3, 2, 2, 4)], r"the shape \(3, 3, 2, None\), not"),
        (layers.LargestInOrder(5), [(1, 3, 2)], "k is 5, but there are 3 steps"),
        (layers.Correlation2D([0], [0]), [(1, 1, 1, 3), (1, 6, 7, 3)], "pictures of shapes .* differ"),
        (layers.Correlation2D([0], [0], kernel_size=3), [(1, 2, 5, 3)] * 2, "no window fits into .*2, 5"),
        (layers.Correlation2D([0], [0], border=3), [(1, 4, 9, 3)] * 2, "no window fits into .*4, 9"),
        (layers.MaskedSelect(), [(2, 3), (2, 2)], r"a mask of shape \(2, 2\) does not fit \(2, 3\)"),
        (layers.FractionalMaxPooling((3, 3), (1, 1)), [(1, 2, 5, 3)], "1 windows of 3 pixels do not fit into 2"),
        (layers.FractionalMaxPooling((2, 2), (7, 3)), [(1, 6, 6, 3)], "7 windows of 2 pixels do not fit into 6"),
        (layers.FractionalMaxPooling((2, 2), ratio=(0.5, 0.1)), [(1, 6, 6, 3)], "0 windows of 2 pixels"),
        (layers.FractionalMaxPooling((2, 2), (2, 2)), [(1, 6, 6, 6, 3)], "pool_size .* does not fit a picture"),
    ],
)
@pytest.mark.parametrize("is_symbolic", [False, True])
def test_inputs_that_do_not_fit_are_refused(layer, shapes, message, is_symbolic):
    inputs = [keras.KerasTensor(shape) if is_symbolic else zeros(*shape) for shape in shapes]
    with pytest.raises(ValueError, match=message):
        layer(inputs if len(inputs) > 1 else inputs[0])


def test_fractional_pooling_tells_its_output_shape():
    layer = layers.FractionalMaxPooling((2, 2), ratio=(0.5, 0.7))
    assert layer.compute_output_shape((2, 9, 10, 3)) == (2, 4, 7, 3)
    assert layer.compute_output_shape([(2, None, 10, 3), (2, 3, 2)]) == (2, None, 7, 3)
    assert layer([zeros(2, 9, 10, 3), zeros(2, 3, 2)]).shape == (2, 4, 7, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.LocallyConnected2D(0, 3, 2), "filters must be an integer of at least 1, not 0"),
        (lambda: layers.BoxDecoding(sets=0), "sets must be an integer"),
        (lambda: layers.Correlation2D([0], [0], kernel_size=0), "kernel_size must be an integer"),
        (lambda: layers.Correlation2D([0], [0], strides=1.5), "strides must be an integer of at least 1, not 1.5"),
        (lambda: layers.Correlation2D([], [0]), "row_shifts must be integers, at least one"),
        (lambda: layers.Correlation2D([0], [0.5]), "column_shifts must be integers"),
        (lambda: layers.DynamicConv2D(2, (1, 2)), r"strides \(2, 2\) and dilation_rate \(1, 2\) are both above 1"),
        (lambda: layers.GridSampling2D("cubic"), "interpolation must be one of bilinear, nearest, not 'cubic'"),
        (lambda: layers.GridSampling2D(padding_mode="edge"), "padding_mode must be one of zeros, .* not 'edge'"),
        (lambda: layers.DetectionSelection(0.5, 0.5, candidates=0), "candidates must be an integer"),
        (lambda: layers.DetectionSelection(0.5, 0.5, candidates=3, keep=-1), "keep must be an integer"),
        (lambda: layers.RegionProposals(0.5, candidates=3, keep=0), "keep must be an integer"),
        (lambda: layers.PositionSensitivePooling2D(0), "parts must be an integer"),
        (lambda: layers.ProjectedLSTMCell(3, 0), "projection_units must be an integer"),
        (lambda: layers.LocalResponseNormalization(2.5, 1.0, 0.5), "size must be an integer of at least 1, not 2.5"),
        (lambda: layers.FractionalMaxPooling(2, (2, 2)), "pool_size must be a sequence of integers, not 2"),
        (lambda: layers.FractionalMaxPooling((0, 2), (2, 2)), "pool_size must be an integer of at least 1"),
        (lambda: layers.FractionalMaxPooling((2, 2), (2,)), "for each number of pool_size"),
        (lambda: layers.PriorBoxes([], [0.1] * 4), "PriorBoxes needs sizes and four variances"),
        (lambda: layers.PriorBoxes([(1, 1)], [0.1]), "PriorBoxes needs sizes and four variances"),
        (lambda: layers.ResizeToMatch("cubic"), "interpolation must be one of nearest, bilinear, bicubic, not 'cubic'"),
        (lambda: layers.ResizeToMatch(scale_factor=(2, 0)), r"scale_factor must be two numbers .* not \(2, 0\)"),
        (lambda: layers.StyleWeights("abc"), "styles must be names, none twice, not 'abc'"),
    ],
)
def test_arguments_that_are_not_allowed_are_named(make, message):
    """They were taken, and ended in errors of another kind at the call, or in other outputs."""
    with pytest.raises(ValueError, match=message):
        make()
