"""One network of several styles: its targets take turns in a batch, and each style learns its own normalisations."""

import keras
import numpy as np
import pytest
from support.training_cases import make_inputs, read_history, small_settings

import texture_nets
from errors import ArgumentError, UserError
from images.writing import write_image
from losses.texture import GramComparison
from losses.total_variation import TotalVariation
from model.saving import load_model
from model.styles import style_names
from optimize.value_and_grad import compile_value_and_grad
from pipelines.training.files import read_styles
from pipelines.training.plan import plan_training
from pipelines.training.run import make_model
from pipelines.training.train import train_generator


def several(folder, output, **options):
    if not (folder / "photos").exists():
        make_inputs(folder)
        write_image(folder / "dots.png", np.random.default_rng(8).random((48, 48, 3), np.float32))
    own = {"style_image": (folder / "style.png", folder / "dots.png"), "model": "hourglass", "batch_size": 2}
    return small_settings(folder, output, **(own | options))


@pytest.mark.backends
def test_targets_take_turns_in_a_batch():
    random = np.random.default_rng(0)
    features = random.random((4, 5, 6, 3), np.float32)
    targets = [np.cov(random.random((3, 9))) for _ in range(2)]
    each = [GramComparison(targets[i % 2])(features[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(GramComparison(np.stack(targets))(features), np.mean(each), rtol=1e-5)
    images = random.random((4, 8, 9, 3), np.float32)
    each = [TotalVariation([0.5, 2.0][i % 2]).terms(images[i : i + 1])[""] for i in range(4)]
    np.testing.assert_allclose(TotalVariation([0.5, 2.0]).terms(images)[""], np.mean(each), rtol=1e-5)


@pytest.mark.backends
def test_roughness_relative_to_styles_in_turn_has_a_gradient():
    images = np.random.default_rng(0).random((4, 8, 9, 3), np.float32)

    def gradient(relative_to, batch):
        found = compile_value_and_grad(TotalVariation(relative_to))(batch).gradient
        return keras.ops.convert_to_numpy(found)

    each = [gradient([0.5, 2.0][i % 2], images[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(gradient([0.5, 2.0], images), np.concatenate(each) / 4, rtol=1e-4, atol=1e-8)


def test_initial_generator_of_another_number_of_styles_is_refused_with_its_number(tmp_path):
    """Its message named only options that were right."""
    reason = r"the number of styles must be those that it was trained with \(it has 10 styles\)"
    with pytest.raises(UserError, match=reason):
        train_generator(several(tmp_path, tmp_path / "out", initial_generator="gallery"))


@pytest.mark.parametrize(("batch_size", "viewed"), [(2, [0, 1]), (4, [0, 1]), (6, [0, 1, 4, 5])])
def test_every_style_learns_to_be_steady(tmp_path, batch_size, viewed):
    settings = several(tmp_path, tmp_path / "out", batch_size=batch_size, consistency_weight=1.0, precision="float32")
    styles = read_styles(settings)
    model = make_model(plan_training(settings, tuple(styles)), list(styles.values()))
    model.batch_shape = (batch_size, 32, 32, 3)
    assert model.viewed.tolist() == viewed
    batch = np.random.default_rng(0).random((batch_size, 32, 32, 8), np.float32)
    pictures = keras.ops.convert_to_numpy(model(batch))
    for number, picture in zip(viewed, pictures[batch_size:], strict=True):
        style = np.eye(2, dtype=np.float32)[[number % 2]]
        alone = model.generator([batch[number : number + 1, ..., 3:6], style])
        np.testing.assert_allclose(picture, keras.ops.convert_to_numpy(alone)[0], atol=1e-5)


@pytest.fixture(scope="module")
def two_iterations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return folder, train_generator(several(folder, folder / "out", num_iterations=2))


def test_every_style_learns_and_the_file_knows_their_names(two_iterations):
    folder, report = two_iterations
    network = load_model(report.generator)
    assert style_names(network) == ("style", "dots")
    gammas = [layer.get_weights()[0] for layer in network.layers if layer.name.endswith("_norm")]
    assert all(np.abs(first - second).max() > 0 for first, second in gammas)
    photo = np.random.default_rng(1).random((32, 40, 3), np.float32)
    both = [texture_nets.stylize(photo, report.generator, style={name: 1}) for name in ("style", "dots")]
    assert np.abs(both[0] - both[1]).max() > 1e-4
    assert list((folder / "out" / "previews").glob("*.png"))


def test_a_run_goes_on_with_the_same_styles_alone(two_iterations):
    folder, _ = two_iterations
    swapped = (folder / "dots.png", folder / "style.png")
    with pytest.raises(ArgumentError, match=r"different values of `style_image` \(style dots\): use"):
        train_generator(several(folder, folder / "out", num_iterations=3, style_image=swapped))
    report = train_generator(several(folder, folder / "out", num_iterations=3))
    assert (report.resumed_from, report.iterations) == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 3}, "`batch_size` 3: must be a multiple of the number of styles, 2"),
        ({"model": "johnson"}, "several styles need `model` hourglass and `mode` style"),
    ],
)
def test_what_several_styles_need(tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        train_generator(several(tmp_path, tmp_path / "out", **options))


def test_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    write_image(tmp_path / "other" / "style.png", np.zeros((48, 48, 3), np.float32))
    images = (tmp_path / "style.png", tmp_path / "other" / "style.png")
    with pytest.raises(ArgumentError, match="styles are named after their files"):
        train_generator(several(tmp_path, tmp_path / "out", style_image=images))


@pytest.fixture(scope="module")
def added(two_iterations):
    """Return the network of two styles, and the report of a run that adds a third."""
    folder, report = two_iterations
    write_image(folder / "lines.png", np.tile(np.float32([0.1, 0.9]), (48, 24))[..., None].repeat(3, axis=2))
    return folder, report.generator, train_generator(adding(folder, report.generator, folder / "added"))


def adding(folder, network, output, **options):
    own = {
        "add_style": network,
        "style_image": (folder / "lines.png",),
        "batch_size": 1,
        "num_iterations": 2,
        "model": None,
    }
    return several(folder, output, **(own | options))


def test_a_style_is_added_and_the_others_stay(added):
    folder, before, report = added
    assert style_names(load_model(report.generator)) == ("style", "dots", "lines")
    photo = np.random.default_rng(1).random((32, 40, 3), np.float32)

    def stylized(network, **style):
        return texture_nets.stylize(photo, network, style=style)

    np.testing.assert_allclose(stylized(report.generator, dots=1), stylized(before, dots=1), atol=1e-6)
    mean = stylized(before, style=1, dots=1)
    assert np.abs(stylized(report.generator, lines=1) - mean).max() > 1e-4
    assert {"loss", "content", "style"} <= set(read_history(folder / "added")[0])


def test_an_interrupted_addition_ends_like_an_uninterrupted_one(added):
    folder, network, whole = added
    train_generator(adding(folder, network, folder / "halves", num_iterations=1))
    report = train_generator(adding(folder, network, folder / "halves"))
    assert report.resumed_from == 1
    for first, second in zip(*(load_model(r.generator).get_weights() for r in (whole, report)), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_style_is_added_in_memory(added):
    folder, network, _ = added
    lines = np.tile(np.float32([0.1, 0.9]), (48, 24))[..., None].repeat(3, axis=2)
    options = {"add_style": network, "weights": folder / "vgg.keras", "image_size": 32, "num_iterations": 1}
    layers = {"style_layers": ("relu1_1",), "content_layers": ("relu2_1",), "style_size": 0}
    trained = texture_nets.train({"new": lines}, [lines], **options, **layers)
    assert style_names(trained) == ("style", "dots", "new")
    with pytest.raises(ArgumentError, match="`add_style` needs the style's name"):
        texture_nets.train(lines, [lines], **options, **layers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_image": ("a.png", "b.png")}, "`add_style` needs `mode` style and one `style_image`"),
        ({"mode": "texture"}, "`add_style` needs `mode` style and one `style_image`"),
        ({"initial_generator": "wave"}, "`add_style` and `initial_generator` exclude each other"),
        ({"add_style": "wave"}, "`add_style` wave: it has one style; a network with several styles is needed"),
        ({"add_style": "nowhere"}, "unknown model 'nowhere'"),
    ],
)
def test_what_an_added_style_needs(added, tmp_path, options, message):
    folder, network, _ = added
    with pytest.raises(UserError, match=message):
        train_generator(adding(folder, network, tmp_path / "out", **options))


def test_a_style_of_that_name_is_not_added(added, tmp_path):
    folder, network, _ = added
    with pytest.raises(ArgumentError, match=r"already has a style 'dots'; its styles are style, dots"):
        train_generator(adding(folder, network, tmp_path / "out", style_image=(folder / "dots.png",)))
