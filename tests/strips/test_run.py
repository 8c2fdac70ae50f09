"""Networks in strips against the whole, and the plans that keep, map and compute again."""

import keras
import numpy as np
import pytest
from conftest import ROOT
from support import backends
from support.in_strips import in_strips, whole

import layers
import texture_nets
from images.large.mapped import size_of
from model.acceleration import accelerate
from model.generators.registry import build_generator
from model.saving import load_model
from model.styles import mean_style
from strips.cut import cut
from strips.graph import trace
from strips.maps import MapFiles
from strips.plan import TooLittleMemoryError, make_plan, strip_of, whole_bytes
from strips.program import Program

TOLERANCE = 1e-4
SMALL = {
    "johnson": ("johnson", {"widths": (8, 12, 16), "blocks": 2}),
    "johnson, zeros, noise": ("johnson", {"widths": (8, 12, 16), "blocks": 1, "padding": "zero", "noise_depth": 2}),
    "johnson, circular": ("johnson", {"widths": (8, 12), "blocks": 1, "padding": "circular"}),
    "hourglass": ("hourglass", {"widths": (8, 12, 16), "inner_blocks": 1}),
    "pyramid": ("pyramid", {"scales": 3, "filters": 4}),
    "pyramid, circular": ("pyramid", {"scales": 3, "filters": 4, "padding": "circular"}),
    "skip_unpool": ("skip_unpool", {"widths": (4, 6, 8)}),
}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(3).random((75, 53, 3)).astype(np.float32)


@pytest.mark.parametrize("name", backends.cases(SMALL, on_all=["johnson"]))
def test_generator_in_strips_is_the_whole(name, pixels):
    keras.utils.set_random_seed(5)
    generator, options = SMALL[name]
    model = build_generator(generator, **options)
    assert np.abs(in_strips(model, pixels) - whole(model, pixels)).max() < TOLERANCE


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "model" / "pretrained").glob("*.keras")))
def test_shipped_model_in_strips_is_the_whole(name, pixels):
    model = mean_style(load_model(ROOT / "model" / "pretrained" / f"{name}.keras"))
    assert np.abs(in_strips(accelerate(model), pixels, rows=32) - whole(model, pixels)).max() < TOLERANCE


@pytest.mark.parametrize(
    "name", ["tn_johnson_small", "tn_pyramid_small", "tn_skip_small", "fns_reflect_start_in", "fns_zero_bn"]
)
def test_converted_network_in_strips_is_the_whole(name, shared, pixels):
    model = texture_nets.import_torch(shared / "fixtures" / "torch7" / f"{name}.t7")
    assert np.abs(in_strips(model, pixels, rows=32) - whole(model, pixels)).max() < TOLERANCE


def network():
    keras.utils.set_random_seed(6)
    return build_generator("johnson", widths=(8, 12, 16), blocks=2)


@pytest.mark.parametrize("kept", ["in files", "nothing"])
def test_where_maps_are_kept_does_not_matter(kept, pixels):
    model = network()
    assert np.abs(in_strips(model, pixels, kept=kept) - whole(model, pixels)).max() < TOLERANCE


def test_statistics_of_a_large_flat_picture_are_exact():
    picture = keras.Input((None, None, 1))
    model = keras.Model(picture, layers.InstanceNormalization()(picture))
    values = 1000 + np.random.default_rng(7).normal(size=(1500, 900, 1))
    exact = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
    # A float32 next to 1000 is 6e-5 off by half at most.
    np.testing.assert_allclose(in_strips(model, values.astype(np.float32), rows=64), exact, atol=1e-4)


def test_a_model_within_a_model_and_half_precision(pixels):
    inner = network()
    picture = keras.Input((None, None, 3))
    model = keras.Model(picture, inner(picture * 1.0))
    for layer in inner.layers:
        layer.dtype_policy = "mixed_bfloat16"
    found, expected = in_strips(model, pixels), whole(model, pixels)
    assert np.abs(found - expected).mean() < 5e-3


def test_less_memory_means_lower_strips_and_maps_in_files():
    network_of_4_megapixels = cut(trace(build_generator("johnson"), 2048, 2048))
    plans = [make_plan(network_of_4_megapixels, memory) for memory in (8 * 10**9, 10**9, 3 * 10**8)]
    assert [plan.rows for plan in plans] == sorted((plan.rows for plan in plans), reverse=True)
    assert plans[0].file_bytes == 0
    assert plans[-1].file_bytes > 0
    assert all(plan.memory <= memory for plan, memory in zip(plans, (8 * 10**9, 10**9, 3 * 10**8), strict=True))
    assert whole_bytes(network_of_4_megapixels.graph) > plans[1].memory
    with pytest.raises(TooLittleMemoryError, match="16 rows"):
        make_plan(network_of_4_megapixels, 10**6)


def test_half_precision_needs_the_memory_of_its_copies_in_single_precision():
    model = build_generator("johnson")
    single = whole_bytes(trace(model, 512, 512))
    for layer in model.layers:
        layer.dtype_policy = "mixed_bfloat16"
    network = cut(trace(model, 512, 512))
    assert whole_bytes(network.graph) == single
    first = network.stages[0].target
    program = Program(network, {first: range(64)}, {network.graph.input})
    assert program.peak_bytes() > 64 * first.row_bytes // 2 * (2 + 4 + 4)


@pytest.mark.parametrize(("height", "rows"), [(75, 16), (16, 16), (5, 16), (1001, 128)])
def test_strips_cover_every_map_once(height, rows):
    graph = trace(build_generator("johnson", widths=(4, 4, 4), blocks=1), height, 32)
    count = -(-height // rows)
    for tensor in (tensor for call in graph.calls for tensor in call.outputs):
        spans = [strip_of(tensor, height, rows, number) for number in range(count)]
        assert [row for span in spans for row in span] == list(range(tensor.height))


def test_files_of_maps_are_used_again_and_take_no_more_than_was_planned(tmp_path):
    files = MapFiles(str(tmp_path), 3000)
    large, small = files.take(2000), files.take(500)
    files.give_back(small)
    files.give_back(large)
    assert files.take(1500) is large
    assert size_of(large) == 1500
    assert files.take(1500) is small
    files.give_back(large)
    files.give_back(small)
    whole = files.take(3000)
    others = [file for file in (large, small) if file is not whole]
    assert size_of(whole) == 3000
    assert [file.closed for file in others] == [True]
    files.close()
    assert whole.closed
