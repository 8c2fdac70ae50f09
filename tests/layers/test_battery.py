"""What every layer must do, for every case in the table and on every backend."""

import keras
import numpy as np
import pytest

import layers
from tests.layers.cases import CASES, call
from tests.layers.gradients import finite_difference, layer_gradients, random_directions

# float16 is tried on the default backend alone: it takes the same code as bfloat16.
POLICIES = ["mixed_bfloat16", *(["mixed_float16"] if keras.backend.backend() == "tensorflow" else [])]
each_case = pytest.mark.parametrize("case", CASES, ids=str)
# What is computed, and the sizes that a backend derives: files and configurations are the same on all.
on_every_backend = pytest.mark.backends


def assert_close(actual, expected, tolerance=3e-6):
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        assert a.dtype.kind == e.dtype.kind
        assert np.abs(a - e).max() <= tolerance * max(1.0, np.abs(e).max())


def test_every_layer_has_a_case():
    exported = {getattr(layers, name) for name in layers.__all__}
    classes = {thing for thing in exported if isinstance(thing, type)}
    random = {layers.NoisePlanes, layers.WhiteNoise, layers.FractionalMaxPooling}  # test_noise_planes.py, test_noise.py
    # No sizes of an input, or not those alone, make their outputs': test_weights_and_masks.py. A cell needs an RNN
    # around it: tests/convert/torch7/test_modules.py; positions need a pooling: tests/convert/caffe/test_converters.py.
    apart = {layers.Parameter, layers.MaskedSelect, layers.ResettingCell, layers.PositionUnpooling2D}
    apart |= {layers.ContinuedCell}  # as the other cell: tests/convert/caffe/test_converters.py
    apart |= {layers.ProjectedLSTMCell}  # tests/convert/torch7/test_torch_rnn.py
    apart |= {layers.RegionMaxPooling2D}  # takes no pictures of unknown sizes: test_region_max_pooling.py
    apart |= {layers.RangeBySizes}  # makes no pictures: test_size_formulas.py
    apart |= {layers.FilteredResizing2D}  # nor does this one: tests/convert/caffe/test_converters.py
    # They take no pictures and have OpenCV for a reference: tests/convert/caffe/test_detection.py.
    detection = {layers.PriorBoxes, layers.BoxDecoding, layers.DetectionSelection}
    detection |= {layers.PositionSensitivePooling2D, layers.RegionProposals}
    assert classes - random - apart - detection == {case.layer for case in CASES}


@on_every_backend
@each_case
def test_eager_call_matches_reference(case):
    layer, inputs = case.make(), case.inputs()
    assert_close(call(layer, inputs), case.expected(inputs, layer.get_weights()))


@on_every_backend
@pytest.mark.parametrize("case", [case for case in CASES if "data_format" not in case.make().get_config()], ids=str)
def test_channels_are_last_whatever_keras_settings_say(case):
    """Only layers with an argument for it, Keras' own, follow its settings."""
    inputs = case.inputs()
    keras.config.set_image_data_format("channels_first")
    try:
        layer = case.make()
        outputs = call(layer, inputs)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert_close(outputs, case.expected(inputs, layer.get_weights()))


@on_every_backend
@each_case
def test_one_model_takes_different_sizes(case):
    layer = case.make()
    model = case.model(layer)
    for shapes in (case.shapes, case.other_shapes):
        inputs = case.inputs(shapes)
        assert_close(call(model, inputs), case.expected(inputs, layer.get_weights()))


@each_case
def test_output_shape_is_known_beforehand(case):
    layer, inputs = case.make(), case.inputs()
    shapes = [x.shape for x in inputs]
    declared = layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])
    outputs = call(layer, inputs)
    assert declared == (outputs[0].shape if len(outputs) == 1 else tuple(o.shape for o in outputs))


@on_every_backend
@each_case
def test_symbolic_call_leaves_unknown_sizes_open(case):
    model = case.model(case.make())
    for output, actual in zip(model.outputs, call(model, case.inputs()), strict=True):
        assert output.shape[0] is None
        assert output.shape[-1] == actual.shape[-1]
        assert all(a in (None, b) for a, b in zip(output.shape, actual.shape, strict=True))
        assert keras.backend.standardize_dtype(output.dtype) == actual.dtype.name


