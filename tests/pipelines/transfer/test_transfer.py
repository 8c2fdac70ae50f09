"""Style transfer from the first picture to the last, at sizes of seconds."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from support.transfer_cases import make_inputs, read_trace, small_settings

from errors import ArgumentError, UserError
from images.errors import ImageError
from images.reading import read_image
from images.writing import MAX_SIDE, write_image
from pipelines.transfer import resources as transfer_resources
from pipelines.transfer.files import TransferFiles
from pipelines.transfer.inputs import read_inputs
from pipelines.transfer.plan import plan_scales, plan_transfer
from pipelines.transfer.settings import INITS
from pipelines.transfer.start import first_picture
from pipelines.transfer.transfer import transfer


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def run(inputs, folder, observers=(), resume=False, **changes):
    return transfer(small_settings(inputs, folder / "out.png", **changes), observers, resume=resume)


@pytest.mark.backends
def test_run_goes_through_the_scales_and_lowers_the_loss(inputs, tmp_path):
    seen = []
    report = run(inputs, tmp_path, [seen.append], initial_iterations=20, iterations=4)
    assert report.size == (40, 60)
    assert [progress.size for progress in seen] == [(20, 30)] * 20 + [(28, 42)] * 4 + [(40, 60)] * 4
    assert seen[19].loss < 0.7 * seen[0].loss
    assert seen[-1].iterations == seen[-1].max_iterations == 28
    assert seen[-1].work_left == 0
    assert all(first.work_left > second.work_left for first, second in itertools.pairwise(seen))
    trace = read_trace(tmp_path)
    assert [iterate["loss"] for iterate in trace] == [progress.loss for progress in seen]
    for iterate in trace:
        assert iterate["loss"] == pytest.approx(sum(iterate["terms"].values()), rel=1e-4)
    assert trace[-1]["terms"] == report.terms
    assert set(report.terms) == {"content/relu2_1", "style/relu1_1", "style/relu2_1", "total_variation"}
    # The saved picture is the average that observers see, and nothing but it and the trace is left.
    assert np.abs(read_image(tmp_path / "out.png").pixels - seen[-1].frames()[0]).max() <= 0.5 / 255 + 1e-6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "trace.json"]


@pytest.mark.backends
def test_the_processor_has_one_name_on_all_backends(inputs, tmp_path):
    losses = [
        run(inputs, tmp_path, devices=devices, end_scale=30, initial_iterations=2).loss for devices in ((), ("cpu:0",))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    with pytest.raises(ArgumentError, match=r"unknown `devices` 'cpu:9'.*known: .*cpu:0"):
        run(inputs, tmp_path, devices=("cpu:9",))


def test_average_without_memory_is_the_last_iterate(inputs, tmp_path):
    iterates = []
    run(inputs, tmp_path, [lambda progress: iterates.append(progress.frames())], avg_decay=0.0, end_scale=30)
    # Without memory the average is the iterate itself.
    final = read_image(tmp_path / "out.png").pixels
    assert np.abs(final - iterates[-1][0]).max() <= 0.5 / 255 + 1e-6
    assert not np.allclose(iterates[-1], iterates[-2])


@pytest.mark.parametrize("changes", [{}, {"optimizer": "lbfgs"}, {"style_loss": "gram", "keep_colors": True}])
def test_interrupted_run_goes_on_as_if_nothing_had_happened(inputs, tmp_path, changes):
    class Killed(Exception):
        pass

    def kill(progress):
        if progress.iterations == 8:
            raise Killed

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = run(inputs, whole, **changes)
    # Only what was saved at iteration 6 is there after the power went off.
    save = TransferFiles.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            TransferFiles, "save", lambda self, state, *rest: state.iterations % 3 or save(self, state, *rest)
        )
        with pytest.raises(Killed):
            run(inputs, broken, [kill], **changes)
    report = run(inputs, broken, resume=True, **changes)
    assert report.iterations == expected.iterations
    assert report.loss == pytest.approx(expected.loss, rel=1e-4)
    np.testing.assert_allclose(report.picture, expected.picture, atol=1e-3)
    assert len(read_trace(broken)) == len(read_trace(whole)) == 14


def test_what_cannot_be_resumed_is_told(inputs, tmp_path):
    with pytest.raises(UserError, match="no saved state to resume from"):
        run(inputs, tmp_path, resume=True, descriptor="vgg19", data_dir=tmp_path)  # before weights are looked for

    def stop(progress):
        if progress.iterations == 2:
            raise StopIteration

    assert run(inputs, tmp_path, [stop]).stopped
    with pytest.raises(UserError, match="different values of `step_size`"):
        run(inputs, tmp_path, resume=True, step_size=0.5)
    state = tmp_path / "out.png.state.npz"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        run(inputs, tmp_path, resume=True)


def test_changed_picture_is_not_resumed(inputs, tmp_path):
    def stop(progress):
        raise StopIteration

    style = tmp_path / "style.png"
    style.write_bytes((inputs / "style.png").read_bytes())
    run(inputs, tmp_path, [stop], styles=(style,))
    style.write_bytes((inputs / "other.png").read_bytes())
    with pytest.raises(UserError, match=r"different values of `styles` \(style 1 changed\)"):
        run(inputs, tmp_path, resume=True, styles=(style,))


def test_ctrl_c_saves_the_averaged_picture(inputs, tmp_path):
    frames = []

    def interrupt(progress):
        frames.append(progress.frames()[0])
        if progress.iterations == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(inputs, tmp_path, [interrupt], save_every=100)
    assert np.abs(read_image(tmp_path / "out.png").pixels - frames[-1]).max() <= 0.5 / 255 + 1e-6
    assert (tmp_path / "out.png.state.npz").exists()


def test_evaluation_in_segments_and_strips_is_that_of_the_whole(inputs, tmp_path, monkeypatch):
    masks = ((inputs / "left.png", inputs / "right.png"), (inputs / "right.png", inputs / "left.png"))
    settings = small_settings(
        inputs,
        tmp_path / "out.png",
        styles=(inputs / "style.png", inputs / "other.png"),
        masks=masks,
        style_layers=("relu1_1", "conv1_2=2", "pool1", "relu2_1"),
        content_layers=("relu1_2", "relu2_1"),
        precision="float32",
    )
    given = read_inputs(settings)
    objectives = plan_transfer(settings, given).objective.build(given)
    size = (37, 45)
    picture = np.random.default_rng(1).random((1, *size, 3), dtype="float32")
    whole = objectives.compile(size)(picture)
    monkeypatch.setattr(transfer_resources, "MAX_PIXELS", 0)
    objectives.striped.strip_values = 8 * 64 * size[1]
    assert len(objectives.striped.strips(0, picture.shape)) > 2
    in_strips = objectives.compile(size)
    parts = in_strips(picture)
    found = {name: float(ops.convert_to_numpy(value)) for name, value in parts.terms.items()}
    assert found == pytest.approx(whole.term_values(), rel=1e-4)
    gradients = [ops.convert_to_numpy(evaluation.gradient) for evaluation in (whole, parts)]
    assert np.abs(gradients[0] - gradients[1]).max() <= 1e-4 * np.abs(gradients[0]).max()
    objectives.striped.folder = str(tmp_path)
    np.testing.assert_array_equal(ops.convert_to_numpy(in_strips(picture).gradient), gradients[1])


def test_masks_send_each_style_to_its_part(inputs, tmp_path):
    pattern = read_image(inputs / "style.png").pixels
    red, blue = (pattern * np.float32(color) for color in ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9)))
    write_image(tmp_path / "red.png", red)
    write_image(tmp_path / "blue.png", blue)
    white = tmp_path / "white.png"
    write_image(white, np.ones((4, 4, 3), np.float32))
    report = run(
        inputs,
        tmp_path,
        styles=(tmp_path / "red.png", tmp_path / "blue.png"),
        masks=((inputs / "left.png", white), (inputs / "right.png", white)),
        style_layers=("relu1_1",),
        content_weight=0.0,
        initial_iterations=60,
        end_scale=30,
        step_size=0.05,
    )
    pixels = read_image(report.output).pixels
    left, right = pixels[:, :13].mean((0, 1)), pixels[:, 17:].mean((0, 1))
    assert left[0] > left[2] + 0.2
    assert right[2] > right[0] + 0.2


@pytest.mark.parametrize("init", [*INITS, "file"])
def test_first_pictures(inputs, tmp_path, init):
    settings = small_settings(inputs, tmp_path / "o.png", init=inputs / "other.png" if init == "file" else init)
    given = read_inputs(settings)
    picture = first_picture(plan_transfer(settings, given), given, (64, 96))
    assert picture.shape == (1, 64, 96, 3)
    assert picture.dtype == np.float32
    assert 0 <= picture.min() <= picture.max() <= 1
    style = read_image(inputs / "style.png").pixels
    means = {"gray": 0.5, "uniform": 0.5, "normal": 0.5}
    deviations = {"gray": 0.0, "uniform": 12**-0.5, "normal": 0.22}
    if init in means:
        assert picture.mean() == pytest.approx(means[init], abs=0.01)
        assert picture.std() == pytest.approx(deviations[init], abs=0.01)
    if init == "style_stats":
        # Cut off at 0 and 1 the spread is smaller and the mean nearer to the middle.
        assert np.abs(picture.mean((0, 1, 2)) - style.mean((0, 1))).max() < 0.1


def test_the_statistics_of_a_style_of_one_pixel_are_its_colour(inputs, tmp_path):
    """One pixel has no unbiased variance, which was not a number."""
    color = np.array([0.2, 0.5, 0.7], np.float32)
    layers = {"style_layers": ("relu1_1",), "content_layers": ("relu1_1",)}
    settings = small_settings(inputs, tmp_path / "o.png", init="style_stats", **layers)
    given = replace(read_inputs(settings), styles=[color[None, None]])
    picture = first_picture(plan_transfer(settings, given), given, (8, 12))
    assert np.abs(picture - color).max() < 1e-4


def test_same_seed_same_picture_other_seed_another(inputs, tmp_path):
    pictures = []
    for seed in (0, 0, 1):
        run(inputs, tmp_path, init="uniform", random_seed=seed, end_scale=30)
        pictures.append((tmp_path / "out.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_sizes(inputs, tmp_path):
    settings = small_settings(inputs, tmp_path / "o.png", end_scale="60+", min_scale=1000)
    given = read_inputs(settings)
    (scale,) = plan_scales(settings, given.content.shape[:2])
    height, width = scale.size
    assert height * width == pytest.approx(3600, rel=0.05)

    def size_of_style(size, **changes):
        changed = small_settings(inputs, tmp_path / "o.png", **changes)
        return plan_transfer(changed, given).objective.style_size((50, 44), size)

    assert size_of_style((40, 60), style_scale_fac=1.0) == (50, 44)
    assert size_of_style((40, 60), style_scale_fac=0.5) == (30, 26)
    assert size_of_style((400, 600), style_size=25) == (25, 22)


def test_pictures_that_are_too_small_are_refused(inputs, tmp_path):
    for changes, word in (({"min_scale": 1}, "content"), ({"style_size": 1}, "style")):
        with pytest.raises(ArgumentError, match=f"{word} is .* too small"):
            run(inputs, tmp_path, **changes)
    with pytest.raises(ArgumentError, match="all black"):
        run(inputs, tmp_path, masks=((inputs / "black.png", inputs / "left.png"),))
    assert not list(tmp_path.iterdir())


def test_a_size_that_the_format_of_the_output_cannot_hold_is_told_before_the_run(inputs, tmp_path, monkeypatch):
    monkeypatch.setitem(MAX_SIDE, "JPEG", 59)
    with pytest.raises(ImageError, match=r"a\.jpg: this format allows at most 59 pixels per side, not 60 x 40"):
        transfer(small_settings(inputs, tmp_path / "a.jpg"))
    assert not list(tmp_path.iterdir())


def test_keep_colors_keeps_the_chroma_of_the_content(inputs, tmp_path):
    run(inputs, tmp_path, keep_colors=True)
    result, content = read_image(tmp_path / "out.png").pixels, read_image(inputs / "content.png").pixels
    shift = result - content
    assert np.abs(shift - shift.mean(-1, keepdims=True)).max() <= 1.1 / 255
    assert np.abs(shift).max() > 0.01


def test_random_descriptor_and_bfloat16_run(inputs, tmp_path):
    small = {"end_scale": 30, "initial_iterations": 3}
    run(inputs, tmp_path, descriptor="random", style_layers=None, content_layers=None, weights=None, **small)
    exact = run(inputs, tmp_path, **small).loss
    assert run(inputs, tmp_path, precision="bfloat16", **small).loss == pytest.approx(exact, rel=0.05)
    arguments = json.loads((tmp_path / "trace.json").read_text())["arguments"]
    assert arguments["precision"] == "bfloat16"


def test_a_run_that_begins_at_its_minimum_ends_there(inputs, tmp_path):
    """A black picture in the style of a black picture: L-BFGS has no step to go."""
    black, sizes = inputs / "black.png", {"min_scale": 30, "end_scale": 30}
    report = run(inputs, tmp_path, content=black, styles=(black,), optimizer="lbfgs", style_loss="gram", **sizes)
    assert report.iterations == 0
    assert report.loss == pytest.approx(0, abs=1e-4)
    assert sum(report.terms.values()) == pytest.approx(report.loss)
    assert read_image(tmp_path / "out.png").pixels.max() == 0
