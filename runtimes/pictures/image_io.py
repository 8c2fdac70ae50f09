"""The pictures of models by others: their values, their type, and the number and the order of their channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtimes.graph import GraphError, TensorInfo

if TYPE_CHECKING:
    import numpy as np

Channels = float | tuple[float, float, float]


@dataclass(frozen=True)
class Values:
    """Values of pictures.

    Attributes:
        factor: of those in [0, 1], for all channels or for red, green and blue.
        offset: that is added then.
        is_bgr: whether the channels stand in the order blue, green, red.
    """

    factor: Channels
    offset: Channels
    is_bgr: bool = False

    @property
    def limits(self) -> tuple[float, float]:
        """The values of black and of white, of the channels where they are farthest apart."""
        return float(self._offset.min()), float((self._offset + self._factor).max())

    @property
    def has_grey(self) -> bool:
        """Whether the three channels of a grey picture are equal."""
        return isinstance(self.factor, float) and isinstance(self.offset, float)

    @property
    def _factor(self) -> np.ndarray:
        return _float32(self.factor)

    @property
    def _offset(self) -> np.ndarray:
        return _float32(self.offset)

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return the values of pictures (batch, height, width, 3) in [0, 1]."""
        is_same = (self.factor, self.offset) == (1.0, 0.0)
        values = pictures if is_same else pictures * self._factor + self._offset
        return values[..., ::-1] if self.is_bgr else values

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Return the pictures of values: the reverse of `encode`."""
        ordered = values[..., ::-1] if self.is_bgr else values
        return ordered if (self.factor, self.offset) == (1.0, 0.0) else (ordered - self._offset) / self._factor


def _float32(values: Channels) -> np.ndarray:
    import numpy as np

    return np.asarray(values, np.float32)


# RGB in [0, 1], in [-1, 1], in [0, 255], and of the mean and the deviation of ImageNet: the names are those of
# import_torch_weights.py. BGR in [0, 255], and less the mean pixel of VGG: Keras calls that so too.
CONVENTIONS = {
    "unit": Values(1.0, 0.0),
    "signed": Values(2.0, -1.0),
    "byte": Values(255.0, 0.0),
    "imagenet": Values((1 / 0.229, 1 / 0.224, 1 / 0.225), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)),
    "bgr": Values(255.0, 0.0, is_bgr=True),
    "caffe": Values(255.0, (-123.68, -116.779, -103.939), is_bgr=True),
}
MAX_CONVENTIONS = 2  # of the pictures that a model takes, and of those that it returns
BYTES = ("byte", "bgr")
DTYPES = ("float32", "float16", "float64", "uint8")
RGB, GREY = 3, 1
# Of red, green and blue in the grey of a network with one channel, as ITU-R BT.601 and Pillow have them.
LUMA = (0.299, 0.587, 0.114)
# Networks that enlarge what they have reduced return up to so many rows more than they get.
MAX_SURPLUS = 31
# Quantised inputs are calibrated with pictures, whose values fill most of their range.
MAX_UNUSED = 4


@dataclass(frozen=True)
class ImageIO:
    """How a model wants its pictures, and gives them back.

    Attributes:
        takes: the values that it takes.
        returns: the values that it returns, where they are floats; whole numbers of 8 bits are bytes.
        dtype: of the input, one of DTYPES.
        channels: RGB or GREY.
        channels_first: whether the axes are (batch, channels, height, width).
        size: the one (height, width) that it takes, or None for any.
    """

    takes: Values
    returns: Values
    dtype: str
    channels: int
    channels_first: bool
    size: tuple[int, int] | None

    @classmethod
    def of(cls, given: TensorInfo, conventions: Sequence[str]) -> ImageIO:
        """Return that of a model by its input.

        Args:
            given: the input.
            conventions: names in CONVENTIONS of the values that it takes, and of those that it returns if they differ.

        Raises:
            GraphError: it takes something else than pictures, or pictures of other values.
        """
        axis = _channel_axis(given.shape or ())
        if axis is None or not is_picture(given) or given.dtype not in DTYPES:
            wanted = "float32 RGB pictures (batch, height, width, 3) or (batch, 3, height, width), or grey ones"
            raise GraphError(f"takes {given}, not {wanted}")
        batch, *sides = given.shape or ()
        channels = sides.pop(axis - 1)
        height, width = sides
        if batch not in (None, 1):
            raise GraphError(f"takes batches of {batch} pictures {given.axes}; a batch of 1, or of any size, is needed")
        if (height is None) != (width is None):
            raise GraphError(f"takes pictures {given.axes}; height and width must both be fixed, or neither")
        _check_values(given, conventions[0], channels)
        takes, returns = CONVENTIONS[conventions[0]], CONVENTIONS[conventions[-1]]
        size = None if height is None or width is None else (height, width)
        return cls(takes, returns, given.dtype, channels or RGB, axis == 1, size)

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return what the model takes for pictures (batch, height, width, 3) in [0, 1]."""
        import numpy as np

        values = self.takes.encode(pictures if self.channels == RGB else (pictures @ _float32(LUMA))[..., None])
        if self.dtype == "uint8":
            values = np.rint(values).clip(0, 255)
        return np.ascontiguousarray(np.moveaxis(values, 3, 1) if self.channels_first else values, self.dtype)

    def decode(self, answer: np.ndarray, given: Sequence[int]) -> np.ndarray:
        """Return the pictures of a model's answer, float32 RGB around [0, 1], 1, 2, 3 ... times as large as it took.

        Args:
            answer: of the model.
            given: shape of what it took.

        Raises:
            GraphError: they are no such pictures.
        """
        import numpy as np

        is_first = _is_channels_first(answer.shape, self.channels_first)
        pictures = np.moveaxis(answer, 1, 3) if is_first else answer
        height, width = given[2:] if self.channels_first else given[1:3]
        scale = _scale(pictures.shape, (given[0], height, width)) if answer.dtype.kind in "biuf" else None
        if scale is None:
            raise GraphError(
                f"the model returns {answer.dtype} {answer.shape} for {self.dtype} pictures {tuple(given)}; RGB or "
                "grey pictures of the same size, or of a multiple of it, are needed"
            )
        values = pictures[:, : scale * height, : scale * width].astype(np.float32)
        returns = Values(255.0, 0.0, self.returns.is_bgr) if answer.dtype == np.uint8 else self.returns
        if values.shape[3] == GREY and not returns.has_grey:
            raise GraphError(f"the model returns grey pictures {answer.shape}; their image-io is unit, signed or byte")
        return np.broadcast_to(returns.decode(values), (*values.shape[:3], RGB))


