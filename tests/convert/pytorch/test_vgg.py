"""VGG networks of PyTorch as descriptors give its features."""

import numpy as np
import pytest
import torch
from support.pytorch_networks import VGG16, VGG19, pictures, vgg

from convert.pytorch.architectures.vgg import read_vgg_weights
from convert.pytorch.network import convert_pytorch
from errors import ArgumentError, UserError
from model.descriptor import build_descriptor, mean_activation
from model.saving import save_model
from pipelines.descriptors import descriptor_weights

IMAGES = pictures(36, 33)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
BGR_MEAN = np.array([103.939, 116.779, 123.68], np.float32)


def features(network, images, positions):
    x, found = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), []
    with torch.no_grad():
        for position, layer in enumerate(network):
            x = layer(x)
            if position in positions:
                found.append(x.permute(0, 2, 3, 1).numpy().copy())
    return found


def assert_close(found, expected):
    assert np.abs(np.asarray(found) - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("blocks", "last"), [(VGG19, "conv5_4"), (VGG16, "conv5_3")], ids=["VGG-19", "VGG-16"])
def test_torchvisions_are_descriptor_weights(blocks, last, tmp_path):
    network = vgg(blocks)
    state = {f"features.{name}": value for name, value in network.state_dict().items()}
    torch.save(state | {"classifier.6.bias": torch.zeros(1000)}, tmp_path / "vgg.pth")
    weights = descriptor_weights(tmp_path / "vgg.pth")
    descriptor = build_descriptor(["relu1_1", "pool2", "relu3_3", last], weights=weights)
    positions = (1, 9, 15, len(network) - 3)
    expected = features(network, (IMAGES - MEAN) / DEVIATION, positions)
    found = descriptor(IMAGES)
    for name, values in zip(("relu1_1", "pool2", "relu3_3", last), expected, strict=True):
        assert_close(found[name], values)


def with_normalizations(network):
    """Return the network with batch normalisation of random statistics after each convolution, evaluating."""
    layers, generator = [], torch.Generator().manual_seed(2)
    for layer in network:
        layers.append(layer)
        if isinstance(layer, torch.nn.Conv2d):
            layers.append(torch.nn.BatchNorm2d(layer.out_channels))
            for values in (layers[-1].weight, layers[-1].bias, layers[-1].running_mean, layers[-1].running_var):
                values.data.uniform_(0.5, 1.5, generator=generator)
    return torch.nn.Sequential(*layers).eval()


@pytest.mark.parametrize("counted", [True, False])
def test_batch_normalisation_becomes_a_part_of_the_convolutions(counted, tmp_path):
    network = with_normalizations(vgg(VGG16))
    state = {f"features.{name}": value for name, value in network.state_dict().items() if counted or "num_" not in name}
    torch.save(state, tmp_path / "vgg16_bn.pth")
    descriptor = build_descriptor(["conv1_1", "relu2_2"], weights=descriptor_weights(tmp_path / "vgg16_bn.pth"))
    expected = features(network, (IMAGES - MEAN) / DEVIATION, (1, 12))
    found = descriptor(IMAGES)
    assert_close(found["conv1_1"], expected[0])
    assert_close(found["relu2_2"], expected[1])
    assert convert_pytorch(tmp_path / "vgg16_bn.pth").decided == "VGG-16 up to pool5, max pooling"


@pytest.mark.parametrize(
    ("blocks", "positions", "last"),
    [(VGG16, 23, "relu4_3"), (VGG19, 7, "relu2_1")],
    ids=["conv4_3 of VGG-16", "conv2_1"],
)
def test_the_first_layers_alone_are_weights_as_far_as_they_go(blocks, positions, last, tmp_path):
    network = vgg(blocks)[:positions]
    torch.save({f"features.{name}": value for name, value in network.state_dict().items()}, tmp_path / "vgg.pth")
    (expected,) = features(network, (IMAGES - MEAN) / DEVIATION, (positions - 1,))
    weights = descriptor_weights(tmp_path / "vgg.pth")
    assert_close(build_descriptor([last], weights=weights)(IMAGES)[last], expected)
    with pytest.raises(
        UserError, match=rf"vgg\.pth: its layers end with {last.replace('relu', 'conv')}; conv._. is needed"
    ):
        build_descriptor(["conv5_3"], weights=weights)
    conversion = convert_pytorch(tmp_path / "vgg.pth")
    assert conversion.decided == f"VGG-{sum(blocks) + 3} up to {last}, max pooling"
    assert_close(conversion.model(IMAGES)[last], expected)


