"""Making a bare network one from pictures to pictures: the image contract.

The image contract: float32 RGB in [0, 1], (batch, height, width, 3), in and out, the output of the input's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from errors import UserError
from layers import CropToMatch, PadToMultiple, ReplicationPadding2D

# Of what the sides of pictures may have to be multiples: by how much networks make them smaller inside.
_MULTIPLES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_TRIAL_SIZE = 3 * 128  # a multiple of all, and larger than any shrinkage


def wrap_pictures(
    network: keras.Model, image_io: str, before: keras.Layer | None, after: keras.Layer | None
) -> keras.Model:
    """Return a model that meets the image contract around a bare network.

    A network that works only for multiples of some size gets a picture enlarged at bottom and right by its last row
    and column, and one that shrinks the picture gets it enlarged on all sides; what is then too much is cut off. A
    network that was built for one size stays one for that size.

    Args:
        network: from pictures to pictures, in values of its own.
        image_io: name of the convention, for messages and the model.
        before: from pictures in [0, 1] to what the network takes; None: it takes them.
        after: from what it returns to pictures in [0, 1]; None: it returns them.

    Raises:
        UserError: the network does not make pictures of pictures of that size.
    """
    if not makes_pictures(network):
        raise UserError(f"`image_io` {image_io} is for networks that map 3 channels to 3; use `image_io` none")
    height, width = network.inputs[0].shape[1:3]
    image = keras.Input((height, width, 3), name="image")
    x = image if before is None else before(image)
    if height is None and width is None:
        x = _enlarge(x, network)
    made = network(x)
    stylized = made if after is None else after(made)
    sides = zip(stylized.shape[1:3], (height, width), strict=True)
    if any(new is not None and given is not None and not given <= new < given * 3 / 2 for new, given in sides):
        raise UserError(
            f"the network makes pictures of {_size(stylized.shape)} of ones of {_size(image.shape)}: give it no fixed "
            "size (`input_shape`), or use `image_io` none"
        )
    return keras.Model(image, CropToMatch()([stylized, image]), name=image_io.replace("-", "_"))


def _size(shape: Sequence[int | None]) -> str:
    return f"{shape[2]} x {shape[1]} pixels"


def makes_pictures(network: keras.Model) -> bool:
    """Return whether a network turns three channels of a picture into three."""
    if len(network.inputs) > 1 or isinstance(network.output, list):
        return False
    shapes = network.inputs[0].shape, network.output.shape
    return all(len(shape) == 4 for shape in shapes) and shapes[0][-1] in (3, None) and shapes[1][-1] == 3


def _enlarge(pictures: Any, network: keras.Model) -> Any:
    """Return pictures of any size so much larger that a network takes them, and returns all of their pixels."""
    multiple = size_multiple(network)
    if multiple > 1:
        pictures = PadToMultiple(multiple)(pictures)
    lost = max(0, _TRIAL_SIZE - _trial_output(network, 3))
    if lost == 0:
        return pictures
    first, all_of_them = lost // 2, -(-lost // multiple) * multiple
    return ReplicationPadding2D(((first, all_of_them - first),) * 2)(pictures)


def size_multiple(network: keras.Model, channels: int = 3) -> int:
    """Return of what height and width must be multiples, so that branches fit together and no row is left over.

    A network whose poolings or strides leave rows over at other sizes would return fewer than it gets.

    Raises:
        UserError: there is no such number, or the network makes pictures of another size.
    """
    side = _trial_output(network, channels)
    for multiple in _MULTIPLES:
        further = (multiple, 2 * multiple, 3 * multiple)
        sides = (_output_side(network, _TRIAL_SIZE + more, channels) for more in further)
        if all(larger is not None and larger - side >= more for larger, more in zip(sides, further, strict=True)):
            return multiple
    raise UserError(
        f"the network does not take pictures of {_TRIAL_SIZE} to {_TRIAL_SIZE + 3 * _MULTIPLES[-1]} pixels, or returns "
        "smaller ones; use `image_io` none"
    )


def _trial_output(network: keras.Model, channels: int) -> int:
    """Return the output's height for a square picture of _TRIAL_SIZE."""
    side = _output_side(network, _TRIAL_SIZE, channels)
    if side is None or not _TRIAL_SIZE // 2 < side < _TRIAL_SIZE * 3 // 2:
        raise UserError(f"the network returns {side or 'no'} pixels for {_TRIAL_SIZE}; use `image_io` none")
    return side


def _output_side(network: keras.Model, side: int, channels: int) -> int | None:
    """Return the output's height for a square picture, None where the network does not take its size."""
    try:
        return network.compute_output_shape((1, side, side, channels))[1]
    except ValueError:
        return None
