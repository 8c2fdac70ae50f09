"""The scales of a synthesis."""

import pytest

from pipelines.synthesis.feature_positions import layer_positions, octave_positions
from pipelines.synthesis.plan import paddings, plan_scales
from pipelines.synthesis.settings import SynthesisSettings


@pytest.mark.parametrize("tileable", ["none", "both"])
@pytest.mark.parametrize("width", [320, 512, 1000])
def test_further_octaves_of_coarse_scales_have_enough_positions(width, tileable):
    settings = SynthesisSettings(source=("a.png",), output_width=width, octaves=4, tileable=tileable)
    *coarse, last = plan_scales(settings, [(900, 900)])
    modes = paddings(settings)
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


def test_iterations_add_up():
    settings = SynthesisSettings(source=("a.png",), max_iter=77)
    assert sum(scale.iterations for scale in plan_scales(settings, [(256, 256)])) == 77