def _check_values(given: TensorInfo, convention: str, channels: int | None) -> None:
    """Check that an input can have the values of a convention.

    Raises:
        GraphError: it cannot, or they would fill a small part of its range.
    """
    values = CONVENTIONS[convention]
    if given.dtype == "uint8" and convention not in BYTES:
        raise GraphError(f"takes uint8 pictures {given.axes}: its image-io is {' or '.join(BYTES)}, not {convention}")
    if channels == GREY and not values.has_grey:
        raise GraphError(f"takes grey pictures {given.axes}: its image-io is unit, signed or byte, not {convention}")
    if given.limits is None:
        return
    (least, most), (black, white) = given.limits, values.limits
    tolerance = 0.02 * (white - black)
    if least > black + tolerance or most < white - tolerance or most - least > MAX_UNUSED * (white - black):
        raise GraphError(
            f"takes values from {least:.3g} to {most:.3g} (quantised), and image-io {convention} has {black:.3g} to "
            f"{white:.3g}"
        )


def is_picture(given: TensorInfo) -> bool:
    """Say whether an input has the axes of RGB or grey pictures."""
    shape = given.shape or ()
    axis = _channel_axis(shape)
    return axis is not None and not {0, 1} & {*shape[1:axis], *shape[axis + 1 :]}


def is_rgb(given: TensorInfo) -> bool:
    """Say whether an input has the axes of RGB pictures."""
    return is_picture(given) and RGB in ((given.shape or ())[1], (given.shape or ())[3])


def _channel_axis(shape: Sequence[int | None]) -> int | None:
    """Return which of four axes is that of the channels, if any."""
    if len(shape) != 4:
        return None
    return next((axis for number, axis in ((RGB, 3), (RGB, 1), (GREY, 1), (GREY, 3)) if shape[axis] == number), None)


def _is_channels_first(shape: Sequence[int], is_likely: bool) -> bool:
    """Say whether the channels of an answer come before the sides; where both may be, it is as likely told."""
    if len(shape) != 4:
        return False
    return shape[1] in (RGB, GREY) and (is_likely or shape[3] not in (RGB, GREY))


def _scale(made: Sequence[int], given: Sequence[int]) -> int | None:
    """Return how many times as large as others pictures are, but for some rows and columns more; None: they are not.

    Args:
        made: their shape, (batch, height, width, channels).
        given: (batch, height, width) of the others.
    """
    if len(made) != 4 or made[0] != given[0] or made[3] not in (RGB, GREY):
        return None
    sides = list(zip(made[1:3], given[1:], strict=True))
    scale = min(new // old for new, old in sides)
    fits = all(new - scale * old <= scale * min(MAX_SURPLUS, old) for new, old in sides)
    return scale if scale >= 1 and fits else None
