"""What holds for every registered generator, in both modes."""

import subprocess
import sys
from functools import cache

import keras
import numpy as np
import pytest
from conftest import ROOT
from support.backends import cases

from errors import ArgumentError
from model.generators.registry import GENERATORS, build_generator
from model.noise import draw_noise, takes_noise
from model.saving import load_model, save_model

# Small and shallow: quick, and no map so small that its variance is near 0, which blows rounding up.
NARROW = {
    "hourglass": {"widths": (4, 6, 8), "inner_blocks": 1},
    "johnson": {"widths": (4, 6, 8), "blocks": 2},
    "pyramid": {"scales": 3, "filters": 4},
    "skip_unpool": {"widths": (4, 8)},
}
# One size wherever the size does not matter: jax compiles every operation for each size that it meets.
HEIGHT, WIDTH = 32, 48
MODES = ("style", "texture")
# Beyond this part of the largest gradient lies what is left of numbers that should cancel; true gradients of
# these networks are above 5e-4 of it.
ROUNDING = 1e-5

every_generator = pytest.mark.parametrize("name", GENERATORS)
every_mode = pytest.mark.parametrize("mode", MODES)


def build(name, **options):
    """Return the narrow generator with all weights random, so that no gradient vanishes by symmetry."""
    model = build_generator(name, **NARROW[name], **options)
    rng = np.random.default_rng(5)
    for weight in model.trainable_weights:
        noise = rng.normal(size=weight.shape)
        is_kernel = noise.ndim > 1
        weight.assign(noise * np.sqrt(2 / np.prod(noise.shape[:3])) if is_kernel else weight + 0.3 * noise)
    return model


@cache
def built(name, mode="style"):
    """Return a generator that tests share and do not change."""
    return build(name, mode=mode)


def apply(model, x, **options):
    return keras.ops.convert_to_numpy(model(x, **options))


def random_input(batch=1, height=HEIGHT, width=WIDTH, channels=3, *, seed=0):
    return np.random.default_rng(seed).random((batch, height, width, channels), dtype=np.float32)


def gradients(model):
    """Return the gradient of a squared error for every trainable weight, by name.

    One step of plain descent at rate 1 moves each weight by it, on every backend.
    """
    model.compile(
        optimizer=keras.optimizers.SGD(1.0),
        loss=lambda wanted, y: keras.ops.sum((wanted - y) ** 2),
        # On jax one compilation of all is quicker than one for each operation.
        jit_compile=keras.backend.backend() == "jax",
    )
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]
    model.train_on_batch(random_input(), random_input(seed=1))
    return {
        weight.path: old - keras.ops.convert_to_numpy(weight)
        for old, weight in zip(before, model.trainable_weights, strict=True)
    }


def test_every_registered_generator_is_tested():
    assert set(NARROW) == set(GENERATORS)


@pytest.mark.parametrize("mode", cases(MODES, on_all=["style"]))
@every_generator
def test_picture_has_the_size_of_the_input(name, mode):
    y = apply(built(name, mode), random_input(2, 37, 53))
    assert y.shape == (2, 37, 53, 3)
    assert y.dtype == np.float32
    assert np.isfinite(y).all()
    assert 0.0 <= y.min() < y.max() <= 1.0


@every_mode
@every_generator
def test_full_generator_takes_any_size(name, mode):
    model = build_generator(name, mode=mode)
    for size in [(1, 70, 33), (2, 8, 8), (1, 32, 64)]:
        y = apply(model, random_input(*size))
        assert y.shape == (*size, 3)
        assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("mode", "normalization"),
    [
        pytest.param("style", "instance", marks=pytest.mark.backends),
        ("style", "batch"),
        ("texture", "instance"),
    ],
)
@every_generator
def test_every_weight_has_a_gradient(name, mode, normalization):
    found = gradients(build(name, mode=mode, normalization=normalization))
    largest = {path: np.abs(gradient).max() for path, gradient in found.items()}
    assert all(np.isfinite(gradient).all() for gradient in found.values())
    assert {path for path, size in largest.items() if size < ROUNDING * max(largest.values())} == set()


@every_generator
def test_redundant_shifts_have_no_gradient_and_no_effect(name):
    model = build(name, redundant_shifts=True)
    shifts = {w.path for w in model.trainable_weights} - {w.path for w in built(name).trainable_weights}
    x = random_input()
    before = apply(model, x)
    for weight in model.trainable_weights:
        if weight.path in shifts:
            weight.assign(weight + 1.0)
    np.testing.assert_allclose(apply(model, x), before, atol=2e-4)
    found = gradients(model)
    limit = ROUNDING * max(np.abs(gradient).max() for gradient in found.values())
    assert shifts
    assert max(np.abs(found[path]).max() for path in shifts) < limit


