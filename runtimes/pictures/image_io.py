"""The pictures of models by others: their values, their type and the order of their axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtimes.graph import GraphError, TensorInfo

if TYPE_CHECKING:
    import numpy as np

Channels = float | tuple[float, float, float]

# Values of pictures are those in [0, 1] times a factor, plus an offset: RGB in [0, 1], [-1, 1] and [0, 255], and of the
# mean and the deviation of ImageNet. The names are those of import_torch_weights.py.
CONVENTIONS: dict[str, tuple[Channels, Channels]] = {
    "unit": (1.0, 0.0),
    "signed": (2.0, -1.0),
    "byte": (255.0, 0.0),
    "imagenet": ((1 / 0.229, 1 / 0.224, 1 / 0.225), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225)),
}
DTYPES = ("float32", "float16", "uint8")
# Networks that enlarge what they have reduced return up to so many rows more than they get.
MAX_SURPLUS = 31


@dataclass(frozen=True)
class ImageIO:
    """How a model wants its pictures, and gives them back.

    Attributes:
        convention: one of CONVENTIONS.
        dtype: of the input, one of DTYPES.
        channels_first: whether the axes are (batch, channels, height, width).
        size: the one (height, width) that it takes, or None for any.
    """

    convention: str
    dtype: str
    channels_first: bool
    size: tuple[int, int] | None

    @classmethod
    def of(cls, given: TensorInfo, convention: str) -> ImageIO:
        """Return that of a model by its input.

        Raises:
            GraphError: it takes something else than pictures, or bytes without being told so.
        """
        if not is_picture(given) or given.dtype not in DTYPES or 0 in (given.shape or ()):
            wanted = "float32 RGB pictures (batch, height, width, 3) or (batch, 3, height, width)"
            raise GraphError(f"takes {given}, not {wanted}")
        if given.dtype == "uint8" and convention != "byte":
            raise GraphError(f"takes uint8 pictures {given.axes}: its image-io is byte, not {convention}")
        batch, *sides = given.shape or ()
        channels_first = sides[2] != 3
        height, width = sides[1:] if channels_first else sides[:2]
        if batch not in (None, 1):
            raise GraphError(f"takes batches of {batch} pictures {given.axes}; a batch of 1, or of any size, is needed")
        if (height is None) != (width is None):
            raise GraphError(f"takes pictures {given.axes}; height and width must both be fixed, or neither")
        size = None if height is None or width is None else (height, width)
        return cls(convention, given.dtype, channels_first, size)

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return what the model takes for pictures (batch, height, width, 3) in [0, 1]."""
        import numpy as np

        values = pictures
        if self.convention != "unit":
            factor, offset = self._factor_and_offset()
            values = pictures * factor + offset
        if self.dtype == "uint8":
            values = np.rint(values).clip(0, 255)
        ordered = values.transpose(0, 3, 1, 2) if self.channels_first else values
        return np.ascontiguousarray(ordered, self.dtype)

    def decode(self, answer: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Return the pictures of a model's answer, float32 around [0, 1], for pictures of `shape`.

        Raises:
            GraphError: they are none of that shape.
        """
        import numpy as np

        stylized = answer.transpose(0, 2, 3, 1) if self.channels_first and answer.ndim == 4 else answer
        if answer.dtype.kind not in "biuf" or not _covers(stylized.shape, shape):
            raise GraphError(f"the model returns {answer.dtype} {answer.shape} for float32 pictures {tuple(shape)}")
        stylized = stylized[:, : shape[1], : shape[2]].astype(np.float32)
        if self.convention == "unit":
            return stylized
        factor, offset = self._factor_and_offset()
        return (stylized - offset) / factor

    def _factor_and_offset(self) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        factor, offset = CONVENTIONS[self.convention]
        return np.asarray(factor, np.float32), np.asarray(offset, np.float32)


def is_picture(given: TensorInfo) -> bool:
    """Say whether an input has the axes of RGB pictures."""
    shape = given.shape or ()
    return len(shape) == 4 and 3 in (shape[1], shape[3])


def _covers(made: Sequence[int], given: Sequence[int]) -> bool:
    """Say whether pictures have the shape of others, but for some rows and columns more."""
    if len(made) != 4 or (made[0], made[3]) != (given[0], given[3]):
        return False
    return all(0 <= new - old <= min(MAX_SURPLUS, old) for new, old in zip(made[1:3], given[1:3], strict=True))
