"""Where the weights are looked for, in which files they may lie, and what is said where they do not."""

import random

import h5py
import keras
import numpy as np
import pytest
from keras import ops
from support.keras_files import damage as damaged_bytes
from support.vgg_files import random_weights, write_weights

from errors import UserError
from model.descriptor import build_descriptor
from model.saving import save_model
from model.weights import WEIGHTS_NAME, WEIGHTS_VARIABLE, find_weights

LAYERS = ["relu1_2"]


@pytest.fixture(autouse=True)
def no_variable_and_no_network(monkeypatch):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(keras.utils, "get_file", offline)


def offline(*_, **__):
    raise Exception("URL fetch failure on https://storage: None -- [Errno -2] Name or service not known")


def keras_layout(weights):
    return {name.replace("conv1_", "block1_conv"): arrays for name, arrays in weights.items()}


def sequential(weights):
    """Return the network as the old texture script kept it: convolutions with their rectification."""
    model = keras.Sequential([keras.Input((None, None, 3))])
    for name, arrays in weights.items():
        model.add(keras.layers.Conv2D(arrays[1].size, 3, activation="relu", name=name))
        model.get_layer(name).set_weights(arrays)
    return model


def assert_has_weights(model, weights):
    for name, arrays in weights.items():
        for variable, array in zip(model.get_layer(name).weights, arrays, strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(variable), array)


def test_places_are_tried_in_their_order(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("given.h5", "variable.h5", "data/vgg19.keras", f"data/{WEIGHTS_NAME}")]
    (tmp_path / "data").mkdir()
    for path in paths:
        path.write_bytes(b"")
    given, variable, plain, keras_file = paths
    downloaded = tmp_path / "cache.h5"
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: str(downloaded))
    data = tmp_path / "data"
    assert find_weights(data_dir=data) == keras_file
    keras_file.unlink()
    assert find_weights(data_dir=data) == plain
    assert find_weights(data_dir=tmp_path / "nowhere") == downloaded
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(variable))
    assert find_weights(data_dir=data) == variable
    assert find_weights(given, data_dir=data) == given


def test_a_download_is_told_with_its_size_before_it_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    with pytest.raises(UserError, match="the download failed"):
        find_weights(data_dir="nowhere")
    assert capsys.readouterr().err.startswith("downloading the weights of VGG-19 (80 MB, once) from https://")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / WEIGHTS_NAME).write_bytes(b"there already")
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: "cache.h5")
    find_weights(data_dir="nowhere")
    assert capsys.readouterr().err == ""


def test_the_download_is_the_one_of_keras_applications(monkeypatch):
    calls = []

    def get_file(*args, **kwargs):
        calls.append((args, kwargs))
        raise InterruptedError

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(InterruptedError):
        keras.applications.VGG19(include_top=False, weights="imagenet")
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(UserError):
        find_weights(data_dir="nowhere")
    assert calls[0] == calls[1]


def test_without_weights_and_network_the_ways_out_are_told():
    with pytest.raises(UserError) as error:
        build_descriptor(LAYERS, data_dir="nowhere")
    for way in ("`weights`", WEIGHTS_VARIABLE, f"{WEIGHTS_NAME} into nowhere", "Errno -2"):
        assert way in str(error.value)


def test_a_named_file_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"`weights` .*missing\.h5: no such file"):
        build_descriptor(LAYERS, weights=tmp_path / "missing.h5")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=f"weights of {WEIGHTS_VARIABLE} .*: a folder, not a file"):
        build_descriptor(LAYERS)


def test_keras_weights_with_their_top_are_read(tmp_path):
    weights = random_weights()
    top = {"fc1": [np.zeros((8, 4), "float32"), np.zeros(4, "float32")]}
    path = write_weights(tmp_path / "with_top.h5", keras_layout(weights) | top)
    assert_has_weights(build_descriptor(LAYERS, weights=path), weights)


@pytest.mark.filterwarnings("ignore")  # Keras dislikes its older format
@pytest.mark.parametrize("name", ["whole_model.h5", "whole_model.keras"])
def test_whole_models_are_read(tmp_path, name):
    weights = random_weights()
    sequential(weights).save(tmp_path / name)
    assert_has_weights(build_descriptor(LAYERS, weights=tmp_path / name), weights)


def test_a_saved_descriptor_is_read(tmp_path):
    weights = random_weights()
    first = build_descriptor(LAYERS, weights=write_weights(tmp_path / "a.h5", weights))
    save_model(first, tmp_path / "b.keras")
    assert_has_weights(build_descriptor(LAYERS, weights=tmp_path / "b.keras"), weights)


def test_bfloat16_variables_take_rounded_weights(tmp_path):
    weights = random_weights()
    model = build_descriptor(LAYERS, weights=write_weights(tmp_path / "a.h5", weights), dtype="bfloat16")
    kernel = np.asarray(ops.convert_to_numpy(ops.cast(model.get_layer("conv1_2").kernel, "float32")))
    np.testing.assert_allclose(kernel, weights["conv1_2"][0], rtol=2**-8)


