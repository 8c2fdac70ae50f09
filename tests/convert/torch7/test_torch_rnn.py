"""Networks of torch-rnn, char-rnn and cudnn against PyTorch."""

import keras
import numpy as np
import pytest
import torch
from support.torch7_writer import module, table, write_t7
from support.torch_rnn import (
    CUDNN_LAYERS,
    FEATURES,
    GATES,
    VOCABULARY,
    cudnn_layer,
    cudnn_network,
    language_model,
    numbers,
    projected_lstm,
    recurrent_layer,
    run_language_model,
    run_layer,
)

from convert.torch7.file.reader import read_t7
from convert.torch7.network import convert_network
from errors import UserError
from model.saving import load_model, save_model

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("kind", GATES)
def test_sequences_with_the_batch_first(kind):
    layer, x = recurrent_layer(kind), numbers(3, 6, FEATURES, seed=5)
    found = keras.ops.convert_to_numpy(convert_network(layer).model(x))
    np.testing.assert_allclose(found, run_layer(layer, torch.tensor(x)), rtol=1e-4, atol=1e-5)


def test_a_language_model_takes_any_number_of_steps(tmp_path):
    checkpoint = table(model=language_model(), opt=table(rnn_size=4), i=20)
    (tmp_path / "checkpoint.t7").write_bytes(write_t7(checkpoint))
    model = convert_network(read_t7(tmp_path / "checkpoint.t7")).model
    for shape in ((3, 6), (1, 9)):
        tokens = np.random.default_rng(1).integers(1, VOCABULARY + 1, shape)
        found = keras.ops.convert_to_numpy(model(tokens.astype(np.float32)))
        np.testing.assert_allclose(found, run_language_model(tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_first", [False, True])
def test_projected_outputs(batch_first, tmp_path):
    layer, x = projected_lstm(3, 5, 4), numbers(6, 2, 3, seed=5)
    layer.fields["batchfirst"] = batch_first
    network = torch.nn.LSTM(3, 5, proj_size=4, bias=True, batch_first=batch_first)
    own = {name: torch.tensor(layer.get(name).array) for name in ("weight", "bias", "weightO")}
    columns = torch.arange(20).reshape(4, 5)[[0, 1, 3, 2]].ravel()
    values = own["weight"][:3, columns].T, own["weight"][3:, columns].T, own["bias"][columns], torch.zeros(20)
    for parameter, value in zip(network.parameters(), (*values, own["weightO"].T), strict=True):
        parameter.data.copy_(value)
    save_model(convert_network(layer).model, tmp_path / "model.keras")
    found = keras.ops.convert_to_numpy(load_model(tmp_path / "model.keras")(x))
    np.testing.assert_allclose(found, network(torch.tensor(x))[0].detach(), rtol=1e-4, atol=1e-5)


def test_another_language_model_is_named():
    """NeuralTalk2's class has the same name."""
    other = module("nn.LanguageModel", core=module("nn.Tanh"), lookup_table=module("nn.Identity"))
    with pytest.raises(UserError, match=r"is another class than torch-rnn's of this name; a part .* with `entry`"):
        convert_network(other)
    assert convert_network(other, entry="core").modules[0].type_name == "nn.Tanh"


def test_characters_become_vectors_and_the_criterion_is_no_network():
    checkpoint = table(protos=table(rnn=module("OneHot", outputSize=4), criterion=module("nn.ClassNLLCriterion")))
    found = keras.ops.convert_to_numpy(convert_network(checkpoint).model(np.float32([3, 1, 4])))
    np.testing.assert_array_equal(found, np.eye(4)[[2, 0, 3]])


@pytest.mark.parametrize(("kind", "layers"), [*((kind, 2) for kind in CUDNN_LAYERS), ("cudnn.BLSTM", 1)])
def test_layers_of_cudnn(kind, layers):
    x = numbers(6, 3, FEATURES, seed=5)
    with torch.no_grad():
        expected = cudnn_network(kind, layers)(torch.tensor(x))[0].numpy()
    found = convert_network(cudnn_layer(kind, layers)).model(x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-5)
    found = convert_network(cudnn_layer(kind, layers, batchFirst=True)).model(x.swapaxes(0, 1))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected.swapaxes(0, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"mode": "CUDNN_X"}, "field mode must be one of CUDNN_RNN_RELU, "),
        ({"inputMode": "CUDNN_SKIP_INPUT"}, "inputMode must be CUDNN_LINEAR_INPUT"),
        ({"hiddenSize": 3}, "weight has 336 numbers, 216 are needed"),
    ],
)
def test_layers_of_cudnn_that_do_not_fit_are_refused(changed, told):
    layer = cudnn_layer("cudnn.LSTM")
    layer.fields.update(changed)
    with pytest.raises(UserError, match=told):
        convert_network(layer)