def test_two_convolutions_may_be_of_any_network(tmp_path):
    torch.save(vgg(VGG19)[:4].state_dict(), tmp_path / "two.pth")
    with pytest.raises(UserError, match=r"two\.pth: not a VGG-19 or VGG-16"):
        read_vgg_weights(tmp_path / "two.pth")


def test_the_authors_vgg16_keeps_its_preprocessing(tmp_path):
    """Converted from Caffe it has torchvision's names, as VGG-19 has."""
    network = vgg(VGG16)[:7]
    # From the network that keras.applications downloads.
    first = [
        0.7342984,
        0.0934037,
        0.0677567,
        0.8862966,
        0.2599454,
        0.6642670,
        -0.0158289,
        0.3249065,
        0.6860073,
        0.0624793,
    ]
    network[0].bias.data[: len(first)] = torch.tensor(first)
    torch.save(network.state_dict(), tmp_path / "vgg16.pth")
    (expected,) = features(network, IMAGES[..., ::-1] * 255 - BGR_MEAN, (6,))
    descriptor = build_descriptor(["relu2_1"], weights=descriptor_weights(tmp_path / "vgg16.pth"))
    assert_close(descriptor(IMAGES)["relu2_1"], expected)
    with pytest.raises(ArgumentError, match="no mean activations are known for the weights in"):
        build_descriptor(["relu2_1"], descriptor="vgg19-normalized", weights=descriptor_weights(tmp_path / "vgg16.pth"))


def adain_vgg(factor=255.0):
    """Return the first layers of the normalised VGG-19 of the programs for adaptive instance normalisation."""
    preprocessing = torch.nn.Conv2d(3, 3, 1)
    preprocessing.weight.data = factor * torch.eye(3).flip(0)[:, :, None, None]
    preprocessing.bias.data = -torch.tensor([103.939, 116.779, 123.68])
    layers = [preprocessing]
    for layer in vgg(VGG19)[:11]:
        # Zeros where the network has reflections, as the descriptor pads.
        layers += [torch.nn.ZeroPad2d(1)] if isinstance(layer, torch.nn.Conv2d) else []
        layers.append(layer)
        if isinstance(layer, torch.nn.Conv2d):
            layer.padding = (0, 0)
    return torch.nn.Sequential(*layers)


