"""Modules whose graphs exporters had got wrong agree with what Torch7 recorded as ONNX and LiteRT; free sizes."""

import keras
import numpy as np
import pytest

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
