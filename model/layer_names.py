"""The layers of VGG-19's convolutional part and every name by which they are asked for.

The names are those of the network's own prototxt: conv1_1, relu1_1, conv1_2, relu1_2, pool1 ... pool5.
conv1_1 is the convolution's output and relu1_1 the same after rectification. In Caffe the rectification is
done in place, so that the conv1_1 of Gatys' papers and programs is what is called relu1_1 here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from errors import ArgumentError, unknown_name

# Convolutions and filters of each block.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))


def _keras_names() -> dict[str, str]:
    """Return keras.applications' layer names, in its order, with the layer here that has the same output."""
    names = {}
    for block, (convolutions, _) in enumerate(BLOCKS, start=1):
        for i in range(1, convolutions + 1):
            names[f"block{block}_conv{i}"] = f"relu{block}_{i}"
        names[f"block{block}_pool"] = f"pool{block}"
    return names


# Layers of keras.applications.VGG19 without its input; its convolutions include their rectification. The
# integers of the old texture script's --layers count in this list: 0 is relu1_1, 2 pool1, 7 relu3_2.
KERAS_NAMES = _keras_names()

# All layers, from the picture upwards.
LAYER_NAMES = tuple(
    name
    for output in KERAS_NAMES.values()
    for name in ((output.replace("relu", "conv"), output) if output.startswith("relu") else (output,))
)


def resolve_layer(name: str | int, option: str = "") -> str:
    """Return the name in LAYER_NAMES of the layer that `name` stands for.

    Args:
        name: one of LAYER_NAMES; a name of keras.applications (block3_conv2 is relu3_2, block1_pool is
            pool1); or a position, as an integer or its digits, in the list of keras.applications' layers
            without the input (0 is relu1_1, 2 is pool1, 7 is relu3_2), as the texture script of Snelgrove
            counted.
        option: that asks for it, which errors name; "": none.

    Raises:
        ArgumentError: there is no such layer; the message offers the nearest name.
    """
    where = f"`{option}`: " if option else ""
    if not isinstance(name, str) or re.fullmatch(r"-?\d{1,9}", name):  # int() refuses thousands of digits
        return _layer_at(int(name), where)
    if name in LAYER_NAMES:
        return name
    if name in KERAS_NAMES:
        return KERAS_NAMES[name]
    known = KERAS_NAMES if name.startswith("block") else LAYER_NAMES
    raise ArgumentError(where + unknown_name("layer", name, known))


def resolve_layers(names: Iterable[str | int]) -> list[str]:
    """Return resolve_layer() of each of `names`, in their order.

    Raises:
        ArgumentError: a layer is unknown, or there are none.
    """
    resolved = [resolve_layer(name) for name in names]
    if not resolved:
        raise ArgumentError("no layer is given")
    return resolved


def keras_name(convolution: str) -> str:
    """Return keras.applications' name of a convolution: block1_conv1 for conv1_1."""
    block, number = convolution.removeprefix("conv").split("_")
    return f"block{block}_conv{number}"


def _layer_at(position: int, where: str) -> str:
    outputs = list(KERAS_NAMES.values())
    if not 0 <= position < len(outputs):
        raise ArgumentError(
            f"{where}layer position {position} is not among 0 ({outputs[0]}) to {len(outputs) - 1} ({outputs[-1]})"
        )
    return outputs[position]
