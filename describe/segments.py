"""A descriptor cut at its pooling layers: its blocks can run one after another, in strips, or on other devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from choices import RANDOM_LAYER
from describe.positions import Positions, positions_after
from model.layer_names import BLOCKS, LAYER_NAMES
from model.random_filters import FILTER_SIZES


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive layers of a descriptor, with a pooling at most at their end.

    Attributes:
        model: from activations (1, height, width, channels), the picture for the first segment, to {layer:
            activations} of `taps` and `output`.
        taps: the layers that are asked for.
        output: the pooling with which the next segment begins; None: there is none.
        margin: rows of the input that a row sees beyond itself, above and below.
        channels: number of channels of its widest maps.
        layers: all of the segment's layers that have a name of LAYER_NAMES, in their order; none: a single convolution.
    """

    model: keras.Model
    taps: tuple[str, ...]
    output: str | None
    margin: int
    channels: int
    layers: tuple[str, ...] = ()

    @property
    def results(self) -> tuple[str, ...]:
        """The layers that `model` returns."""
        return self.taps if self.output is None or self.output in self.taps else (*self.taps, self.output)

    def positions(self, layer: str | None, mode: str, inputs: Positions) -> Positions:
        """Return where the positions of a layer lie, given those of the segment's input along an axis."""
        if layer is None or not self.layers:
            return inputs.convolved(self.margin if mode == "valid" else 0)
        return positions_after(self.layers[: self.layers.index(layer) + 1], mode, inputs)


def split_descriptor(model: keras.Model, names: Sequence[str]) -> list[Segment]:
    """Return the segments of a descriptor, which share its weights.

    Args:
        model: as `build_descriptor` makes it, up to the deepest of `names`.
        names: the layers that it returns.
    """
    if RANDOM_LAYER in names:
        filters = model.output[RANDOM_LAYER].shape[-1]
        return [Segment(model, (RANDOM_LAYER,), None, FILTER_SIZES[-1] // 2, filters)]
    deepest = max(map(LAYER_NAMES.index, names))
    segments, inputs = [], model.input
    for block, (convolutions, channels) in enumerate(BLOCKS, start=1):
        pooling = f"pool{block}"
        end = LAYER_NAMES.index(pooling)
        output = pooling if end < deepest else None
        taps = tuple(name for name in names if name == pooling or name[4:].startswith(f"{block}_"))
        outputs = {name: model.get_layer(name).output for name in (*taps, *([output] if output else []))}
        layers = tuple(name for name in LAYER_NAMES if name == pooling or name[4:].startswith(f"{block}_"))
        segments.append(Segment(keras.Model(inputs, outputs), taps, output, convolutions, channels, layers))
        if output is None:
            return segments
        inputs = model.get_layer(pooling).output
    raise AssertionError("the deepest layer lies in the last block at the latest")
