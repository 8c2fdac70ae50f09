"""import_torch_weights.py on networks of any inputs: shapes, entries, noise, statistics, textures of 2016."""

import keras
import numpy as np
import onnxruntime
import pytest
from support.torch7_packages import CASES as PACKAGE_CASES
from support.torch7_wide import SHIPPED_WIDE_CASES
from support.torch7_writer import module, numbers, sequential, sizes, table, tensor, write_t7

import export_model as export_script
import import_torch_weights
import layers  # noqa: F401  registers what the saved models are made of
from errors import UserError
from pipelines.export.export import export_model

WIDE = {case.name: case for case in SHIPPED_WIDE_CASES}


def run(*arguments):
    return import_torch_weights.main([str(argument) for argument in arguments])


def linear(inputs, outputs):
    return module("nn.Linear", weight=tensor(numbers(outputs, inputs)), bias=tensor(numbers(outputs)))


def file_with(path, value):
    path.write_bytes(write_t7(value))
    return path


def test_several_inputs_are_named_printed_and_verified(tmp_path, capsys):
    case, output = WIDE["v_paralleltable_two"], tmp_path / "two.keras"
    assert run("--input", case.path, "--output", output, "--verify", case.reference) == 0
    told = capsys.readouterr().out
    assert "input_0: ? x 4\ninput_1: ? x ? x ? x 3\noutput_0: ? x 2\noutput_1: ? x ? x ? x 2\n" in told
    assert "verified: max difference" in told
    model = keras.saving.load_model(output)
    assert [tensor.name for tensor in model.inputs] == ["input_0", "input_1"]
    assert {"output_0", "output_1"} <= {layer.name for layer in model.layers}


def test_a_reference_of_other_sizes_than_the_file_suggests_tells_them(tmp_path):
    """The file lets one take the input for a picture of four channels; the reference has them first, and no batch."""
    case = WIDE["v_pw_prelu_c_chw"]
    assert run("--input", case.path, "--output", tmp_path / "net.keras", "--verify", case.reference) == 0


def test_single_numbers_are_inputs(tmp_path, capsys):
    """A word and a vector, as a decoder takes them: whether words stand alone or in a row the file does not tell."""
    words = module("nn.LookupTable", weight=tensor(numbers(9, 4)))
    pair = module("nn.ParallelTable", modules=table(words, linear(3, 2)))
    source = file_with(tmp_path / "n.t7", sequential(pair, module("nn.JoinTable", dimension=2)))
    shapes = ("--input-shape", "scalar", "--input-shape", "3")
    assert run("--input", source, "--output", tmp_path / "n.keras") == 1
    assert run("--input", source, "--output", tmp_path / "n.keras", *shapes) == 0
    assert "input_0: ?\ninput_1: ? x 3\noutput_0: ? x 6\n" in capsys.readouterr().out
    exported = ["--input", str(tmp_path / "n.keras"), "--format", "onnx", "--output", str(tmp_path / "n.onnx"), *shapes]
    assert export_script.main(exported) == 0
    assert run("--input", source, "--output", tmp_path / "n.keras", "--input-shape", "skalar") == 2
    assert "or scalar" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("name", ["x_argmax", "x_kmeans", "v_narrow_vec"])
def test_positions_and_vectors_leave(name, suffix, tmp_path):
    """Each is run in its runtime before it is written."""
    case = WIDE[name]
    options = ("--image-io", "none", "--verify", case.reference)
    assert run("--input", case.path, "--output", tmp_path / f"net{suffix}", *options) == 0


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("name", ["glimpse", "temporal_glimpse", "selected_boxes", "recurrent_attention", "gru_steps"])
def test_networks_of_further_packages_leave(name, suffix, tmp_path):
    case = PACKAGE_CASES[name]
    sizes_given = [size for shape in case.shapes for size in ("--input-shape", "x".join(map(str, shape[1:])))]
    path = file_with(tmp_path / "net.t7", case.network)
    assert run("--input", path, "--output", tmp_path / f"net{suffix}", *sizes_given) == 0


@pytest.mark.parametrize(
    ("suffix", "input_sizes"), [(".keras", "? x ? x ? x 2"), (".onnx", "? x 8 x 8 x 2"), (".tflite", "? x 8 x 8 x 2")]
)
def test_exports_get_the_size_that_fits_a_number_of_features(suffix, input_sizes, tmp_path, capsys):
    pool = module("nn.SpatialMaxPooling", kH=2, kW=2, dH=2, dW=2)
    batch_norm = module("nn.SpatialBatchNormalization", running_mean=tensor(numbers(2)), running_var=tensor(np.ones(2)))
    flatten = module("nn.View", size=sizes(32), numElements=32, numInputDims=3)
    path = file_with(tmp_path / "net.t7", sequential(batch_norm, pool, flatten, linear(32, 3)))
    assert run("--input", path, "--output", tmp_path / f"net{suffix}") == 0
    assert f"input_0: {input_sizes}\n" in capsys.readouterr().out


