"""Whole syntheses, small ones: what they leave, and that each option does what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from keras import ops
from PIL import Image
from support.small_disk import largest_file
from support.synthesis_cases import LAYERS, make_inputs, read_progress, small_settings
from support.training_cases import write_descriptor_weights

from describe.gram import gram_matrix
from errors import ArgumentError, UserError
from images.errors import ImageError
from losses.pyramid import gaussian_pyramid
from model.descriptor import build_descriptor
from options import from_json, to_json
from pipelines.synthesis import objective as synthesis_objective
from pipelines.synthesis.folder.files import RunFolder
from pipelines.synthesis.settings import PRESETS, SynthesisSettings, resolve_layers
from pipelines.synthesis.synthesize import resume, synthesize
from tests.losses import torch_reference


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), dtype="float32") / 255


def gram_targets(inputs, settings, source):
    """Gram matrices of a source by octave and layer, from the descriptor alone."""
    descriptor = build_descriptor(
        settings.layers, weights=settings.weights, pooling=settings.pooling, rescale_pooling=False, padding="valid"
    )
    levels = gaussian_pyramid(ops.convert_to_tensor(source[np.newaxis]), settings.octaves)
    grams = [{name: gram_matrix(x)[0] for name, x in descriptor(level).items()} for level in levels]
    return [{name: ops.convert_to_numpy(gram) for name, gram in octave.items()} for octave in grams]


def relative_gram_losses(inputs, settings, picture, source):
    """The loss by term in NumPy, from Gram matrices."""
    found, targets = (gram_targets(inputs, settings, image) for image in (picture, source))
    return {
        f"texture/octave{i}/{name}": np.sum((found[i][name] - target) ** 2) / np.sum(target**2)
        for i, octave in enumerate(targets)
        for name, target in octave.items()
    }


def test_a_run_leaves_its_pictures_progress_and_command(inputs, tmp_path):
    output = tmp_path / "result.png"
    settings = small_settings(inputs, tmp_path / "runs", output=output)
    report = synthesize(settings)
    folder = report.folder
    assert folder.name == "out.Lrelu1_1,pool1.o2.40x32"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["command.json", "progress.jsonl", "loss.png", "state.npz", "final_F0000.png"]
        + [f"I{i:04d}_F0000.png" for i in (2, 4, 6)]
    )
    assert Image.open(folder / "final_F0000.png").size == (40, 32)
    np.testing.assert_array_equal(pixels(output), pixels(folder / "final_F0000.png"))
    lines = read_progress(folder)
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["evaluation"] == report.evaluations
    for line in lines:
        assert sum(line["terms"].values()) == pytest.approx(line["loss"], rel=1e-5)
    command = json.loads((folder / "command.json").read_text())
    assert command["arguments"]["random_seed"] == 0
    assert command["versions"]["keras"]
    assert to_json(from_json(SynthesisSettings, command["arguments"])) == to_json(settings)
    assert "ITERATIONS REACHED LIMIT" in report.message


def test_a_folder_is_called_by_the_number_of_layers_where_these_are_many(inputs, tmp_path, random_descriptor_file):
    layers = [f"{kind}{block}_{i}" for block in (1, 2, 3) for i in (1, 2) for kind in ("conv", "relu")]
    layers += ["pool1", "pool2", "conv3_3", "relu3_3"]
    size = {"octaves": 1, "output_width": 64, "output_height": 64}
    settings = small_settings(
        inputs, tmp_path, weights=random_descriptor_file, layers=tuple(layers), max_iter=1, output_prefix="many", **size
    )
    assert synthesize(settings).folder.name == "many.L16.o1.64x64"


@pytest.mark.backends
def test_the_reported_loss_is_that_of_the_saved_file(inputs, tmp_path):
    settings = small_settings(inputs, tmp_path, precision="bfloat16")
    report = synthesize(settings)
    expected = relative_gram_losses(inputs, settings, pixels(report.pictures[0]), pixels(inputs / "stones.png"))
    assert report.terms == pytest.approx(expected, rel=1e-4)
    assert report.loss == pytest.approx(sum(expected.values()), rel=1e-4)


def test_the_same_command_gives_the_same_picture_and_another_seed_another(inputs, tmp_path):
    first, second, other = (
        synthesize(small_settings(inputs, tmp_path, random_seed=seed, max_iter=3)) for seed in (0, 0, 1)
    )
    assert first.pictures[0].read_bytes() == second.pictures[0].read_bytes()
    assert second.folder.name == first.folder.name + ".0"
    assert first.pictures[0].read_bytes() != other.pictures[0].read_bytes()


def test_coarse_to_fine_grows_to_the_full_size(inputs, tmp_path):
    settings = small_settings(
        inputs, tmp_path, output_width=96, output_height=100, schedule="coarse-to-fine", max_iter=9, layers=("pool1",)
    )
    report = synthesize(settings)
    sizes = [tuple(line["size"]) for line in read_progress(report.folder)]
    assert list(dict.fromkeys(sizes)) == [(50, 48), (100, 96)]
    assert Image.open(report.pictures[0]).size == (96, 100)
    assert Image.open(report.folder / "I0002_F0000.png").size == (48, 50)
    assert report.iterations == 9


def test_a_size_that_the_format_of_the_output_cannot_hold_is_told_before_the_run(inputs, tmp_path):
    settings = small_settings(inputs, tmp_path / "runs", output=tmp_path / "a.webp", output_width=16384)
    with pytest.raises(ImageError, match=r"a\.webp: this format allows at most 16383 pixels per side, not 16384 x 32"):
        synthesize(settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("optimizer", ["l-bfgs-b", "lbfgs"])
def test_an_interrupted_run_goes_on_where_it_was(inputs, tmp_path, optimizer):
    settings = small_settings(inputs, tmp_path, max_iter=9, save_every=100, optimizer=optimizer)

    def interrupt(progress):
        if progress.iterations == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(settings, [interrupt])
    (folder,) = tmp_path.iterdir()
    assert (folder / "I0005_F0000.png").exists()
    assert not (folder / "final_F0000.png").exists()
    before = read_progress(folder)
    report = resume(folder)
    lines = read_progress(folder)
    assert lines[:5] == before
    assert [line["iteration"] for line in lines] == list(range(1, 10))
    assert lines[-1]["loss"] < lines[4]["loss"] * 1.001
    assert lines[-1]["seconds"] > lines[4]["seconds"]
    assert report.iterations == 9
    assert report.pictures[0].exists()


@pytest.mark.parametrize("other", ["2024", "{name}.0"])
def test_folders_beside_that_of_an_interrupted_run_do_not_hide_it(inputs, tmp_path, other):
    settings = small_settings(inputs, tmp_path / "first", max_iter=3)
    name = synthesize(settings).folder.name
    # A folder of the user's, or that of an earlier run before which the first one was removed.
    (tmp_path / "again" / other.format(name=name)).mkdir(parents=True)
    settings = replace(settings, output_dir=tmp_path / "again")

    def interrupt(progress):
        if progress.iterations == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(settings, [interrupt])
    lines = []
    report = synthesize(settings, note=lines.append)
    assert any("resuming at iteration 2" in line for line in lines)
    assert len(read_progress(report.folder)) == 3


def test_a_killed_run_loses_no_more_than_since_its_last_save(inputs, tmp_path):
    settings = small_settings(inputs, tmp_path, max_iter=8, save_every=3)
    report = synthesize(settings)
    progress = (report.folder / "progress.jsonl").read_text().splitlines(keepends=True)
    # As SIGKILL leaves it after iteration 5, in the middle of a line: the state is that of iteration 3.
    early = synthesize(small_settings(inputs, tmp_path, max_iter=3, save_every=3))
    (report.folder / "state.npz").write_bytes((early.folder / "state.npz").read_bytes())
    (report.folder / "progress.jsonl").write_text("".join(progress[:5]) + progress[5][:20])
    again = resume(report.folder)
    assert [line["iteration"] for line in read_progress(report.folder)] == list(range(1, 9))
    assert again.loss == pytest.approx(report.loss, rel=0.5)


def test_resuming_refuses_what_it_cannot_continue(inputs, tmp_path):
    with pytest.raises(UserError, match="not the folder of a synthesis"):
        resume(tmp_path)
    source = tmp_path / "source.png"
    source.write_bytes((inputs / "stones.png").read_bytes())
    report = synthesize(small_settings(inputs, tmp_path / "runs", source=(source,), max_iter=1))
    (report.folder / "state.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match="no saved state"):
        resume(report.folder)
    (report.folder / "state.npz").unlink()
    notes = []
    assert resume(report.folder, note=notes.append).iterations == 1
    assert f"{report.folder}: there is no saved state, so the run starts at its beginning" in notes
    source.write_bytes((inputs / "folder/a.png").read_bytes())
    with pytest.raises(UserError, match="missing or has changed"):
        resume(report.folder)
    (report.folder / "command.json").unlink()
    (report.folder / "command.json").mkdir()
    with pytest.raises(UserError, match=r": command\.json is damaged \(.*: a folder, not a file\); `restart`"):
        resume(report.folder)


@pytest.mark.parametrize("changed", ["guide 2", "weights", "source 2", "picture to start from"])
def test_resuming_refuses_files_that_have_changed(inputs, tmp_path, changed):
    sources = tmp_path / "sources"
    sources.mkdir()
    copies = {"source.png": "stones.png", "from.png": "source_mask.png", "to.png": "output_mask.png"}
    copies |= {"init.png": "stones.png", "vgg.keras": "vgg.keras", "sources/a.png": "folder/a.png"}
    for name, original in copies.items():
        (tmp_path / name).write_bytes((inputs / original).read_bytes())
    options = {"weights": tmp_path / "vgg.keras", "max_iter": 1, "init": tmp_path / "init.png"}
    if changed == "source 2":
        options |= {"source": (sources,)}
    else:
        options |= {"source": (tmp_path / "source.png",), "guide": (tmp_path / "from.png", tmp_path / "to.png")}
    report = synthesize(small_settings(inputs, tmp_path / "runs", **options))
    assert resume(report.folder).iterations == 1
    original, copy = {
        "guide 2": ("source_mask.png", "to.png"), "weights": (None, "vgg.keras"),
        "source 2": ("folder/b.png", "sources/b.png"), "picture to start from": ("folder/b.png", "init.png"),
    }[changed]  # fmt: skip
    if original is None:
        write_descriptor_weights(tmp_path / copy, np.random.default_rng(7))
    else:
        (tmp_path / copy).write_bytes((inputs / original).read_bytes())
    with pytest.raises(UserError, match=rf"not as when the run began: {changed} \(.*{copy}\)$"):
        resume(report.folder)


def test_an_observer_may_end_the_run_and_keeps_its_result(inputs, tmp_path):
    seen = []

    def observe(progress):
        seen.append(progress)
        if progress.iterations == 3:
            raise StopIteration

    report = synthesize(small_settings(inputs, tmp_path, max_iter=20), [observe])
    assert (report.stopped, report.iterations) == (True, 3)
    np.testing.assert_allclose(seen[-1].frames()[0], pixels(report.pictures[0]), atol=0.5 / 255 + 1e-6)
    assert [progress.iterations for progress in seen] == [1, 2, 3]


def test_pixels_stay_within_bounds_unless_asked_not_to(inputs, tmp_path):
    def states(bounds):
        report = synthesize(small_settings(inputs, tmp_path, bounds=bounds, max_iter=25))
        return np.load(report.folder / "state.npz")["optimizer_point"]

    bounded, free = states(True), states(False)
    assert 0 <= bounded.min() <= bounded.max() <= 1
    assert free.min() < 0 or free.max() > 1


def test_two_equal_sources_are_one(inputs, tmp_path):
    stones = inputs / "stones.png"
    alone = synthesize(small_settings(inputs, tmp_path, source=(stones,), octaves=1, max_iter=2))
    for mode in ("average", "max", "log_euclidean", "affine_invariant", "riemann"):
        both = synthesize(
            small_settings(inputs, tmp_path, source=(stones, stones), octaves=1, max_iter=2, join_mode=mode)
        )
        assert both.loss == pytest.approx(alone.loss, rel=1e-3)


def test_folders_are_sources(inputs, tmp_path):
    names = ("folder/a.png", "folder/b.png")
    reports = [
        synthesize(small_settings(inputs, tmp_path, source=source))
        for source in ((inputs / "folder",), tuple(inputs / name for name in names))
    ]
    assert reports[0].loss == reports[1].loss
    sources = json.loads((reports[0].folder / "command.json").read_text())["sources"]
    assert sorted(sources) == [str(inputs / name) for name in names]


def test_mul_multiplies_the_targets(inputs, tmp_path):
    settings = small_settings(inputs, tmp_path, mul=1.5)
    report = synthesize(settings)
    found, target = (
        gram_targets(inputs, settings, pixels(path)) for path in (report.pictures[0], inputs / "stones.png")
    )
    expected = {
        f"texture/octave{i}/{name}": np.sum((found[i][name] - 1.5 * target[i][name]) ** 2)
        / np.sum((1.5 * target[i][name]) ** 2)
        for i in range(2)
        for name in LAYERS
    }
    assert report.terms == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("distance", ["l2", "lap1"])
def test_frames_match_the_target_each_and_keep_their_distance(inputs, tmp_path, distance):
    settings = small_settings(
        inputs, tmp_path, count=3, max_iter=40, save_every=100, if_distance_type=distance, if_shift=1.5, if_octaves=2,
        output_width=32, output_height=28,
    )  # fmt: skip
    report = synthesize(settings)
    frames = np.stack([pixels(path) for path in report.pictures])
    assert [path.name for path in report.pictures] == [f"final_F{i:04d}.png" for i in range(3)]
    source = pixels(inputs / "stones.png")
    single = [sum(relative_gram_losses(inputs, settings, frame, source).values()) for frame in frames]
    assert max(single) <= 0.2
    x = torch.tensor(frames, dtype=torch.float64).permute(0, 3, 1, 2)
    target = shifted_distances(source, distance)
    found = torch_reference.frame_distances(x, torch.roll(x, -1, 0), distance, 2)
    for value, wanted in zip(found, target, strict=True):
        assert np.abs(value.numpy() / wanted - 1).max() <= 0.15
    for name in ("animation.gif", "animation.mp4"):
        assert (report.folder / name).stat().st_size > 500


@pytest.mark.parametrize("loop", [True, False])
def test_a_film_in_a_loop_has_no_jump_from_its_last_frame_to_its_first(inputs, tmp_path, loop):
    settings = small_settings(
        inputs, tmp_path, count=5, max_iter=40, save_every=100, if_shift=1.5, octaves=1, output_width=32,
        output_height=28, loop=loop,
    )  # fmt: skip
    frames = np.stack([pixels(path) for path in synthesize(settings).pictures])
    distances = np.sqrt(np.mean((frames - np.roll(frames, -1, axis=0)) ** 2, axis=(1, 2, 3)))
    neighbours, jump = distances[:-1], distances[-1]
    assert np.abs(neighbours / neighbours.mean() - 1).max() < 0.15
    assert jump < 1.15 * neighbours.mean() if loop else jump > 1.3 * neighbours.mean()


def shifted_distances(source, distance):
    """The distance of a picture from itself shifted by 1.5 pixels: the mean of those of 1 and 2."""
    image = torch.tensor(source[np.newaxis], dtype=torch.float64).permute(0, 3, 1, 2)
    found = [
        torch_reference.frame_distances(image, torch.roll(image, shift, axis), distance, 2)
        for shift in (1, 2)
        for axis in (2, 3)
    ]
    return [np.mean([values[i].item() for values in found]) for i in range(len(found[0]))]


@pytest.mark.parametrize("tileable", ["x", "y", "both"])
def test_tileable_pictures_have_no_seam(inputs, tmp_path, tileable):
    settings = small_settings(
        inputs, tmp_path, tileable=tileable, output_width=48, output_height=48, max_iter=40, save_every=100
    )
    picture = pixels(synthesize(settings).pictures[0])
    for axis, name in ((1, "x"), (0, "y")):
        inside = np.abs(np.diff(picture, axis=axis)).mean()
        seam = np.abs(np.take(picture, -1, axis) - np.take(picture, 0, axis)).mean()
        if tileable in (name, "both"):
            assert seam <= 1.35 * inside
        else:
            assert seam > 1.35 * inside


def test_guides_put_each_part_where_it_belongs(inputs, tmp_path):
    random = np.random.default_rng(5)
    source = np.zeros((48, 48, 3), np.float32)
    source[:, :24] = (0.9, 0.3, 0.1) + 0.05 * random.standard_normal((48, 24, 3))
    source[:, 24:] = (0.1, 0.2, 0.8) + 0.05 * random.standard_normal((48, 24, 3))
    labels = np.zeros((48, 48, 3), np.uint8)
    labels[:, :24] = 255
    Image.fromarray((np.clip(source, 0, 1) * 255).astype("uint8")).save(tmp_path / "source.png")
    Image.fromarray(labels).save(tmp_path / "from.png")
    Image.fromarray(np.rot90(labels, -1)).save(tmp_path / "to.png")
    settings = small_settings(
        inputs, tmp_path / "runs", source=(tmp_path / "source.png",), max_iter=60, save_every=100,
        guide=(tmp_path / "from.png", tmp_path / "to.png"), output_width=48, output_height=48,
    )  # fmt: skip
    picture = pixels(synthesize(settings).pictures[0])
    np.testing.assert_allclose(picture[4:20, 4:-4].mean((0, 1)), (0.9, 0.3, 0.1), atol=0.12)
    np.testing.assert_allclose(picture[28:44, 4:-4].mean((0, 1)), (0.1, 0.2, 0.8), atol=0.12)


def test_histograms_are_the_sources_in_all_saved_pictures(inputs, tmp_path):
    report = synthesize(small_settings(inputs, tmp_path, match_histogram=True))
    source = np.sort(pixels(inputs / "stones.png").reshape(-1, 3), axis=0)
    for path in (report.pictures[0], report.folder / "I0002_F0000.png"):
        values = np.sort(pixels(path).reshape(-1, 3), axis=0)
        quantiles = np.linspace(0.01, 0.99, 50)
        difference = np.quantile(values, quantiles, axis=0) - np.quantile(source, quantiles, axis=0)
        assert np.abs(difference).mean() <= 0.01


def test_a_picture_may_be_the_start(inputs, tmp_path):
    report = synthesize(small_settings(inputs, tmp_path, init=inputs / "folder/a.png", max_iter=1))
    state = np.load(report.folder / "state.npz")["optimizer_point"][0]
    start = pixels(inputs / "folder/a.png")
    small = np.asarray(Image.fromarray((start * 255).astype("uint8")).resize((40, 32), Image.LANCZOS)) / 255
    assert np.abs(state - small).mean() <= 0.1
    assert read_progress(report.folder)[0]["size"] == [32, 40]


def test_symmetric_seeds_are_nearly_symmetric(inputs, tmp_path):
    from pipelines.synthesis.frames import first_frames
    from pipelines.synthesis.inputs import read_inputs
    from pipelines.synthesis.plan import plan_synthesis

    def start(seed):
        settings = small_settings(inputs, tmp_path, seed=seed, output_width=64, output_height=64)
        given = read_inputs(settings)
        return first_frames(plan_synthesis(settings, given.source_sizes), given)

    symmetric, white = start("symmetric"), start("random")
    for flip in (symmetric[:, ::-1], symmetric[:, :, ::-1]):
        assert np.abs(symmetric - flip).mean() <= 4 / 255
    assert np.abs(white - white[:, ::-1]).mean() > 20 / 255
    source = pixels(inputs / "stones.png").reshape(-1, 3)
    np.testing.assert_allclose(white.reshape(-1, 3).mean(0), source.mean(0), atol=0.05)


def test_the_random_descriptor_needs_no_weights(inputs, tmp_path, monkeypatch):
    monkeypatch.delenv("TEXTURE_NETS_VGG19", raising=False)
    settings = small_settings(
        inputs, tmp_path, descriptor="random", weights=None, layers=None, octaves=1, output_width=64, output_height=64,
        max_iter=2, padding_mode="same",
    )  # fmt: skip
    assert list(synthesize(settings).terms) == ["texture/octave0/random"]


def test_a_loss_that_is_not_a_number_names_octave_and_layer(inputs, tmp_path, monkeypatch):
    original = synthesis_objective.GramComparison

    class Broken(original):
        def distance(self, grams):
            return super().distance(grams) * (float("nan") if self.target.shape == (64, 64) else 1.0)

    monkeypatch.setattr(synthesis_objective, "GramComparison", Broken)
    with pytest.raises(UserError, match="first in the term texture/octave0/relu1_1"):
        synthesize(small_settings(inputs, tmp_path))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"output_width": 7, "output_height": 7}, ArgumentError, "an output of 7 x 7 is too small for 2 octaves"),
        ({"source": ("nothing.png",)}, ArgumentError, "`source` nothing.png: no such file"),
        ({"octaves": 5, "output_width": 256, "output_height": 256}, ArgumentError, "source 1 of 48 x 56 is too small"),
        ({"weights": "nothing.h5"}, ArgumentError, "`weights` nothing.h5: no such file"),
        ({"output": "nowhere/a.png"}, ArgumentError, "`output` nowhere/a.png: there is no folder nowhere"),
    ],
)
def test_bad_input_is_refused_before_a_folder_is_made(inputs, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        synthesize(small_settings(inputs, tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_is_told_before_the_work(inputs, tmp_path, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")(0, 0, 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="its disk has 0 MB free, the run may need 12 MB"):
        synthesize(small_settings(inputs, tmp_path / "runs"))
    assert list(tmp_path.iterdir()) == []


def test_progress_that_cannot_be_written_is_named(tmp_path):
    with largest_file(0), pytest.raises(OSError, match="File too large") as error:
        RunFolder(tmp_path, 1, None).record({"iteration": 1})
    assert error.value.filename == str(tmp_path / "progress.jsonl")


def test_the_preset_is_gatys():
    settings = SynthesisSettings(source=("a",), **PRESETS["gatys2015"])
    assert resolve_layers(settings.descriptor, settings.layers) == ("relu1_1", "pool1", "pool2", "pool3", "pool4")
    assert (settings.octaves, settings.pooling, settings.descriptor) == (1, "average", "vgg19-normalized")
    assert (settings.max_iter, settings.match_histogram, settings.bounds) == (2000, True, True)
