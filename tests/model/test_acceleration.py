"""Networks with quicker layers beside the same networks without."""

import keras
import numpy as np
import pytest
from keras import ops

from describe.segments import split_descriptor
from layers import CircularPadding2D, ReflectionPadding2D, ReplicationPadding2D, WinogradConv2D, winograd_conv2d
from model.acceleration import CONSTANT, accelerate, accelerate_descriptor, with_constant_kernels
from model.descriptor import build_descriptor
from model.generators.registry import build_generator
from model.layer_names import BLOCKS
from model.random_filters import random_filters
from optimize.value_and_grad import compile_value_and_grad
from tests.support.vgg_files import write_weights


def winograds(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, WinogradConv2D)]


def assert_same_numbers(model, quick, channels, atol=1e-5):
    x = np.random.default_rng(0).random((1, 22, 35, channels), dtype=np.float32)
    np.testing.assert_allclose(quick(x), model(x), atol=atol)


@pytest.mark.parametrize(("mode", "edges"), [("style", "replication"), ("texture", "circular")])
def test_residual_blocks_of_a_generator(mode, edges):
    model = build_generator("johnson", mode=mode)
    quick = accelerate(model)
    assert [layer.edges for layer in winograds(quick)] == [edges] * 10
    paddings = [layer for layer in quick.layers if "residual" in layer.name and layer.name.endswith("_pad")]
    assert not paddings
    assert_same_numbers(model, quick, 3)


def test_same_numbers_in_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_generator("johnson")
    finally:
        keras.config.set_dtype_policy("float32")
    quick = accelerate(model)
    assert {layer.compute_dtype for layer in winograds(quick)} == {"bfloat16"}
    assert_same_numbers(model, quick, 3, atol=0.1)


def test_paddings_of_other_widths_or_kinds_stay():
    x = inputs = keras.Input((None, None, 128))
    for padding in (ReflectionPadding2D(1), ReplicationPadding2D(2), keras.layers.ZeroPadding2D(1)):
        x = keras.layers.Conv2D(128, 3, activation="relu")(padding(x))
    model = keras.Model(inputs, x)
    quick = accelerate(model)
    assert [layer.edges for layer in winograds(quick)] == ["reflection", None, None]
    assert_same_numbers(model, quick, 128, atol=1e-4)


def test_padding_whose_result_goes_elsewhere_too():
    inputs = keras.Input((None, None, 128))
    padded = CircularPadding2D(1)(inputs)
    shared = keras.layers.Conv2D(128, 3)
    model = keras.Model(inputs, keras.layers.Add()([shared(padded), shared(padded), padded[:, 1:-1, 1:-1]]))
    quick = accelerate(model)
    assert [layer.edges for layer in winograds(quick)] == ["circular"] * 2
    assert_same_numbers(model, quick, 128)


def test_models_within_models():
    inner = keras.Sequential([keras.Input((None, None, 128)), ReplicationPadding2D(1), keras.layers.Conv2D(128, 3)])
    model = keras.Sequential([keras.Input((None, None, 128)), inner, keras.layers.ReLU()])
    assert_same_numbers(model, accelerate(model), 128)


@pytest.mark.parametrize(
    "options",
    [{"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}, {"groups": 2}, {"kernel_size": 5}, {"filters": 64}],
)
def test_other_convolutions_stay(options):
    inputs = keras.Input((None, None, 128))
    model = keras.Model(inputs, keras.layers.Conv2D(**{"filters": 128, "kernel_size": 3, **options})(inputs))
    assert not winograds(accelerate(model))


def test_with_a_gpu_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: ["gpu:0"] if kind == "gpu" else [])
    model = build_generator("johnson")
    assert accelerate(model) is model
    assert with_constant_kernels(model) is model


def constant_operands(model, size):
    """Return, for each convolution of the graph for pictures (1, size, size, 3), whether its kernel is a constant."""
    import tensorflow as tf

    graph = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec((1, size, size, 3))).graph
    return [node.inputs[1].op.type == "Const" for node in graph.get_operations() if node.type in ("Conv2D", "Conv3D")]


