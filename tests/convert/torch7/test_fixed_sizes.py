"""Sizes of inputs that modules of a fixed number of elements determine, against PyTorch."""

import keras
import numpy as np
import pytest
import torch
from support.torch7_writer import module, numbers, sequential, sizes, table, tensor

from convert.torch7.builder import BuildOptions
from convert.torch7.network import convert_network

pytestmark = pytest.mark.backends


def convolution(inputs, outputs, kernel, stride):
    fields = {"kH": kernel, "kW": kernel, "dH": stride, "dW": stride, "padH": 0, "padW": 0}
    weight = tensor(numbers(outputs, inputs, kernel, kernel, seed=1))
    return module("nn.SpatialConvolution", nInputPlane=inputs, nOutputPlane=outputs, weight=weight, **fields)


def linear(inputs, outputs):
    return module("nn.Linear", weight=tensor(numbers(outputs, inputs, seed=2)))


def view(*values, **fields):
    return module("nn.View", size=sizes(*values), numElements=int(np.prod(values)), **fields)


POOL = module("nn.SpatialMaxPooling", kH=2, kW=2, dH=2, dW=2, padH=0, padW=0)
WORDS = module("nn.LookupTable", weight=tensor(numbers(9, 4)))
# name: (network, sizes of its input without the batch, channels last); convolution and pooling make 5 x 5 of 28 or 29
# to 31 or 32 pixels.
NETWORKS = {
    "view": (sequential(convolution(3, 6, 3, 3), POOL, view(150, numInputDims=3), linear(150, 2)), (32, 32, 3)),
    "view without its rank": (sequential(convolution(3, 6, 3, 3), POOL, view(150), linear(150, 2)), (32, 32, 3)),
    "reshape": (sequential(convolution(3, 6, 3, 3), POOL, module("nn.Reshape", size=sizes(150))), (32, 32, 3)),
    "linear": (sequential(convolution(3, 6, 3, 3), POOL, view(-1, numInputDims=3), linear(150, 2)), (32, 32, 3)),
    "sequence": (sequential(WORDS, view(20), linear(20, 2)), (5,)),
    "features of each step": (sequential(WORDS, view(4), linear(4, 2)), (None,)),
    "no square": (sequential(convolution(3, 6, 1, 1), view(6 * 12, numInputDims=3)), (None, None, 3)),
    "two that differ": (
        sequential(
            convolution(3, 6, 1, 1),
            module(
                "nn.ConcatTable", modules=table(view(6 * 16, numInputDims=3), sequential(POOL, view(6, numInputDims=3)))
            ),
        ),
        (None, None, 3),
    ),
    "view of pictures first": (sequential(view(3, 8, 8), convolution(3, 6, 3, 3)), (8, 8, 3)),
    "view of pictures with their batch": (sequential(view(1, 3, 8, 8), convolution(3, 6, 3, 3)), (8, 8, 3)),
    "reshape first": (
        sequential(module("nn.MulConstant", constant_scalar=2), module("nn.Reshape", size=sizes(12)), linear(12, 2)),
        (12,),
    ),
    "view of pictures as features": (sequential(view(12, numInputDims=3), linear(12, 2)), (None, None, None)),
    "any": (sequential(convolution(3, 6, 3, 3), POOL), (None, None, 3)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_size_that_fits_is_found(name):
    network, expected = NETWORKS[name]
    assert convert_network(network, BuildOptions(fixed_sizes=True)).model.input_shape == (None, *expected)


def test_sizes_stay_free_unless_they_are_asked_for():
    conversion = convert_network(NETWORKS["view"][0])
    assert conversion.model.input_shape == (None, None, None, 3)
    assert conversion.fitting_size == 32
    assert convert_network(NETWORKS["any"][0]).fitting_size is None


def test_given_sizes_stay():
    network, _ = NETWORKS["view"]
    options = BuildOptions(((None, 3, 31, 32),), fixed_sizes=True)
    assert convert_network(network, options).model.input_shape == (None, 31, 32, 3)


def test_networks_of_derived_sizes_agree_with_pytorch():
    model = convert_network(NETWORKS["view"][0], BuildOptions(fixed_sizes=True)).model
    x = torch.tensor(numbers(2, 3, 32, 32))
    y = torch.nn.functional.conv2d(x, torch.tensor(numbers(6, 3, 3, 3, seed=1)), stride=3)
    y = torch.nn.functional.max_pool2d(y, 2).flatten(1) @ torch.tensor(numbers(2, 150, seed=2)).T
    found = keras.ops.convert_to_numpy(model(x.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-4)
