"""The graph: phases, in-place layers, outputs, cuts."""

import pytest
from support.caffe_writer import input_layer

from convert.caffe.file.prototxt import parse_prototxt
from convert.caffe.file.upgrade import upgrade
from convert.caffe.network import build_network, replace_pooling, select
from errors import ArgumentError, UserError

DATA = input_layer("data", (1, 3, 4, 4))


def network(text):
    return build_network(upgrade(parse_prototxt((DATA + text).encode())))


def layer(name, bottom, top, extra="", kind="ReLU"):
    wires = "".join(f"bottom: '{b}' " for b in bottom.split()) + "".join(f"top: '{t}' " for t in top.split())
    return f"layer {{ name: '{name}' type: '{kind}' {wires} {extra} }}\n"


def names(part):
    return [node.layer.name for node in part.nodes]


@pytest.mark.parametrize(
    ("rule", "state", "included"),
    [
        ("include { phase: TEST }", "", True),
        ("include { phase: TRAIN }", "", False),
        ("exclude { phase: TEST }", "", False),
        ("exclude { phase: TRAIN }", "", True),
        ("include { phase: TRAIN } include { phase: TEST }", "", True),
        ("include { stage: 'deploy' }", "", False),
        ("include { stage: 'deploy' }", "state { stage: 'deploy' }", True),
        ("include { stage: 'a' stage: 'b' }", "state { stage: 'a' }", False),
        ("include { stage: 'a' stage: 'b' }", "state { stage: ['b', 'a'] }", True),
        ("include { not_stage: 'a' }", "state { stage: 'a' }", False),
        ("exclude { not_stage: 'a' }", "", False),
        ("include { phase: TEST stage: 'a' }", "state { phase: TRAIN stage: 'a' }", True),
        ("include { min_level: 1 }", "", False),
        ("include { min_level: 1 max_level: 3 }", "state { level: 3 }", True),
        ("include { max_level: 2 }", "state { level: 3 }", False),
        ("exclude { max_level: 0 }", "", False),
    ],
)
def test_rules_decide_on_layers(rule, state, included):
    found = network(state + layer("a", "data", "a") + layer("b", "a", "b", rule))
    assert names(found) == (["data", "a", "b"] if included else ["data", "a"])
    assert found.outputs == (("b",) if included else ("a",))


def test_layers_of_two_phases_may_share_a_name():
    found = network(
        layer("a", "data", "a", "include { phase: TRAIN }") + layer("a", "data", "a", "exclude { phase: TRAIN }")
    )
    assert names(found) == ["data", "a"]


def test_two_kinds_of_rules_are_refused():
    with pytest.raises(UserError, match="layer 'a' has both include and exclude rules"):
        network(layer("a", "data", "a", "include { } exclude { }"))


def test_layers_of_training_are_left_out():
    labelled = input_layer("label", (1,))
    found = network(
        labelled
        + layer("a", "data", "a")
        + layer("side", "data", "side")
        + layer("loss", "a label", "loss", kind="SoftmaxWithLoss")
        + layer("accuracy", "a label", "accuracy", kind="Accuracy")
        + layer("hush", "side", "", kind="Silence")
    )
    assert names(found) == ["data", "label", "a", "side"]
    assert [node.layer.name for node in found.left_out] == ["loss", "accuracy", "hush"]
    assert found.outputs == ("a",)
    assert names(select(found)) == ["data", "a"]


def test_outputs_are_sorted_and_inputs_are_none():
    found = network(layer("z", "data", "z") + layer("b", "data", "b") + input_layer("unread", (1, 2)))
    assert found.outputs == ("b", "z")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (layer("a", "dat", "a"), "layer 2 'a' .ReLU.: unknown bottom blob 'dat'; did you mean 'data'"),
        (layer("a", "data", "a") + layer("b", "data", "a"), "layer 3 'b' .ReLU.: outputs the blob 'a', which another"),
        (layer("a", "data", "a a", kind="Split"), "outputs the blob 'a' twice"),
        (
            layer("a", "data", "a") + layer("b", "a", "b") + layer("c", "a", "a"),
            "layer 4 'c' .ReLU.: changes 'a' in place after another layer has read it",
        ),
        (
            layer("a", "data", "a", kind="EuclideanLoss") + layer("b", "a", "b"),
            "layer 3 'b' .ReLU.: reads the output of a loss layer",
        ),
    ],
)
def test_wrong_wires_are_named(text, message):
    with pytest.raises(UserError, match=message):
        network(text)


def test_old_inputs_do_not_count_as_a_layer():
    text = "input: 'x' input_dim: 1 input_dim: 1 input_dim: 1 input_dim: 1 " + layer("a", "y", "a")
    with pytest.raises(UserError, match="layer 1 'a'"):
        build_network(upgrade(parse_prototxt(text.encode())))


CHAIN = (
    layer("conv", "data", "conv")
    + layer("relu", "conv", "conv")
    + layer("branch", "conv", "branch")
    + layer("end", "conv", "end")
)


def test_until_cuts_and_gives_the_value_after_the_layer():
    whole = network(CHAIN)
    conv, relu = select(whole, until="conv"), select(whole, until="relu")
    assert (names(conv), conv.outputs) == (["data", "conv"], ("conv",))
    assert (names(relu), relu.outputs) == (["data", "conv", "relu"], ("conv",))
    assert conv.values["conv"] != relu.values["conv"] == whole.values["conv"]
    assert names(select(whole, until="end")) == ["data", "conv", "relu", "end"]


def test_outputs_choose_blobs_after_their_last_in_place_layer():
    part = select(network(CHAIN), outputs=["conv", "data", "conv"])
    assert (names(part), part.outputs) == (["data", "conv", "relu"], ("conv", "data"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"until": "rleu"}, "`until`: unknown layer 'rleu'; did you mean 'relu'"),
        ({"outputs": ["brunch"]}, "`outputs`: unknown blob 'brunch'; did you mean 'branch'"),
        ({"until": "relu", "outputs": ["end"]}, "`outputs`: unknown blob up to layer 'relu' 'end'"),
    ],
)
def test_unknown_names_are_refused(wanted, message):
    with pytest.raises(ArgumentError, match=message):
        select(network(CHAIN), **wanted)


def test_a_network_without_layers_has_no_outputs():
    with pytest.raises(UserError, match="has no outputs"):
        select(network(""))


def test_pooling_is_replaced_but_where_it_is_global():
    pools = layer("a", "data", "a", "pooling_param { kernel_size: 2 }", "Pooling")
    pools += layer("b", "a", "b", "pooling_param { pool: AVE global_pooling: true }", "Pooling")
    found = network(pools)
    kinds = [
        [node.layer.pooling_param.pool for node in replace_pooling(found, method).nodes[1:]]
        for method in ("keep", "average", "max")
    ]
    assert kinds == [[0, 1], [1, 1], [0, 1]]
