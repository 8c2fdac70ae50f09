"""TensorFlow's graphs with every size unknown, and the kernels that it alone has."""

from functools import partial

import keras
import numpy as np
import pytest

import layers
from tests.layers.cases import CASES
from tests.layers.gradients import layer_gradients

tf = pytest.importorskip("tensorflow")


def graph_of_unknown_sizes(layer, dtypes, channels, ranks=(4,)):
    """Return the layer's concrete function, traced for inputs of which the last size alone is known."""
    sizes = [(*[None] * (rank - 1), count) for rank, count in zip(ranks, channels, strict=True)]
    signature = [tf.TensorSpec(size, dtype) for size, dtype in zip(sizes, dtypes, strict=True)]
    function = tf.function(lambda *inputs: layer(list(inputs) if len(inputs) > 1 else inputs[0]))
    return function.get_concrete_function(*signature)


def operations(function):
    """Return the types of all operations, those of branches and loops included."""
    definition = function.graph.as_graph_def(add_shapes=False)
    bodies = [definition.node, *(f.node_def for f in definition.library.function)]
    return {node.op for body in bodies for node in body}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_graph_of_unknown_sizes_matches_reference(case):
    layer = case.make()
    inputs = case.inputs()
    dtypes, channels, ranks = zip(*((x.dtype, x.shape[-1], x.ndim) for x in inputs), strict=True)
    function = graph_of_unknown_sizes(layer, dtypes, channels, ranks)
    for shapes in (case.shapes, case.other_shapes):
        inputs = case.inputs(shapes)
        outputs = tf.nest.flatten(function(*map(tf.constant, inputs)))
        for actual, expected in zip(outputs, case.expected(inputs, layer.get_weights()), strict=True):
            np.testing.assert_allclose(actual.numpy(), expected, atol=3e-6 * max(1, np.abs(expected).max()))


class TestFastInstanceNormalization:
    """The road through fused batch normalisation."""

    def layer(self, **more):
        layer = layers.InstanceNormalization(**more)
        layer.build((None, None, None, 4))
        generator = np.random.default_rng(1)
        layer.set_weights([generator.normal(size=4), generator.normal(size=4)])
        return layer

    def picture(self, batch):
        return np.random.default_rng(batch).normal(size=(batch, 9, 8, 4)).astype("float32")

    @pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
    def test_is_taken_outside_of_exports(self, policy):
        layer = self.layer(dtype=policy)
        assert "FusedBatchNormV3" in operations(graph_of_unknown_sizes(layer, [tf.float32], [4]))
        with layers.plain_formulas():
            assert "FusedBatchNormV3" not in operations(graph_of_unknown_sizes(layer, [tf.float32], [4]))

    def test_is_not_taken_under_xla_or_in_float64(self):
        """XLA computes the fused kernel's variance as a difference, which a large mean destroys."""
        x = self.picture(1) * 0.1 + 100.0
        layer = self.layer()
        compiled = tf.function(layer, jit_compile=True)(tf.constant(x)).numpy()
        np.testing.assert_allclose(compiled, layer(x).numpy(), atol=1e-3)
        doubled = graph_of_unknown_sizes(self.layer(dtype="float64"), [tf.float64], [4])
        assert "FusedBatchNormV3" not in operations(doubled)

    def test_batch_known_only_at_run_time(self):
        layer = self.layer()
        function = graph_of_unknown_sizes(layer, [tf.float32], [4])
        for batch in (1, 2, 5):
            x = self.picture(batch)
            with layers.plain_formulas():
                expected = layer(x).numpy()
            np.testing.assert_allclose(function(tf.constant(x)).numpy(), expected, atol=2e-6)
        assert function(tf.zeros((0, 9, 8, 4))).shape == (0, 9, 8, 4)

    @pytest.mark.parametrize("mean", [0.0, 3.0, 200.0])
    def test_statistics_of_a_large_picture_are_exact(self, mean):
        """Added up pixel by pixel in float32 they would be 1e-5 off, and as a difference 1e-2 for the largest mean."""
        x = (np.random.default_rng(0).normal(size=(2, 500, 520, 3)) + mean).astype("float32")
        layer = layers.InstanceNormalization()
        exact = x.astype("float64") - x.mean((1, 2), dtype="float64", keepdims=True)
        exact /= np.sqrt(exact.var((1, 2), keepdims=True) + 1e-5)
        rounding = 2e-6 + 2e-7 * mean
        np.testing.assert_allclose(layer(x).numpy(), exact, atol=rounding)
        np.testing.assert_allclose(tf.function(layer)(tf.constant(x)).numpy(), exact, atol=rounding)

    def test_size_known_only_at_run_time(self, monkeypatch):
        """A picture too large for the kernel's own statistics takes the formula."""
        monkeypatch.setattr(layers.tensorflow_kernels, "MAX_PIXELS", 72)
        layer = partial(self.layer(), training=True)
        function = graph_of_unknown_sizes(layer, [tf.float32], [4])
        assert "If" in operations(function) or "StatelessIf" in operations(function)
        for x in (self.picture(1), np.concatenate([self.picture(1)] * 2, axis=1)):
            with layers.plain_formulas():
                expected = layer(x).numpy()
            np.testing.assert_allclose(function(tf.constant(x)).numpy(), expected, atol=2e-6)
            np.testing.assert_allclose(layer(x).numpy(), expected, atol=2e-6)

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize("batch", [1, 3])
    def test_gradients_equal_those_of_the_formula(self, batch, training):
        layer, x = self.layer(), self.picture(batch)
        cotangent = np.random.default_rng(9).normal(size=x.shape).astype("float32")
        with layers.plain_formulas():
            expected = layer_gradients(layer, [x], cotangent)
        signature = [tf.TensorSpec((None, None, None, 4))] * 2

        @tf.function(input_signature=signature)
        def gradients(inputs, weights):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                result = tf.reduce_sum(layer(inputs, training=training) * weights)
            return tape.gradient(result, [inputs, *(v.value for v in layer.trainable_variables)])

        for actual, wanted in zip(gradients(x, cotangent), expected, strict=True):
            np.testing.assert_allclose(actual.numpy(), wanted, atol=1e-5 * np.abs(wanted).max())

    def test_saved_model_takes_any_batch_and_size(self, tmp_path):
        inputs = keras.Input((None, None, 4))
        layer = self.layer()
        model = keras.Model(inputs, layer(layer(inputs)))
        model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
        loaded = tf.saved_model.load(tmp_path / "saved")
        for x in (self.picture(1), self.picture(3), self.picture(2)[:, :5]):
            np.testing.assert_allclose(loaded.serve(x).numpy(), model(x).numpy(), atol=2e-6)


@pytest.mark.parametrize(
    ("layer", "height"), [(layers.ReflectionPadding2D(((0, 4), (0, 0))), 4), (layers.CircularPadding2D((5, 0)), 4)]
)
def test_padding_too_wide_for_a_size_known_at_run_time_alone(layer, height):
    function = graph_of_unknown_sizes(layer, [tf.float32], [2])
    assert function(tf.zeros((1, 6, 3, 2))).shape[1] > 6
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected"):
        function(tf.zeros((1, height, 3, 2)))