def test_a_keras_file_tells_the_size_that_its_exports_get(tmp_path):
    pool = module("nn.SpatialMaxPooling", kH=2, kW=2, dH=2, dW=2)
    flatten = module("nn.View", size=sizes(48), numElements=48, numInputDims=3)
    batch_norm = module("nn.SpatialBatchNormalization", running_mean=tensor(numbers(3)), running_var=tensor(np.ones(3)))
    network = sequential(batch_norm, pool, flatten, linear(48, 3))
    assert run("--input", file_with(tmp_path / "net.t7", network), "--output", tmp_path / "net.keras") == 0
    export_model(input=tmp_path / "net.keras", output=tmp_path / "net.onnx", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    assert session.get_inputs()[0].shape[1:] == [8, 8, 3]
    with pytest.raises(UserError, match="the model fails on 6x6"):
        export_model(input=tmp_path / "net.keras", output=tmp_path / "no.onnx", format="onnx", input_shape=[(6, 6, 3)])


def test_sizes_that_nothing_tells_are_asked_for_and_given(tmp_path, capsys):
    source, output = file_with(tmp_path / "sum.t7", module("nn.CAddTable")), tmp_path / "sum.keras"
    assert run("--input", source, "--output", output) == 2
    assert "give --input-shape once for each tensor" in capsys.readouterr().err
    assert run("--input", source, "--output", output, "--input-shape", "3x?x?", "--input-shape", "3x?x?") == 0
    assert "input_1: ? x ? x ? x 3" in capsys.readouterr().out
    model = keras.saving.load_model(output)
    x, y = numbers(2, 4, 5, 3), numbers(2, 4, 5, 3)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model([x, y])), x + y, rtol=1e-6)


def test_a_network_along_its_first_dimension_gets_a_batch(tmp_path):
    source, output = file_with(tmp_path / "max.t7", module("nn.Max", dimension=1)), tmp_path / "max.keras"
    assert run("--input", source, "--output", output, "--input-shape", "4x5") == 0
    x = numbers(3, 4, 5)
    found = keras.ops.convert_to_numpy(keras.saving.load_model(output)(x))
    np.testing.assert_array_equal(found, x.max(axis=1))


@pytest.mark.parametrize("text", ["3x", "axb", "0x3", "3x224x224x1x1x1x1x1x1", "-1x3"])
def test_bad_shapes_are_refused(text, tmp_path, capsys):
    source = file_with(tmp_path / "sum.t7", module("nn.Tanh"))
    assert run("--input", source, "--output", tmp_path / "a.keras", f"--input-shape={text}") == 2
    assert "--input-shape" in capsys.readouterr().err


def test_one_of_several_networks_is_chosen_by_its_keys(tmp_path, capsys):
    nets = table(first=linear(3, 2), more=table(linear(4, 2), name="x"))
    source, output = file_with(tmp_path / "nets.t7", nets), tmp_path / "net.keras"
    assert run("--input", source, "--output", output) == 2
    assert "select one with --entry: first (nn.Linear), more.1 (nn.Linear)" in capsys.readouterr().err
    assert run("--input", source, "--output", output, "--entry", "more.2") == 2
    assert "more.2 does not lead to a network; there are networks at: first" in capsys.readouterr().err
    assert run("--input", source, "--output", output, "--entry", "more.1") == 0
    assert "input_0: ? x 4" in capsys.readouterr().out


def test_networks_in_an_object_of_another_class_are_chosen_by_its_fields(tmp_path, capsys):
    heads = {"maskBranch": sequential(linear(3, 4)), "scoreBranch": sequential(linear(3, 1))}
    own = module("nn.OwnDetector", trunk=sequential(linear(5, 3)), modules=table(linear(2, 2)), **heads)
    path, output = file_with(tmp_path / "net.t7", table(model=own)), tmp_path / "net.keras"
    assert run("--input", path, "--output", output) == 2
    told = capsys.readouterr().err
    listed = ", ".join(f"model.{name} (nn.Sequential)" for name in ("trunk", "maskBranch", "scoreBranch"))
    assert "contains a nn.OwnDetector, which cannot be converted as a whole" in told
    assert listed in told
    assert run("--input", path, "--output", output, "--entry", "model.maskBranch") == 0
    assert keras.saving.load_model(output).output_shape == (None, 4)


def test_tensors_alone_are_named_with_their_sizes(tmp_path, capsys):
    value = table(tensor(numbers(2, 3)), data=table(labels=tensor(numbers(4))))
    source = file_with(tmp_path / "tensors.t7", value)
    assert run("--input", source, "--output", tmp_path / "a.keras") == 1
    assert "contains tensors but no network: 1 2x3, data.labels 4" in capsys.readouterr().err


def test_noise_becomes_an_input_where_asked_for(tmp_path, capsys):
    case, output = WIDE["v_dropout_stoch"], tmp_path / "noise.keras"
    shape = ("--input-shape", "6")
    verified = ("--verify", case.reference)
    assert run("--input", case.path, "--output", output, *shape, "--noise", "input", *verified) == 0
    assert "noise_0: ? x 6" in capsys.readouterr().out
    assert run("--input", case.path, "--output", output, *shape, *verified) == 0
    told = capsys.readouterr().out
    assert "noise: drawn by 1 modules" in told
    assert "noise_0" not in told


