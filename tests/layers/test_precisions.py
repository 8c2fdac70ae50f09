"""Layers that the battery leaves out, and whole half precision, in the types that they declare."""

import keras
import numpy as np
import pytest

import layers

pytestmark = pytest.mark.backends
FEATURES = np.random.default_rng(0).uniform(0.1, 1, (2, 6, 7, 4)).astype("float32")
BOXES = np.array([[0, 0, 0, 4, 4], [1, 1, 1, 5, 5]], "float32")
PLACES = np.array([[[0, 0, 9, 9], [1, 0, 9, 9], [12, 12, 19, 19]]], "float32")
SCORES = np.array([[0.9, 0.8, 0.7]], "float32")
# JAX computes float64 where it is told to alone.
POLICIES = ["float16", "bfloat16", "mixed_bfloat16", *(["float64"] if keras.backend.backend() != "jax" else [])]
NORMALIZATIONS = [layers.InstanceNormalization, layers.BatchStatisticsNormalization]
CASES = {
    "normalization": (layers.BatchStatisticsNormalization, {}, [FEATURES]),
    "parameter": (layers.Parameter, {"shape": (2, 3)}, [FEATURES]),
    "prior boxes": (layers.PriorBoxes, {"sizes": [(3.0, 2.0)], "variances": [0.1] * 4}, [FEATURES, FEATURES]),
    "parts of boxes": (layers.PositionSensitivePooling2D, {"parts": 2}, [FEATURES, BOXES]),
    "detections": (
        layers.DetectionSelection,
        {"confidence_threshold": 0.2, "overlap_threshold": 0.5, "candidates": 3, "keep": 2},
        [PLACES[:, None] / 20, np.stack([0 * SCORES, SCORES], axis=2)],
    ),
    "proposals": (
        layers.RegionProposals,
        {"overlap_threshold": 0.5, "candidates": 3, "keep": 2},
        [PLACES, SCORES, np.array([[20, 20, 1]], "float32")],
    ),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", CASES)
def test_outputs_have_the_type_that_is_declared(name, policy):
    """On TensorFlow some layers failed in other types than float32; others returned it and declared another."""
    layer, arguments, inputs = CASES[name]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    outputs, exact = layer(**arguments, dtype=policy)(inputs), layer(**arguments)(inputs)
    spec = layer(**arguments, dtype=policy)(keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape), inputs))
    assert keras.backend.standardize_dtype(outputs.dtype) == spec.dtype
    outputs, exact = (keras.ops.convert_to_numpy(keras.ops.cast(values, "float32")) for values in (outputs, exact))
    np.testing.assert_allclose(outputs, exact, atol=0.02 * np.abs(exact).max())


@pytest.mark.parametrize("layer", NORMALIZATIONS)
def test_plain_formulas_in_half_precision(layer):
    """What exports are traced with: on TensorFlow it failed where the weights are in half precision too."""
    with layers.plain_formulas():
        outputs = layer(dtype="bfloat16")(FEATURES)
    exact = keras.ops.convert_to_numpy(layer()(FEATURES))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32")), exact, atol=0.05)


PICTURES = np.random.default_rng(0).integers(0, 255, (2, 6, 8, 4))
SHIFTS = np.random.default_rng(1).uniform(-1, 1, (2, 6, 8, 2)).astype("float32")


@pytest.mark.parametrize(
    ("layer", "others"),
    [
        (layers.InstanceNormalization(), []),
        (layers.ConditionalInstanceNormalization(), [np.ones((2, 1), "float32")]),
        (layers.LocalResponseNormalization(3, 1.0, 0.5), []),
        (layers.BilinearUpSampling2D(), []),
        (layers.FilteredResizing2D((5, 9)), []),
        (layers.BilinearSampling2D(), [SHIFTS]),
        (layers.FlowWarping2D(), [SHIFTS]),
        (layers.PaddedMaxPooling2D(2, padding=1), []),
        (layers.PaddedAveragePooling2D(2, padding=1), []),
        (layers.DilatedMaxPooling2D(2, padding=1), []),
        (layers.AdaptivePooling2D(3, "max"), []),
        (layers.AdaptivePooling2D(3, "average"), []),
        (layers.RegionMaxPooling2D(2), [BOXES]),
        (layers.WinogradConv2D(3, edges="zeros"), []),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_whole_numbers_are_taken_as_floats(layer, others, dtype):
    """Results were rounded to whole numbers, or it ended in an error that names the type alone."""
    found, expected = (
        layer([x, *others] if others else x) for x in (PICTURES.astype(dtype), PICTURES.astype("float32"))
    )
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (found, expected)))
