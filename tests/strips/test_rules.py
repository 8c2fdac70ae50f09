"""Every layer in strips against the same layer over the whole map."""

import keras
import numpy as np
import pytest
from keras import ops
from support.in_strips import in_strips, whole

import layers
from strips.cut import CannotCutError, cut
from strips.graph import trace

CHANNELS = 4
# jax compiles every layer anew for every height of a strip: fewer of both on other backends than TensorFlow.
STRIPS, EACH = ((5, 16), 1) if keras.backend.backend() == "tensorflow" else ((16,), 2)

LAYERS = {
    "valid": lambda: keras.layers.Conv2D(3, (5, 3)),
    "same": lambda: keras.layers.Conv2D(3, 5, padding="same"),
    "same, stride 2": lambda: keras.layers.Conv2D(3, 3, 2, padding="same"),
    "same, stride 3": lambda: keras.layers.Conv2D(3, 4, 3, padding="same"),
    "dilated": lambda: keras.layers.Conv2D(3, 3, padding="same", dilation_rate=3),
    "depthwise": lambda: keras.layers.DepthwiseConv2D(3, padding="same"),
    "separable": lambda: keras.layers.SeparableConv2D(3, 3, padding="same"),
    "packed": lambda: layers.PackedConv2D(3, 3),
    "upsampled convolution": lambda: layers.UpsampledConv2D(3),
    "winograd": lambda: layers.WinogradConv2D(3, edges="replication"),
    "winograd, circular": lambda: layers.WinogradConv2D(3, edges="circular"),
    "winograd, valid": lambda: layers.WinogradConv2D(3),
    "transposed, valid": lambda: keras.layers.Conv2DTranspose(3, 3, 2),
    "transposed, same": lambda: keras.layers.Conv2DTranspose(3, 4, 2, padding="same"),
    "transposed, same, odd": lambda: keras.layers.Conv2DTranspose(3, 3, 2, padding="same"),
    "transposed, wide stride": lambda: keras.layers.Conv2DTranspose(3, 2, 3),
    "transposed, longer": lambda: keras.layers.Conv2DTranspose(3, 2, 3, output_padding=2),
    "transposed, same, shorter": lambda: keras.layers.Conv2DTranspose(3, 5, 2, padding="same", output_padding=0),
    "full convolution": lambda: layers.PaddedConv2DTranspose(3, 3, 2, padding=1, output_padding=1),
    "full convolution, 4": lambda: layers.PaddedConv2DTranspose(3, 4, 2, padding=((2, 0), (1, 1))),
    "full convolution, 9": lambda: layers.PaddedConv2DTranspose(3, 9, 1, padding=4),
    "full convolution, dilated": lambda: layers.PaddedConv2DTranspose(3, 3, 2, padding=1, dilation_rate=2),
    "full convolution, longer": lambda: layers.PaddedConv2DTranspose(3, 2, 4, output_padding=3),
    "max pooling": lambda: keras.layers.MaxPooling2D(3, 2, padding="same"),
    "average pooling": lambda: keras.layers.AveragePooling2D(3, 2, padding="same"),
    "average, ceil": lambda: layers.PaddedAveragePooling2D(4, 4, ceil_mode=True),
    "average, padded": lambda: layers.PaddedAveragePooling2D(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
    "max, padded": lambda: layers.PaddedMaxPooling2D(3, 2, padding=1, ceil_mode=True),
    "max, dilated": lambda: layers.DilatedMaxPooling2D(3, 2, padding=1, dilation_rate=2),
    "zeros": lambda: keras.layers.ZeroPadding2D(((3, 20), (1, 2))),
    "replication": lambda: layers.ReplicationPadding2D(((20, 3), (1, 2))),
    "reflection": lambda: layers.ReflectionPadding2D(20),
    "mirrored border": lambda: layers.SymmetricPadding2D(90),
    "circular": lambda: layers.CircularPadding2D(20),
    "to multiple": lambda: layers.PadToMultiple(16),
    "crop": lambda: keras.layers.Cropping2D(((3, 5), (1, 2))),
    "nearest": lambda: keras.layers.UpSampling2D(2),
    "bilinear": lambda: keras.layers.UpSampling2D(3, interpolation="bilinear"),
    "bicubic": lambda: keras.layers.UpSampling2D(2, interpolation="bicubic"),
    "aligned corners": lambda: layers.BilinearUpSampling2D(2),
    "aligned corners, smaller": lambda: layers.BilinearUpSampling2D(output_size=(31, 20)),
    "pixel shuffle": lambda: layers.PixelShuffle2D(2),
    "across channels": lambda: layers.LocalResponseNormalization(3, 1e-1, 0.75),
    "within channels": lambda: layers.LocalResponseNormalization(5, 1e-1, 0.75, across_channels=False),
    "softmax of channels": lambda: keras.layers.Softmax(),
    "batch normalisation": lambda: keras.layers.BatchNormalization(),
    "slopes": lambda: keras.layers.PReLU(shared_axes=(1, 2)),
    "affine": lambda: layers.ElementwiseAffine((CHANNELS,)),
    "leaky rectifier": lambda: layers.ExactLeakyReLU(0.1),
    "noise": lambda: layers.NoisePlanes(2, seed=3),
    "spectral normalisation": lambda: keras.layers.SpectralNormalization(keras.layers.Conv2D(3, 3)),
    # By a trial:
    "root mean squares of channels": lambda: keras.layers.RMSNormalization(),
    "given statistics": lambda: keras.layers.Normalization(mean=[0.5], variance=[2.0]),
    "shape of its own": lambda: keras.layers.EinsumDense("bhwc,cd->bhwd", output_shape=(None, None, 3)),
    # Of all rows:
    "instances": lambda: layers.InstanceNormalization(),
    "batch statistics": lambda: layers.BatchStatisticsNormalization(scale=False),
    "pictures": lambda: layers.PictureNormalization(),
    "groups": lambda: keras.layers.GroupNormalization(2),
    "softmax over pixels": lambda: keras.layers.Softmax(axis=(1, 2)),
    "whole layer": lambda: keras.layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False),
}
OPERATIONS = {
    "constants": lambda x: 1.5 * x - 0.5,
    "every third row": lambda x: x[:, 1::3, ::2],
    "squeezed and excited": lambda x: x * keras.layers.Dense(CHANNELS)(ops.mean(x, axis=(1, 2), keepdims=True)),
    "global pooling": lambda x: (
        x
        + ops.reshape(keras.layers.GlobalMaxPooling2D()(x), (-1, 1, 1, CHANNELS))
        + keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    ),
    "deviation": lambda x: (x - ops.min(x, axis=(1, 2), keepdims=True)) / ops.std(x, axis=(1, 2), keepdims=True),
    "adaptive": lambda x: x * keras.layers.AdaptiveAveragePooling2D(1)(x) - layers.AdaptivePooling2D(1, "max")(x),
    "moments": lambda x: (x - ops.moments(x, (1, 2), keepdims=True)[0]) / ops.moments(x, (1, 2, 3), keepdims=True)[1],
    "range": lambda x: (x - ops.min(x)) / (ops.amax(x, axis=(1, 2, 3), keepdims=True) - ops.amin(x)),
    "mean by mean": lambda x: x - ops.mean(ops.mean(x, axis=2, keepdims=True), axis=1, keepdims=True),
    "channels in parts": lambda x: ops.multiply(*ops.split(x, 2, axis=-1)) + x[..., 1:3],
    "channels, each pixel": lambda x: x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True)),
    "matrix of colours": lambda x: ops.matmul(ops.flip(x, axis=-1), np.eye(CHANNELS, dtype="float32")[::-1].copy()),
    "repeated": lambda x: ops.repeat(ops.repeat(x, 3, axis=1), 2, axis=2),
    "without its border": lambda x: x[:, 7:-5, 2:-2] * x[:, 10:-2, ..., :-4, :],
    "symmetric": lambda x: ops.pad(x, ((0, 0), (20, 9), (3, 4), (0, 0)), mode="symmetric"),
    "filled": lambda x: ops.pad(x, ((0, 0), (20, 9), (3, 4), (0, 0)), constant_values=0.5),
    "reflect": lambda x: ops.pad(x, ((0, 0), (20, 9), (3, 4), (0, 0)), mode="reflect"),
    "resized to match": lambda x: keras.layers.Concatenate()(
        [x, layers.BilinearResizeToMatch()([keras.layers.MaxPooling2D(3)(x), x])]
    ),
    "nearest pixels to match": lambda x: keras.layers.Concatenate()(
        [x, layers.ResizeToMatch("nearest")([keras.layers.MaxPooling2D(3)(x), x])]
    ),
    "middles to match": lambda x: keras.layers.Concatenate()(
        [x, layers.ResizeToMatch()([keras.layers.MaxPooling2D(3)(x), x])]
    ),
    **{
        f"{interpolation}, by a factor": lambda x, interpolation=interpolation: layers.ResizeToMatch(
            interpolation, (1.5, 1.0)
        )([x, layers.PadBySizes(1, 0, ["floordiv", ["size", 0, 1], 2])(x)])
        for interpolation in ("nearest", "bilinear")
    },
    "reduced to match": lambda x: layers.ResizeToMatch()([x, keras.layers.MaxPooling2D(3)(x)]),
    "padded to a multiple": lambda x: layers.PadBySizes(
        2, 0, ["mod", ["sub", 8, ["mod", ["size", 0, 2], 8]], 8], "reflect"
    )(layers.PadBySizes(1, 5, ["mod", ["sub", 16, ["mod", ["size", 0, 1], 16]], 16], "reflect")(x)),
    "middle of a larger one": lambda x: layers.CropBySizes(
        1, ["floordiv", ["sub", ["size", 0, 1], ["size", 1, 1]], 2], ["sub", ["size", 0, 1], 30]
    )([layers.CropBySizes(2, 1, -3)(x), keras.layers.MaxPooling2D(3)(x)]),
    "padded to the size of another": lambda x: layers.PadBySizes(
        1, 1, ["sub", ["sub", ["size", 1, 1], ["size", 0, 1]], 1]
    )([keras.layers.MaxPooling2D(3)(x), x]),
    "joined": lambda x: keras.layers.Concatenate()([x, layers.CropToMatch()([keras.layers.UpSampling2D(2)(x), x])]),
}