def test_the_vgg_of_adaptive_instance_normalisation_has_its_preprocessing_in_it(tmp_path):
    network = adain_vgg()
    assert list(network.state_dict())[::2] == [f"{i}.weight" for i in (0, 2, 5, 9, 12, 16)]
    torch.save(network.state_dict(), tmp_path / "vgg_normalised.pth")
    (expected,) = features(network, IMAGES, (16,))
    descriptor = build_descriptor(["conv3_1"], weights=descriptor_weights(tmp_path / "vgg_normalised.pth"))
    assert_close(descriptor(IMAGES)["conv3_1"], expected)
    weights = read_vgg_weights(tmp_path / "vgg_normalised.pth")
    assert mean_activation("conv3_1", descriptor="vgg19", pooling="max", weights=weights) == 1
    with pytest.raises(UserError, match=r"normalised\.pth"):  # its reflections are not in the file
        convert_pytorch(tmp_path / "vgg_normalised.pth")
    torch.save(adain_vgg(1.0).state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth: its first convolution is another preprocessing than that of"):
        read_vgg_weights(tmp_path / "other.pth")


def test_gatys_port_is_named_by_layers(tmp_path):
    network = vgg(VGG19, average=True)
    names = [f"conv{block}_{index}" for block, number in enumerate(VGG19, 1) for index in range(1, number + 1)]
    convolutions = [layer for layer in network if isinstance(layer, torch.nn.Conv2d)]
    state = {
        f"{name}.{kind}": getattr(layer, kind)
        for name, layer in zip(names, convolutions, strict=True)
        for kind in ("weight", "bias")
    }
    torch.save(state, tmp_path / "vgg_conv.pth", _use_new_zipfile_serialization=False)
    (expected,) = features(network, IMAGES[..., ::-1] * 255 - BGR_MEAN, (len(network) - 1,))
    conversion = convert_pytorch(tmp_path / "vgg_conv.pth")
    assert conversion.decided == "VGG-19 up to pool5, average pooling"
    assert_close(conversion.model(IMAGES)["pool5"], expected)
    save_model(conversion.model, tmp_path / "vgg.keras")
    for weights in (descriptor_weights(tmp_path / "vgg_conv.pth"), tmp_path / "vgg.keras"):
        descriptor = build_descriptor(
            ["pool5"], descriptor="vgg19-normalized", weights=weights, pooling="average", rescale_pooling=False
        )
        assert_close(descriptor(IMAGES)["pool5"], expected)


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(vgg(VGG16).state_dict(), path)
    return path


def test_layers_of_vgg19_are_not_those_of_vgg16(vgg16_file):
    with pytest.raises(ArgumentError, match="unknown layer of a VGG-16 'relu5_4'; did you mean 'relu5_"):
        build_descriptor(["relu5_4"], weights=read_vgg_weights(vgg16_file))


def test_torchvisions_activations_are_not_normalised(vgg16_file):
    with pytest.raises(ArgumentError, match="vgg19-normalized: no mean activations are known"):
        build_descriptor(["relu1_1"], weights=read_vgg_weights(vgg16_file), descriptor="vgg19-normalized")


def test_keras_models_of_torchvisions_are_refused_as_weights(vgg16_file, tmp_path):
    save_model(convert_pytorch(vgg16_file).model, tmp_path / "vgg16.keras")
    with pytest.raises(UserError, match="for a different preprocessing; use the file from which it was converted"):
        build_descriptor(["relu1_1"], weights=tmp_path / "vgg16.keras")


def test_the_environment_may_name_the_file(vgg16_file, monkeypatch):
    monkeypatch.setenv("TEXTURE_NETS_VGG19", str(vgg16_file))
    assert descriptor_weights(None).blocks == VGG16
    assert descriptor_weights("other.h5") == "other.h5"


def test_the_authors_weights_keep_their_preprocessing(shared, tmp_path):
    """The converted weights of the authors' VGG-19 have torchvision's names but take BGR in 0..255."""
    import keras

    path = shared / "vgg19" / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    source = keras.applications.VGG19(weights=str(path), include_top=False)
    network = vgg(VGG19)
    convolutions = [layer for layer in network if isinstance(layer, torch.nn.Conv2d)]
    for layer, name in zip(convolutions, [layer for layer in source.layers if layer.weights], strict=True):
        kernel, bias = name.get_weights()
        layer.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        layer.bias.data = torch.from_numpy(bias)
    torch.save(network.state_dict(), tmp_path / "vgg19.pth")
    found = build_descriptor(["relu2_1"], weights=descriptor_weights(tmp_path / "vgg19.pth"))(IMAGES)["relu2_1"]
    assert_close(found, build_descriptor(["relu2_1"], weights=path)(IMAGES)["relu2_1"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("2.bias"), r"tensor net\.2\.bias is missing"),
        (
            lambda state: state.update({"5.weight": state["5.weight"].permute(2, 3, 1, 0)}),
            r"tensor net\.5\.weight has the shape \(3, 3, 64, 128\), VGG-19's is \(128, 64, 3, 3\)",
        ),
        (
            lambda state: state.update({"7.bias": state["7.bias"].int()}),
            r"tensor net\.7\.bias contains int32, not float",
        ),
    ],
)
def test_the_tensor_that_is_wrong_is_named(change, told, tmp_path):
    state = dict(vgg(VGG19).state_dict())
    change(state)
    torch.save({"net": state}, tmp_path / "vgg.pth")
    with pytest.raises(UserError, match=rf"vgg\.pth: {told}"):
        read_vgg_weights(tmp_path / "vgg.pth")


def test_other_files_are_no_weights(tmp_path):
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"a\.pth: not a VGG-19 or VGG-16 .*\(its tensors: layer\.weight \.\.\.\)"):
        read_vgg_weights(tmp_path / "a.pth")