@pytest.mark.parametrize(
    ("pooled", "suffix", "told"),
    [(True, "onnx", "5 x 9 x 4"), (True, "tflite", "5 x 9 x 4"), (False, "onnx", "? x ? x 3")],
)
def test_exports_know_the_size_of_noise(tmp_path, capsys, pooled, suffix, told):
    """Noise of other sizes than the picture's left exports without sizes that go together."""
    noise = module("nn.WhiteNoise", mean=0, std=0.1)
    pooling = module("nn.SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2)
    network = sequential(convolution(3, 4), pooling, noise) if pooled else sequential(noise, convolution(3, 4))
    source, output = file_with(tmp_path / "noisy.t7", network), tmp_path / f"noisy.{suffix}"
    assert run("--input", source, "--output", output, "--noise", "input", "--size", "12x20") == 0
    assert f"noise_0: ? x {told}" in capsys.readouterr().out
    assert run("--input", source, "--output", tmp_path / "noisy.keras", "--noise", "input") == 0
    assert "noise_0: ? x ? x ? x " in capsys.readouterr().out


def convolution(inputs, outputs):
    return module(
        "nn.SpatialConvolution",
        nInputPlane=inputs,
        nOutputPlane=outputs,
        kH=3,
        kW=3,
        dH=1,
        dW=1,
        padW=0,
        padH=0,
        weight=tensor(numbers(outputs, inputs, 3, 3)),
        bias=tensor(numbers(outputs)),
    )


def normalization(weights):
    """Return a normalisation for 2 channels whose factors and offsets go on in the storage behind them."""
    gamma, beta = (tensor(np.asarray(values, np.float32)) for values in weights)
    for values in (gamma, beta):
        values.array, values.size = values.array[:2], (2,)
    return module(
        "nn.SpatialBatchNormalization",
        weight=gamma,
        bias=beta,
        running_mean=tensor(numbers(2)),
        running_var=tensor(numbers(2) ** 2),
        eps=1e-5,
    )


def padded(inner):
    return sequential(module("nn.SpatialCircularPadding", pad_l=1, pad_r=1, pad_t=1, pad_b=1), inner)


def scale(factor, channels):
    pooling = module("nn.SpatialAveragePooling", kH=factor, kW=factor, dH=factor, dW=factor, divide=True)
    return sequential(pooling, module("nn.GenNoise"), padded(convolution(channels, 2)))


def texture_network(channels):
    coarse = sequential(scale(2, channels), module("nn.SpatialUpSamplingNearest", scale_factor=2))
    both = module("nn.Concat", dimension=2, modules=table(coarse, scale(1, channels)))
    return sequential(both, normalization(([1.0, 2.0, 0.5, 3.0], [0.1, 0.2, 0.3, 0.4])), padded(convolution(4, 3)))


def test_texture_network_of_2016_becomes_a_generator_that_wraps(tmp_path, capsys):
    source, output = file_with(tmp_path / "texture.t7", texture_network(3)), tmp_path / "texture.keras"
    assert run("--input", source, "--output", output) == 0
    told = capsys.readouterr().out
    assert "image-io: texture-nets-2016" in told
    assert "normalisation: 1 modules use the statistics of the current batch" in told
    model = keras.saving.load_model(output)
    assert [tensor.name for tensor in model.inputs] == ["noise"]
    assert model.inputs[0].shape == (None, None, None, 6)
    noise = np.random.default_rng(1).random((1, 16, 24, 6)).astype(np.float32)
    picture = keras.ops.convert_to_numpy(model(noise))
    rolled = keras.ops.convert_to_numpy(model(np.roll(noise, (4, 6), axis=(1, 2))))
    np.testing.assert_allclose(rolled, np.roll(picture, (4, 6), axis=(1, 2)), atol=1e-5)


def test_style_network_of_2016_stylises_pictures_of_any_size(tmp_path, capsys):
    source, output = file_with(tmp_path / "style.t7", texture_network(6)), tmp_path / "style.keras"
    assert run("--input", source, "--output", output) == 0
    assert "noise: drawn by 2 modules" in capsys.readouterr().out
    model = keras.saving.load_model(output)
    picture = np.random.default_rng(1).random((1, 13, 18, 3)).astype(np.float32)
    first, again = (keras.ops.convert_to_numpy(model(picture)) for _ in range(2))
    assert first.shape == picture.shape
    np.testing.assert_array_equal(first, again)


def test_statistics_beyond_the_running_ones_cannot_be_asked_for(tmp_path, capsys):
    source = file_with(tmp_path / "texture.t7", texture_network(3))
    assert run("--input", source, "--output", tmp_path / "a.keras", "--norm-statistics", "running") == 1
    assert "has running statistics for 2 channels, but its input has 4" in capsys.readouterr().err