@every_mode
@every_generator
def test_saved_generator_is_the_same_after_loading(name, mode, tmp_path):
    model = built(name, mode)
    save_model(model, tmp_path / "generator.keras")
    loaded = load_model(tmp_path / "generator.keras")
    x = random_input()
    np.testing.assert_allclose(apply(loaded, x), apply(model, x), atol=1e-6)
    assert takes_noise(loaded) == (mode == "texture")
    assert loaded.name == f"{name}_{mode}"


@every_generator
def test_compiled_prediction_serves_several_sizes(name):
    model = built(name)
    for size in [(2, 32, 32), (1, 34, 41)]:
        x = random_input(*size)
        np.testing.assert_allclose(model.predict_on_batch(x), apply(model, x), atol=1e-4)


@pytest.mark.parametrize("name", cases(GENERATORS, on_all=["johnson"]))
def test_mixed_precision_returns_float32_near_the_full_result(name):
    full = build(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build(name)
    finally:
        keras.config.set_dtype_policy("float32")
    x = random_input()
    y = apply(mixed, x)
    assert y.dtype == np.float32
    exact = apply(full, x)
    assert 0.0 < np.abs(y - exact).mean() < 0.3 * exact.std()


@every_generator
def test_pictures_of_a_batch_do_not_influence_each_other(name):
    x = random_input(3)
    whole = apply(built(name), x)
    np.testing.assert_allclose(apply(built(name), x[1:2]), whole[1:2], atol=2e-4)


def seam(model):
    """Return how much changes, beyond the place, when the noise is shifted around the edge."""
    x = draw_noise(model, HEIGHT, WIDTH, seed=3)
    shift = {"shift": (HEIGHT // 2, WIDTH // 2), "axis": (1, 2)}
    return np.abs(apply(model, np.roll(x, **shift)) - np.roll(apply(model, x), **shift)).max()


@pytest.mark.backends
@every_generator
def test_textures_have_no_seam_where_they_repeat(name):
    assert seam(built(name, "texture")) < 1e-3
    assert seam(build(name, mode="texture", padding="replication")) > 0.05


@pytest.mark.backends
@every_generator
def test_texture_is_a_function_of_its_noise(name):
    model = built(name, "texture")
    first, again, other = (draw_noise(model, HEIGHT, WIDTH, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert 0.0 <= first.min() < 0.01
    assert 0.99 < first.max() < 1.0
    assert np.abs(apply(model, first) - apply(model, other)).mean() > 0.05


@every_generator
def test_noise_depth_is_the_texture_modes_input(name):
    model = build(name, mode="texture", noise_depth=5)
    noise = draw_noise(model, 20, 28, seed=0, batch=2)
    assert noise.shape == (2, 20, 28, 5)
    assert apply(model, noise).shape == (2, 20, 28, 3)


@pytest.mark.backends
@every_generator
def test_noise_beside_the_picture_is_new_in_training_alone(name, tmp_path):
    model = build(name, noise_depth=2)
    x = random_input()
    assert not takes_noise(model)
    still = apply(model, x)
    np.testing.assert_array_equal(apply(model, x), still)
    drawn = [apply(model, x, training=True) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).mean() > 0.01
    save_model(model, tmp_path / "generator.keras")
    np.testing.assert_allclose(apply(load_model(tmp_path / "generator.keras"), x), still, atol=1e-6)


@every_generator
def test_vgg_output_is_not_clipped(name):
    model = build(name, output="vgg")
    model.get_layer("last_conv").bias.assign([200.0, 0.0, -200.0])
    y = apply(model, random_input()).mean(axis=(0, 1, 2))
    mean = np.array([123.68, 116.779, 103.939])
    np.testing.assert_allclose(y, (mean + np.array([-200.0, 0.0, 200.0])) / 255.0, atol=0.05)


def test_zero_padding_at_the_strided_convolutions_changes_the_border_alone():
    x = random_input()
    models = [build("johnson", strided_padding=padding) for padding in ("replication", "zero")]
    first = [keras.Model(m.input, m.get_layer("down1_conv").output) for m in models]
    change = np.abs(apply(first[0], x) - apply(first[1], x)).max(axis=(0, 3))
    assert change[0].min() > 0
    assert change[:, 0].min() > 0
    assert change[1:, 1:].max() == 0


def lattice(model):
    """Return by how much the four pixels of the squares differ, in the middle of an even picture's result."""
    y = apply(model, np.full((1, HEIGHT, WIDTH, 3), 0.5, np.float32))[0, 8:-8, 8:-8]
    squares = y.reshape(y.shape[0] // 4, 4, y.shape[1] // 4, 4, 3).mean(axis=(0, 2))
    return np.ptp(squares, axis=(0, 1)).max()


@pytest.mark.parametrize("name", ["johnson", "hourglass"])
def test_enlargement_by_nearest_pixels_prints_no_lattice_on_even_areas(name):
    # With batch normalisation: instance normalisation makes noise of rounding errors where nothing varies.
    options = {"enlargement": "nearest"} if name == "johnson" else {}
    assert lattice(build(name, normalization="batch", **options)) < 1e-5
    assert lattice(build("johnson", normalization="batch")) > 1e-2


def conditional(styles=("a", "b", "c")):
    """Return a narrow hourglass of several styles, with random weights."""
    return build("hourglass", styles=styles)


def test_a_mirrored_border_is_that_of_numpy():
    plain, bordered = build("hourglass"), build("hourglass", mirrored_border=16)
    bordered.set_weights(plain.get_weights())
    x = random_input()[:, :13]
    extended = apply(plain, np.pad(x, ((0, 0), (16, 16), (16, 16), (0, 0)), mode="symmetric"))
    np.testing.assert_allclose(apply(bordered, x), extended[:, 16:-16, 16:-16], atol=1e-5)
    assert apply(bordered, x[:, :1, :1]).shape == (len(x), 1, 1, 3)


@pytest.mark.backends
def test_one_style_of_several_is_the_network_of_its_factors_and_offsets():
    model, single = conditional(), build("hourglass")
    for layer in single.layers:
        weights = model.get_layer(layer.name).get_weights()
        layer.set_weights([w[1] for w in weights] if layer.name.endswith("norm") else weights)
    x = random_input(2)
    one = apply(model, [x, np.float32([[0, 1, 0], [0, 1, 0]])])
    np.testing.assert_allclose(one, apply(single, x), atol=1e-4)


@pytest.mark.backends
def test_every_picture_of_a_batch_has_its_own_style(tmp_path):
    model, x = conditional(), random_input()
    styles = np.float32([[1, 0, 0], [0, 0, 1], [0.5, 0.25, 0.25]])
    whole = apply(model, [np.repeat(x, 3, axis=0), styles])
    for i in range(3):
        np.testing.assert_allclose(apply(model, [x, styles[i : i + 1]]), whole[i : i + 1], atol=2e-4)
    assert np.abs(whole[0] - whole[1]).mean() > 0.01
    save_model(model, tmp_path / "generator.keras")
    np.testing.assert_allclose(apply(load_model(tmp_path / "generator.keras"), [x, styles[:1]]), whole[:1], atol=1e-6)
    assert [tensor.name for tensor in model.inputs] == ["image", "style"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("jonson", {}, "unknown generator 'jonson'; did you mean 'johnson'"),
        ("johnson", {"width": 3}, "unknown option of johnson 'width'; did you mean 'widths'"),
        ("skip_unpool", {"blocks": 3}, "unknown option of skip_unpool 'blocks'"),
        ("pyramid", {"mode": "textur"}, "unknown mode 'textur'; did you mean 'texture'"),
        ("pyramid", {"normalization": "layer"}, "unknown normalization 'layer'"),
        ("pyramid", {"padding": "reflect"}, "unknown padding 'reflect'"),
        ("pyramid", {"output": "tanh"}, "unknown output 'tanh'"),
        ("pyramid", {"scales": 0}, "scales must be at least 1, not 0"),
        ("pyramid", {"noise_depth": -1}, "noise_depth must be at least 0 in style mode, not -1"),
        ("johnson", {"mode": "texture", "noise_depth": 0}, "noise_depth must be at least 1 in texture mode"),
        ("johnson", {"strided_padding": "same"}, "unknown strided_padding 'same'"),
        ("johnson", {"last_kernel_size": 4}, "last_kernel_size must be odd, not 4"),
        ("johnson", {"widths": ()}, "widths must be"),
        ("johnson", {"enlargement": "neerest"}, "unknown enlargement 'neerest'; did you mean 'nearest'"),
        ("hourglass", {"widths": (8, 8)}, "widths must be 3 numbers of filters"),
        ("hourglass", {"outer_blocks": 0}, "outer_blocks must be at least 1, not 0"),
        ("hourglass", {"styles": ("a", "a")}, "styles must be names, none twice"),
        ("hourglass", {"styles": "ab"}, "styles must be names, none twice, not 'ab'"),
        ("hourglass", {"styles": ("a", "b"), "normalization": "batch"}, "normalization must be instance"),
        ("skip_unpool", {"widths": (8, 0)}, "widths must be"),
    ],
)
def test_wrong_options_are_named(name, options, message):
    with pytest.raises(ArgumentError) as error:
        build_generator(name, **options)
    assert message in str(error.value)


def test_names_are_listed_without_keras():
    code = "import sys, model.generators.registry; print(sorted({'keras', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
