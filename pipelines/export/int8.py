"""Wide convolutions in 8 bits: the ranges of their inputs and outputs, taken from sample pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from errors import UserError, one_line
from layers import InstanceNormalization
from model.rewiring import rewire
from pipelines.export.samples import Inputs
from pipelines.export.settings import describe_shape

# Narrower convolutions work in float32 (LiteRT's with weights in 8 bits: formats.flatbuffer.shrink). They are a small
# part of a wide network, and those at its start and end, next to the picture, are where 8 bits do most harm:
# one range for all pictures leaves a dull picture few of the 256 steps. In a johnson network the residual blocks are
# wide: 88 % of the weights, 77 % of the arithmetic. With all convolutions calibrated a trained one lost 3 dB on most
# photos.
MIN_CHANNELS = 128
# The share of a channel's values in a picture that its range holds, in percent; the rest are outliers that would make
# the steps of all others coarse.
INSIDE = 99.999
# How much a channel may be enlarged: in other pictures it may reach further than in the samples.
MAX_ENLARGEMENT = 8


def round_convolutions(model: keras.Model, samples: Iterable[Inputs]) -> keras.Model:
    """Return `model`, sharing its other layers, with the inputs and outputs of wide convolutions rounded to 256 steps.

    In this LiteRT's converter recognises convolutions to be done in 8 bits, and quantises their weights by channel;
    it gives transposed convolutions weights in 8 bits. What lies between them stays in float32: instance
    normalisation, whose means, squares and quotients lose 6 to 8 dB in 8 bits, and sums. The rounding is that of
    Jacob et al. 2018 ("Quantization and training of neural networks for efficient integer-arithmetic-only
    inference"); a range holds the values of all pictures but for each one's outliers.

    All channels share the 256 steps, of which few would be left for those with small values. So, as in Nagel et al.
    2019 ("Data-free quantization through weight equalization and bias correction"), channels are enlarged to reach as
    far as the largest. Inputs are multiplied before they are rounded, and the kernel undoes that. Outputs are enlarged
    and centred by the kernel and the bias, where instance normalisation follows: it undoes both. A trained network
    gains 3 to 6 dB.

    Args:
        model: Functional or Sequential.
        samples: the model's inputs, with a batch of 1, time after time; not read where nothing is wide.

    Raises:
        UserError: the model fails on a sample, or a wide convolution takes or returns other than finite numbers.
    """
    convolutions: dict[int, _RoundedConvolution] = {}

    def call(layer: keras.layers.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        for tensor in keras.tree.flatten((inputs, args, kwargs)):
            if id(tensor) in convolutions:
                convolutions[id(tensor)].followers.add(type(layer))
        if not _is_wide(layer):
            return layer(inputs, *args, **kwargs)
        rounded = _RoundedConvolution(layer)
        outputs = rounded(inputs)
        convolutions[id(outputs)] = rounded
        return outputs

    result = rewire(model, call)
    for inputs in samples if convolutions else ():
        try:
            result(inputs if len(inputs) > 1 else inputs[0], training=False)
        except Exception as error:  # Keras and TensorFlow have many kinds
            shapes = " and ".join(describe_shape(array.shape[1:]) for array in inputs)
            raise UserError(f"`calibration`: the model fails on {shapes}: {one_line(error)}") from error
    for convolution in convolutions.values():
        convolution.round()
    return result


def _is_wide(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Conv2D) and layer.groups == 1 and layer.kernel.shape[2] >= MIN_CHANNELS


class _RoundedConvolution(keras.layers.Layer):
    """A convolution that takes the ranges of its inputs and outputs, until `round` is called: then it rounds them.

    Attributes:
        followers: the classes of the layers that take the output.
    """

    def __init__(self, layer: keras.layers.Conv2D) -> None:
        super().__init__(trainable=False)
        self.followers: set[type] = set()
        self._convolution = type(layer).from_config({**layer.get_config(), "use_bias": True})
        self._convolution.build((None, None, None, layer.kernel.shape[2]))
        self._convolution.set_weights([layer.kernel, layer.bias if layer.use_bias else np.zeros(layer.filters)])
        self._source = layer.name
        self._calibrating = True
        self._inputs, self._outputs = _Channels(), _Channels()

    def call(self, inputs: Any) -> Any:
        """Return the convolution of `inputs`, or of their rounded values, rounded."""
        if not self._calibrating:
            outputs = self._convolution(_fake_quantize(inputs * self._enlarged, self._input_range))
            return _fake_quantize(outputs, self._output_range)
        outputs = self._convolution(inputs)
        if not isinstance(inputs, keras.KerasTensor):
            self._inputs.watch(inputs)
            self._outputs.watch(outputs)
        return outputs

    def round(self) -> None:
        """Round from now on; raise UserError where other than finite numbers were seen."""
        if not (self._inputs.are_finite() and self._outputs.are_finite()):
            raise UserError(f"`calibration`: the values at the layer {self._source} are not finite")
        self._enlarged = self._inputs.enlargement()
        self._input_range = self._inputs.range(self._enlarged)
        kernel, bias = self._convolution.get_weights()
        kernel /= self._enlarged[:, None]
        if self.followers == {InstanceNormalization} and self._convolution.activation is keras.activations.linear:
            bias -= self._outputs.center()
            enlarged = self._outputs.enlargement()
            kernel, bias = kernel * enlarged, bias * enlarged
            self._output_range = self._outputs.range(enlarged)
        else:
            self._output_range = self._outputs.range()
        self._convolution.set_weights([kernel, bias])
        self._calibrating = False

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the convolution's."""
        return self._convolution.compute_output_shape(input_shape)


class _Channels:
    """The least and the largest value of each channel, but for outliers."""

    def __init__(self) -> None:
        self._low: Any = np.inf  # an array after the first values
        self._high: Any = -np.inf

    def watch(self, values: Any) -> None:
        """Take those of (1, height, width, channels) into account."""
        with np.errstate(invalid="ignore"):  # what is not finite is told by `round`
            low, high = np.percentile(ops.convert_to_numpy(values), (100 - INSIDE, INSIDE), axis=(0, 1, 2))
        self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)

    def are_finite(self) -> bool:
        """Say whether all ends of the ranges are finite numbers."""
        return bool(np.isfinite([self._low, self._high]).all())

    def center(self) -> np.ndarray:
        """Shift each channel by the middle of its values, which is returned."""
        center = (self._low + self._high) / 2
        self._low, self._high = self._low - center, self._high - center
        return center

    def enlargement(self) -> np.ndarray:
        """Return the factors (channels,) that make the channels reach as far from zero as the one that does most."""
        reach = np.maximum(self._high, -self._low)
        furthest = max(reach.max(), np.finfo(np.float32).tiny)
        return (furthest / np.maximum(reach, furthest / MAX_ENLARGEMENT)).astype(np.float32)

    def range(self, enlarged: np.ndarray | int = 1) -> tuple[float, float]:
        """Return what holds zero and the values of all channels, each `enlarged` so many times."""
        return min(0.0, float(np.min(self._low * enlarged))), max(0.0, float(np.max(self._high * enlarged)))


def _fake_quantize(inputs: Any, limits: tuple[float, float]) -> Any:
    return keras.quantizers.fake_quant_with_min_max_vars(inputs, *limits)