def damage(weights, kind):
    kernel, bias = weights["conv1_2"]
    changes = {
        "theano order": [kernel.transpose(3, 2, 0, 1), bias],
        "narrow": [kernel[..., :32], bias[:32]],
        "without bias": [kernel],
        "integers": [kernel.astype("int32"), bias],
        "zeros": [np.zeros_like(kernel), bias],
        "equal": [np.full_like(kernel, -0.05), bias],
        "denormal": [kernel * np.float32(1e-40), bias],
    }
    return weights | {"conv1_2": changes[kind]}


@pytest.mark.parametrize("kind", ["theano order", "narrow", "without bias", "integers", "zeros", "equal", "denormal"])
def test_other_weights_are_refused_with_their_layer(tmp_path, kind):
    path = write_weights(tmp_path / "bad.h5", damage(random_weights(), kind))
    with pytest.raises(UserError) as error:
        build_descriptor(LAYERS, weights=path)
    assert str(path) in str(error.value)
    assert "layer conv1_2" in str(error.value)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_web_page_is_refused(tmp_path, suffix):
    path = tmp_path / f"page{suffix}"
    path.write_text("<!DOCTYPE html><html><body>404</body></html>")
    with pytest.raises(UserError, match=r"not an HDF5, \.keras, PyTorch or safetensors file"):
        build_descriptor(LAYERS, weights=path)


def test_files_that_hold_nothing_are_refused_with_the_reason(tmp_path):
    (tmp_path / "empty.h5").touch()
    with h5py.File(tmp_path / "dataset.h5", "w") as file:
        file["model_weights"] = np.zeros(2)
    for name, reason in (("empty.h5", "the file is empty"), ("dataset.h5", "model_weights is not a group of layers")):
        with pytest.raises(UserError, match=rf"{name}: {reason}$"):
            build_descriptor(LAYERS, weights=tmp_path / name)


def test_a_truncated_file_is_refused(tmp_path):
    path = write_weights(tmp_path / "whole.h5", random_weights())
    (tmp_path / "half.h5").write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(UserError, match=r"half\.h5"):
        build_descriptor(LAYERS, weights=tmp_path / "half.h5")


def test_the_weights_of_another_network_are_refused(tmp_path):
    weights = {"dense": [np.zeros((2, 2), "float32"), np.zeros(2, "float32")]}
    with pytest.raises(UserError, match=r"it has no layer conv1_1 or block1_conv1 \(its layers: dense"):
        build_descriptor(LAYERS, weights=write_weights(tmp_path / "other.h5", weights))


def external_link(file, name):
    file[name] = h5py.ExternalLink("/etc/hostname", "x")


def soft_loop(file, name):
    file[name] = h5py.SoftLink(f"/{name}")


def group_in_itself(file, name):
    file.create_group(name)["again"] = file["/"]


def virtual(file, name):
    layout = h5py.VirtualLayout((2, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (2, 2))
    file.create_virtual_dataset(name, layout)


def external_values(file, name):
    file.create_dataset(name, (2, 2), "f4", external=[("/etc/hostname", 0, 16)])


def bomb(file, name):
    file.create_dataset(name, (100_000, 100_000), "f4", chunks=(1000, 1000), compression="gzip")


HARMFUL = {
    external_link: "an external link",
    soft_loop: "a soft link",
    group_in_itself: "within themselves",
    virtual: "is virtual",
    external_values: "is in another file",
    bomb: "takes more memory than a file of this size can need",
}


@pytest.mark.parametrize("place", ["conv1_2/conv1_2_W_1:0", "conv1_2", "elsewhere"])
@pytest.mark.parametrize("make", HARMFUL, ids=lambda make: make.__name__)
def test_what_leads_out_of_the_file_is_refused(tmp_path, make, place):
    path = write_weights(tmp_path / "bad.h5", random_weights())
    with h5py.File(path, "r+") as file:
        if place in file:
            del file[place]
        make(file, place)
    with pytest.raises(UserError, match=rf"bad\.h5: .*{HARMFUL[make]}"):
        build_descriptor(LAYERS, weights=path)


@pytest.mark.parametrize(
    ("value", "told"),
    [(np.nan, "contains NaN"), (np.inf, "contains infinite values"), (-2e10, r"contains 2e\+10, beyond 1e\+10")],
)
def test_weights_that_are_no_sound_numbers_are_refused_with_their_layer(tmp_path, value, told):
    weights = random_weights()
    weights["conv1_2"][0][1, 1, 5, 5] = value
    with pytest.raises(UserError, match=rf"bad\.h5: layer conv1_2 {told}"):
        build_descriptor(LAYERS, weights=write_weights(tmp_path / "bad.h5", weights))


def load_damaged(path, good, generator, count):
    for _ in range(count):
        path.write_bytes(damaged_bytes(good, generator))
        try:
            build_descriptor(LAYERS, weights=path)
        except UserError as error:
            assert str(path) in str(error)  # noqa: PT017  some damage is refused, some loads


def test_damaged_files_are_refused_or_loaded(tmp_path):
    good = write_weights(tmp_path / "good.h5", random_weights()).read_bytes()
    load_damaged(tmp_path / "bad.h5", good, random.Random(1), 50)


@pytest.mark.slow
def test_many_damaged_files_are_refused_or_loaded(tmp_path):
    good = write_weights(tmp_path / "good.h5", random_weights()).read_bytes()
    load_damaged(tmp_path / "bad.h5", good, random.Random(2), 2000)