# Keras 3.15 does not pad as NumPy there.
WRONG = {("torch", "symmetric")}


@pytest.fixture(scope="module", params=[pytest.param(61, marks=pytest.mark.backends), 64])
def pixels(request):
    return np.random.default_rng(1).normal(size=(request.param, 23, CHANNELS)).astype(np.float32)


def randomised(inputs, outputs):
    model = keras.Model(inputs, outputs)
    random = np.random.default_rng(2)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(random.uniform(0.2, 0.6, weight.shape))
    return model


def check(model, pixels):
    expected = whole(model, pixels)
    for rows in STRIPS:
        found = in_strips(model, pixels, rows=rows)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", [*LAYERS][::EACH])
def test_layer(name, pixels):
    picture = keras.Input((None, None, CHANNELS))
    check(randomised(picture, LAYERS[name]()(picture)), pixels)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if (keras.backend.backend(), name) not in WRONG])
def test_operation(name, pixels):
    picture = keras.Input((None, None, CHANNELS))
    check(randomised(picture, OPERATIONS[name](picture)), pixels)


def test_unpooling(pixels):
    picture = keras.Input((None, None, CHANNELS))
    options = {"pool_size": 3, "strides": 2, "padding": 1}
    pooled, indices = layers.PaddedMaxPooling2D(return_indices=True, ceil_mode=True, **options)(picture)
    check(keras.Model(picture, layers.MaxUnpooling2D(**options)([pooled * 2, indices, picture])), pixels)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Permute((2, 1, 3)),
        keras.layers.Flatten(),
        keras.layers.Concatenate(axis=1),
        keras.layers.UnitNormalization(axis=1),
        keras.layers.PReLU(),
        keras.layers.AdaptiveAveragePooling2D(3),
        layers.AdaptivePooling2D((2, 1), "max"),
    ],
)
def test_what_mixes_rows_in_other_ways_is_named(layer):
    picture = keras.Input((24, 24, CHANNELS))
    model = keras.Model(picture, layer([picture, picture] if isinstance(layer, keras.layers.Concatenate) else picture))
    with pytest.raises(CannotCutError, match=layer.name):
        cut(trace(model, 24, 24))


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: ops.flip(x, axis=1),
        lambda x: ops.cumsum(x, axis=1),
        lambda x: ops.nn.moments(x, (1,), keepdims=True)[0] + x,
        lambda x: ops.average_pool(x, 3, 1, "same"),
        lambda x: ops.sort(x, axis=1),
        lambda x: x + np.linspace(0, 1, 24, dtype="float32")[:, None, None],
    ],
)
def test_what_looks_at_other_rows_does_not_pass_for_rows_by_themselves(operation):
    picture = keras.Input((24, 24, CHANNELS))
    with pytest.raises(CannotCutError):
        cut(trace(keras.Model(picture, operation(picture)), 24, 24))


def test_a_picture_of_one_row_is_not_cut_at_its_means():
    picture = keras.Input((None, None, CHANNELS))
    model = keras.Model(picture, picture * keras.layers.GlobalAveragePooling2D(keepdims=True)(picture))
    with pytest.raises(CannotCutError, match="global_average_pooling2d"):
        cut(trace(model, 1, 24))
