"""The scales of a synthesis."""

import pytest

from describe.positions import layer_positions, octave_positions
from errors import ArgumentError
from pipelines.synthesis.plan import plan_synthesis
from pipelines.synthesis.settings import SynthesisSettings


@pytest.mark.parametrize("tileable", ["none", "both"])
@pytest.mark.parametrize("width", [320, 512, 1000])
def test_further_octaves_of_coarse_scales_have_enough_positions(width, tileable):
    settings = SynthesisSettings(source=("a.png",), output_width=width, octaves=4, tileable=tileable)
    plan = plan_synthesis(settings, [(900, 900)])
    *coarse, last = plan.scales
    modes = plan.geometry.paddings
    assert (last.size, last.octaves) == ((width, width), 4)
    assert len(coarse) >= 2
    for scale in coarse:
        counts = [
            layer_positions(
                "relu3_2", modes.output[0], octave_positions(scale.canvas[0], i, modes.output_pyramid[0])
            ).count
            for i in range(scale.octaves + 1)
        ]
        assert counts[0] >= 1
        assert min(counts[1 : scale.octaves], default=8) >= 8
        # No octave is left out that fits.
        assert scale.octaves == 4 or counts[scale.octaves] < 8


@pytest.mark.parametrize(("width", "source", "octaves"), [(512, 512, 4), (256, 512, 3), (256, 200, 3), (64, 64, 1)])
def test_octaves_are_as_many_as_fit_unless_named(width, source, octaves):
    plan = plan_synthesis(SynthesisSettings(output_width=width), [(source, source)])
    assert plan.geometry.octaves == octaves
    assert [note for note in plan.notes if "`octaves`" in note] == (
        [] if octaves == 4 else [f"`octaves`: {octaves} of 4 fit into the sizes of the output and the sources"]
    )
    plan = plan_synthesis(SynthesisSettings(output_width=width, octaves=octaves), [(source, source)])
    assert plan.geometry.octaves == octaves
    with pytest.raises(ArgumentError, match=f"at most {octaves} fit|be halved"):
        plan_synthesis(SynthesisSettings(output_width=width, octaves=octaves + 1), [(source, source)])


def test_sizes_that_no_memory_holds_are_refused():
    with pytest.raises(ArgumentError, match="`output_width` is too large: it needs"):
        plan_synthesis(SynthesisSettings(output_width=5_000_000), [(256, 256)])
    with pytest.raises(ArgumentError, match="`output_height` is too large: it needs"):
        plan_synthesis(SynthesisSettings(output_width=64, output_height=10**12), [(256, 256)])
    with pytest.raises(ArgumentError, match="`margin` is too large: it needs"):
        plan_synthesis(SynthesisSettings(output_width=64, margin=10**6), [(256, 256)])


def test_frames_are_not_shifted_out_of_the_sources():
    """By its own width a source is shifted onto itself, and the frames would have to be equal."""
    for shift in (100.0, 1e30):
        with pytest.raises(ArgumentError, match=r"`if_shift` 1.* must be below the shortest side of the sources, 100 "):
            plan_synthesis(SynthesisSettings(output_width=64, count=2, if_shift=shift), [(256, 256), (100, 120)])
    plan_synthesis(SynthesisSettings(output_width=64, count=2, if_shift=99.5), [(256, 256), (100, 120)])


@pytest.mark.parametrize(("tileable", "sizes"), [("both", (8, 8)), ("x", (8, 32)), ("y", (32, 8))])
def test_tiles_too_small_for_terms_of_pictures_are_refused(tileable, sizes):
    options = {"output_width": sizes[0], "output_height": sizes[1], "layers": ("relu1_1",), "tileable": tileable}
    with pytest.raises(ArgumentError, match="8 pixels are too few for `spectrum_weight`, which needs 9"):
        plan_synthesis(SynthesisSettings(**options), [(64, 64)])
    plan_synthesis(SynthesisSettings(**options, statistics="gram"), [(64, 64)])


def test_iterations_add_up():
    settings = SynthesisSettings(source=("a.png",), max_iter=77)
    assert sum(scale.iterations for scale in plan_synthesis(settings, [(256, 256)]).scales) == 77


@pytest.mark.parametrize(
    ("tileable", "padding", "is_told"), [("both", "same", True), ("both", "valid", False), ("x", "same", False)]
)
def test_padding_without_effect_is_told(tileable, padding, is_told):
    plan = plan_synthesis(SynthesisSettings(tileable=tileable, padding_mode=padding), [(256, 256)])
    assert any("`padding_mode` same has no effect" in note for note in plan.notes) == is_told
