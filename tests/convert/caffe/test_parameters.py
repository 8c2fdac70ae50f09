"""Blobs find their layers by name; sharing, strictness, and what is left over."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.caffe_writer import caffemodel, input_layer, packed_caffemodel, write_network

from convert.caffe.conversion import convert_caffe
from convert.caffe.file.caffemodel import parse_caffemodel
from errors import UserError

PRODUCT = "inner_product_param { num_output: 2 }"


def product(name, bottom, extra="", parameters=PRODUCT):
    return f"layer {{ name: '{name}' type: 'InnerProduct' bottom: '{bottom}' top: '{name}' {extra} {parameters} }}\n"


def weights(seed, outputs=2, inputs=2):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((outputs, inputs)).astype("f4"), rng.standard_normal(outputs).astype("f4")]


X = input_layer("x", (1, 2))
NAMED = "param { name: 'w' } param { name: 'b' }"


def convert(folder, text, values, **wanted):
    return convert_caffe(*write_network(folder, X + text, values), **wanted)


@pytest.mark.parametrize("form", ["V0", "V1", "new"])
def test_formats_mix(form, tmp_path):
    data = caffemodel({"b": weights(1), "a": weights(0)}, form=form, legacy=True)
    conversion = convert(tmp_path, product("a", "x") + product("b", "a"), data)
    x = np.float32([[1, 2]])
    expected = (x @ weights(0)[0].T + weights(0)[1]) @ weights(1)[0].T + weights(1)[1]
    np.testing.assert_allclose(conversion.model(x), expected, rtol=1e-5)
    assert (conversion.parameters.read, conversion.parameters.used) == (4, 4)


def test_all_shared_layers_become_one(tmp_path):
    text = product("a", "x", NAMED) + product("b", "a", NAMED)
    conversion = convert(tmp_path, text, {"a": weights(0)})
    x = np.float32([[1, 2]])
    once = x @ weights(0)[0].T + weights(0)[1]
    np.testing.assert_allclose(conversion.model(x), once @ weights(0)[0].T + weights(0)[1], rtol=1e-5)
    assert len(conversion.model.weights) == 2


def test_last_values_in_the_file_count_for_shared_parameters(tmp_path):
    text = product("a", "x", NAMED) + product("b", "x", "param { name: 'w' }")
    conversion = convert(tmp_path, text, {"b": weights(1), "a": weights(0)}, outputs=["b"])
    np.testing.assert_allclose(conversion.model(np.eye(2, dtype="f4")), weights(0)[0].T + weights(1)[1], rtol=1e-5)


def test_shared_parameters_come_from_a_layer_that_is_cut_off(tmp_path):
    text = product("a", "x", NAMED) + product("b", "x", NAMED)
    conversion = convert(tmp_path, text, {"a": weights(0)}, outputs=["b"])
    np.testing.assert_allclose(conversion.model(np.eye(2, dtype="f4")), weights(0)[0].T + weights(0)[1], rtol=1e-5)


def test_permissive_sharing_needs_the_same_count_only(tmp_path):
    text = X + product("a", "x", "param { name: 'w' }") + input_layer("y", (1, 4))
    own = "param { name: 'w' %s }"
    wide = "inner_product_param { num_output: 1 bias_term: false }"
    values = {"a": weights(0)}
    paths = write_network(tmp_path, text + product("b", "y", own % "share_mode: PERMISSIVE", wide), values)
    model = convert_caffe(*paths, outputs=["b"]).model
    np.testing.assert_allclose(model(np.ones((1, 4), "f4")), weights(0)[0].sum(keepdims=True), rtol=1e-5)
    paths = write_network(tmp_path, text + product("b", "y", own % "", wide), values)
    with pytest.raises(
        UserError, match=r"'b' .InnerProduct.: blob 0 of the caffemodel is 2 x 2; the prototxt needs 1 x 4"
    ):
        convert_caffe(*paths)


def test_surplus_and_cut_layers_are_told_apart(tmp_path):
    values = {"a": weights(0), "b": weights(1), "old": weights(2), "split": []}
    conversion = convert(tmp_path, product("a", "x") + product("b", "a"), values, until="a")
    found = conversion.parameters
    assert (found.read, found.used, found.surplus, found.cut) == (6, 2, ("old",), ("b",))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "layer 2 'a' .InnerProduct.: the caffemodel has no blob 0 for it .2 x 2 needed"),
        ({"a": weights(0)[:1]}, "the caffemodel has 1 blobs for it, but the prototxt needs 2 .2 x 2, 2."),
        ({"a": [*weights(0), np.ones(1)]}, "has 3 blobs for it"),
        ({"a": weights(0, inputs=3)}, "blob 0 of the caffemodel is 2 x 3; the prototxt needs 2 x 2"),
        ({"a": [weights(0)[0], np.ones((2, 1))]}, "blob 1 of the caffemodel is 2 x 1; the prototxt needs 2"),
        ({"a": weights(0), "r": [np.ones(3)]}, "layer 3 'r' .ReLU.: the caffemodel has 1 blobs for it"),
    ],
)
def test_blobs_must_fit(values, message, tmp_path):
    text = product("a", "x") + "layer { name: 'r' type: 'ReLU' bottom: 'a' top: 'a' }"
    with pytest.raises(UserError, match=message):
        convert(tmp_path, text, values)


def test_too_many_param_entries_are_refused(tmp_path):
    with pytest.raises(UserError, match="has 3 param entries for 2 parameters"):
        convert(tmp_path, product("a", "x", "param { } param { } param { }"), {"a": weights(0)})


def test_two_layers_of_one_name_are_refused(tmp_path):
    twice = product("a", "x") + product("a", "x").replace("top: 'a'", "top: 'b'")
    with pytest.raises(UserError, match=r"layer 3 'a' .InnerProduct. and layer 2 'a' .* same name"):
        convert(tmp_path, twice, {"a": weights(0)})
    data = packed_caffemodel({"a": weights(0)})
    with pytest.raises(UserError, match="two layers named 'a' with blobs"):
        convert(tmp_path, product("a", "x"), data + data)
    assert len(parse_caffemodel(memoryview(data + data))) == 2


ENLARGEMENT = """layer { name: "up" type: "Deconvolution" bottom: "x" top: "up"
    convolution_param { num_output: 3 group: 3 kernel_size: %d stride: %d pad: %d bias_term: false
    weight_filler { type: "%s" } } }"""


@pytest.mark.parametrize(("side", "factor"), [(4, 2), (5, 3), (8, 4)])
def test_an_enlargement_needs_no_blob(side, factor, tmp_path):
    """Caffe fills it; away from the border it is PyTorch's."""
    text = input_layer("x", (1, 3, 6, 5)) + ENLARGEMENT % (side, factor, factor // 2, "bilinear")
    x = np.random.default_rng(0).random((1, 3, 6, 5), dtype=np.float32)
    found = np.asarray(convert_caffe(*write_network(tmp_path, text)).model(x.transpose(0, 2, 3, 1)))
    expected = F.interpolate(torch.tensor(x), scale_factor=factor, mode="bilinear").permute(0, 2, 3, 1).numpy()
    inner = slice(factor, -factor)
    np.testing.assert_allclose(found[:, inner, inner], expected[:, inner, inner], atol=1e-6)


@pytest.mark.parametrize(("side", "filler"), [(3, "bilinear"), (4, "gaussian")])
def test_other_fillers_do_not_replace_blobs(side, filler, tmp_path):
    paths = write_network(tmp_path, input_layer("x", (1, 3, 6, 5)) + ENLARGEMENT % (side, 2, 1, filler))
    with pytest.raises(UserError, match=r"'up' \(Deconvolution\): the caffemodel has no blob 0 for it"):
        convert_caffe(*paths)
