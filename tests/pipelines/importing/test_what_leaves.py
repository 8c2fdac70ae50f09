"""Modules whose graphs exporters had got wrong leave as ONNX and LiteRT, and agree with what Torch7 recorded."""

import pytest

import import_torch_weights

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