@pytest.mark.parametrize("case", [case for case in CASES if not case.make().weights], ids=str)
def test_channels_may_be_unknown(case):
    model, inputs = case.model(case.layer(**case.arguments), channels_known=False), case.inputs()
    outputs = call(model, inputs)
    assert model.outputs[0].shape[-1] in (None, 3)
    assert_close(outputs, case.expected(inputs))


if keras.backend.backend() != "jax":  # whose compiled form is the next test's

    @on_every_backend
    @each_case
    def test_compiled_graph_matches_reference(case):
        """The graph that Keras traces for predict, for two sizes in turn."""
        layer = case.make()
        model = case.model(layer)
        model.compile(jit_compile=False)
        for shapes in (case.shapes, case.other_shapes):
            inputs = case.inputs(shapes)
            assert_close(call(model.predict_on_batch, inputs), case.expected(inputs, layer.get_weights()))


if keras.backend.backend() != "torch":  # whose compiler takes too long to start for a test of this size

    @on_every_backend
    @each_case
    def test_jit_matches_reference(case):
        """XLA, on tensorflow and jax."""
        layer, inputs = case.make(), case.inputs()
        model = case.model(layer)
        model.compile(jit_compile=True)
        assert_close(call(model.predict_on_batch, inputs), case.expected(inputs, layer.get_weights()), 1e-5)


@each_case
def test_save_and_reload(case, tmp_path):
    model, inputs = case.model(case.make()), case.inputs()
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    for before, after in zip(call(model, inputs), call(reloaded, inputs), strict=True):
        np.testing.assert_array_equal(before, after)


@each_case
def test_configuration_makes_the_same_layer(case):
    layer = case.layer(**case.arguments, name="named")
    config = layer.get_config()
    again = case.layer.from_config(config)
    assert again.get_config() == config
    assert config["name"] == "named"
    for name in case.arguments:
        assert getattr(again, name) == getattr(layer, name)


@on_every_backend
@each_case
def test_gradient_matches_finite_differences_of_reference(case):
    """Along random directions of each input and each weight, in float64."""
    layer, inputs = case.make(), case.inputs()
    weights = [w.astype("float64") for w in layer.get_weights()]
    floats = [x.astype("float64") for x in inputs if x.dtype == np.float32]
    cotangent = np.random.default_rng(2).normal(size=case.expected(inputs, weights)[0].shape).astype("float32")

    def objective(arrays):
        remaining = iter(arrays[: len(floats)])
        moved = [next(remaining) if x.dtype == np.float32 else x for x in inputs]
        return float(np.sum(case.expected(moved, arrays[len(floats) :])[0] * cotangent))

    gradients = layer_gradients(layer, inputs, cotangent)
    for position, direction in random_directions(floats + weights):
        expected = finite_difference(objective, floats + weights, position, direction)
        rounding = 1e-5 * float(np.abs(gradients[position]).sum()) + 1e-8
        assert float(np.sum(gradients[position] * direction)) == pytest.approx(expected, abs=rounding)


@on_every_backend
@each_case
@pytest.mark.parametrize("policy", POLICIES)
def test_mixed_precision(case, policy):
    """Weights stay float32, the output has the compute type and is right to its rounding."""
    layer = case.make(dtype=policy)
    low = keras.dtype_policies.get(policy).compute_dtype
    inputs = [_rounded(x, low) for x in case.inputs()]
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    first = outputs[0] if isinstance(outputs, tuple) else outputs
    assert keras.backend.standardize_dtype(first.dtype) == low
    assert all(keras.backend.standardize_dtype(w.dtype) == "float32" for w in layer.weights)
    tolerance = 0.02 if low == "bfloat16" else 0.004
    actual = [keras.ops.convert_to_numpy(keras.ops.cast(first, "float32"))]
    if isinstance(outputs, tuple):
        actual.append(keras.ops.convert_to_numpy(outputs[1]))
    assert_close(actual, case.expected(inputs, layer.get_weights()), tolerance * case.half_rounding)


def _rounded(x, dtype):
    if x.dtype != np.float32:
        return x
    return keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(x, dtype), "float32"))