@pytest.fixture
def constants_pay(monkeypatch):
    """As on a processor where this program asks TensorFlow for oneDNN."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")


@pytest.mark.usefixtures("constants_pay")
@pytest.mark.parametrize("name", ["johnson", "hourglass"])
@pytest.mark.parametrize("size", [32, 33])
def test_kernels_are_constants(name, size):
    model = build_generator(name)
    quick = with_constant_kernels(model)
    assert all(constant_operands(quick, size))
    assert not any(constant_operands(model, size))
    x = np.random.default_rng(0).random((1, size, size, 3), dtype=np.float32)
    np.testing.assert_allclose(quick(x), model(x), atol=1e-5)


@pytest.mark.usefixtures("constants_pay")
def test_constant_kernels_are_those_of_the_moment():
    model = build_generator("johnson")
    quick = with_constant_kernels(model)
    x = np.random.default_rng(0).random((1, 16, 16, 3), dtype=np.float32)
    before = ops.convert_to_numpy(quick(x))
    for layer in model.layers:
        if type(layer) in CONSTANT:
            layer.set_weights([2 * weight + 1 for weight in layer.get_weights()])
    np.testing.assert_array_equal(quick(x), before)
    assert np.abs(ops.convert_to_numpy(model(x)) - before).max() > 0.01


@pytest.mark.usefixtures("constants_pay")
def test_a_layer_that_is_called_twice_is_one_constant():
    inputs = keras.Input((None, None, 4))
    shared = keras.layers.Conv2D(4, 3, padding="same", strides=2)
    model = keras.Model(inputs, shared(shared(inputs)))
    quick = with_constant_kernels(model)
    assert [type(layer) for layer in quick.layers[1:]] == [CONSTANT[keras.layers.Conv2D]]
    assert_same_numbers(model, quick, 4)


@pytest.mark.parametrize("options", [{"dtype": "mixed_bfloat16"}, {"dilation_rate": 2}, {"groups": 2}])
def test_other_convolutions_are_not_constant(options):
    layer = keras.layers.Conv2D(4, 3, **options)
    model = keras.Sequential([keras.Input((None, None, 4)), layer])
    assert layer in with_constant_kernels(model).layers


def test_without_onednn_no_kernel_is_constant(vgg_file, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    model = build_generator("johnson")
    assert with_constant_kernels(model) is model
    kinds = {type(layer) for layer in accelerate_descriptor(build_descriptor(LAYERS, weights=vgg_file)).layers}
    assert keras.layers.Conv2D in kinds
    assert CONSTANT[keras.layers.Conv2D] not in kinds


LAYERS = ["relu1_1", "conv3_2", "relu3_1", "pool3"]


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """The first three blocks, with random numbers that keep the activations' size."""
    random, weights, channels = np.random.default_rng(8), {}, 3
    for block, (convolutions, filters) in enumerate(BLOCKS[:3], start=1):
        for i in range(1, convolutions + 1):
            kernel = random.normal(0, (2 / 9 / channels) ** 0.5, (3, 3, channels, filters))
            weights[f"conv{block}_{i}"] = [kernel.astype("float32"), random.normal(size=filters).astype("float32")]
            channels = filters
    return write_weights(tmp_path_factory.mktemp("weights") / "vgg19.h5", weights)


def losses_and_gradients(models, pictures):
    for model in models:
        found = compile_value_and_grad(lambda x, m=model: (sum(ops.mean(ops.square(f)) for f in m(x).values()), {}))
        evaluation = found(pictures)
        yield float(ops.convert_to_numpy(evaluation.loss)), ops.convert_to_numpy(evaluation.gradient)


@pytest.mark.parametrize(("padding", "pooling"), [("replicate", "average"), (("valid", "circular"), "l2")])
def test_a_descriptor_has_the_same_loss_and_gradient(vgg_file, padding, pooling, monkeypatch):
    monkeypatch.setattr(winograd_conv2d, "MIN_POSITIONS", 0)
    plain = build_descriptor(LAYERS, weights=vgg_file, padding=padding, pooling=pooling)
    quick = accelerate_descriptor(plain)
    assert list(quick.output) == list(plain.output)
    # conv3_2 is asked for; the others' rectifiers are part of them.
    assert [layer.name for layer in winograds(quick)] == ["relu2_2", "relu3_1", "conv3_2", "relu3_3", "relu3_4"]
    assert not quick.trainable_weights
    pictures = np.random.default_rng(6).random((2, 62, 36, 3), dtype=np.float32)
    (loss, gradient), (expected, slopes) = losses_and_gradients([quick, plain], pictures)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert np.linalg.norm(gradient - slopes) < 1e-3 * np.linalg.norm(slopes)


@pytest.mark.usefixtures("constants_pay")
def test_random_filters_are_constants():
    """Of their largest kernels, as variables, oneDNN takes minutes for a gradient."""
    plain = random_filters(filters=2)
    quick = accelerate_descriptor(plain)
    assert CONSTANT[keras.layers.Conv2D] in {type(layer) for layer in quick.layers}
    assert keras.layers.Conv2D not in {type(layer) for layer in quick.layers}
    pictures = np.random.default_rng(6).random((1, 20, 24, 3), dtype=np.float32)
    for name, values in plain(pictures).items():
        np.testing.assert_allclose(quick(pictures)[name], values, rtol=1e-4, atol=1e-3)


def test_an_accelerated_descriptor_may_be_cut(vgg_file):
    model = accelerate_descriptor(build_descriptor(LAYERS, weights=vgg_file))
    pictures = np.random.default_rng(7).random((1, 40, 44, 3), dtype=np.float32)
    whole, outputs = model(pictures), pictures
    for segment in split_descriptor(model, LAYERS):
        found = segment.model(outputs)
        for name in segment.taps:
            np.testing.assert_allclose(found[name], whole[name], atol=1e-4)
        outputs = found.get(segment.output)


def test_descriptors_in_half_precision_keep_their_convolutions(vgg_file):
    assert not winograds(accelerate_descriptor(build_descriptor(LAYERS, weights=vgg_file, dtype="bfloat16")))


def test_with_a_gpu_a_descriptor_is_not_changed(vgg_file, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: ["gpu:0"] if kind == "gpu" else [])
    model = build_descriptor(LAYERS, weights=vgg_file)
    assert accelerate_descriptor(model) is model
