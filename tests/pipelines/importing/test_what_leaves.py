"""Modules whose graphs exporters had got wrong agree with what Torch7 recorded as ONNX and LiteRT; free sizes."""

import keras
import numpy as np
import pytest
from support.torch7_writer import module, tensor, write_t7

import import_torch_weights
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

# With what they take beside the usual options.
CASES = {
    "x_maskedselect": [],
    "x_volumetricmaxunpooling": [],
    "x_whitenoise_train": ["--noise", "input"],
    "v_dropout_stoch": ["--noise", "input"],
}


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", CASES)
def test_it_leaves(shared, tmp_path, capsys, name, suffix):
    network = shared / "fixtures" / "torch7_wide" / f"{name}.t7"
    command = ["--input", network, "--output", tmp_path / f"{name}.{suffix}", "--verify", network.with_suffix(".npz")]
    assert import_torch_weights.main([*map(str, command), *CASES[name]]) == 0
    assert "on recorded inputs: max difference" in capsys.readouterr().out


def arrays(*shapes):
    return [np.random.default_rng(i).normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)]


SLOPES = np.float32([0.2, -0.3, 0.7])
A, B, X = arrays((3, 4), (4, 5), (1, 3, 2, 4, 5))
# Networks with their inputs and outputs in Torch7.
WRITTEN = {
    "matrices": (module("nn.MM", transA=False, transB=False), [A, B], A @ B),
    "matrix and vector": (module("nn.MV", trans=True), [A, B[:3, 0]], A.T @ B[:3, 0]),
    "slopes of a volume": (
        module("nn.PReLU", nOutputPlane=3, weight=tensor(SLOPES)),
        [X],
        np.where(X > 0, X, X * SLOPES[:, None, None, None]),
    ),
}


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_leaves(tmp_path, name, suffix):
    network, inputs, output = WRITTEN[name]
    (tmp_path / "network.t7").write_bytes(write_t7(network))
    np.savez(tmp_path / "truth.npz", output=output, **{f"input_{i}": x for i, x in enumerate(inputs)})
    names = {"--input": "network.t7", "--output": f"network.{suffix}", "--verify": "truth.npz"}
    assert import_torch_weights.main([text for name in names for text in (name, str(tmp_path / names[name]))]) == 0


@pytest.mark.parametrize(("format", "suffix", "length"), [("onnx", ".onnx", 23), ("litert", ".tflite", 16)])
def test_free_sizes_stay_free_but_for_litert(tmp_path, format, suffix, length):
    """A sequence of any length: a LiteRT file takes 16 steps where nothing tells another number."""
    steps = keras.Input((None, 3), name="steps")
    model = keras.Model(steps, keras.layers.GRU(4, return_sequences=True)(steps))
    save_model(model, tmp_path / "sequence.keras")
    output = tmp_path / f"sequence{suffix}"
    export_model(input=tmp_path / "sequence.keras", output=output, format=format)
    x = np.random.default_rng(0).normal(size=(1, length, 3)).astype(np.float32)
    (found,) = load_graph(output)(x)
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(model(x)), atol=1e-5)
    if format == "litert":
        with pytest.raises((RuntimeError, ValueError)):
            load_graph(output)(x[:, :15])
