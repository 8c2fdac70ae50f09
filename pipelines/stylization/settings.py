"""The settings of stylising pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real

from choices import PRECISIONS
from errors import ArgumentError
from options import check, described, option
from pipelines.inputs import check_input_files
from runtimes.styles import StyleError, parse_named_weights


@described
@dataclass(frozen=True)
class StylizationSettings:
    """What is done to each picture; checked when it is made.

    Attributes:
        style: of a network of several styles those that are blended, and their weights relative to each other.
        masks: files of pictures, white where a style goes: one for each of `style`, or one for a network of one style.
        memory: bytes of memory that the process may take, mapped files left out; None: half of what is free. Larger
            pictures go through the network in strips, with the same result.

    Raises:
        ArgumentError: a value is not allowed.
    """

    image_size: int | None = option(
        "resize pictures so that their longer side has this many pixels",
        kind=int, minimum=1, metavar="LONG_SIDE", default_text="keep their size",
    )  # fmt: skip
    strength: float = option(
        "blend with the content: 1 is the stylised picture alone, 0 the content",
        default=1.0, kind=float, minimum=0, maximum=1, metavar="0..1",
    )  # fmt: skip
    keep_colors: bool = option(
        "keep the colours and the overall brightness of the content, and take only the strokes from the result",
        default=False, kind=bool,
    )  # fmt: skip
    precision: str = option(
        "precision of the computation; bfloat16 is faster on processors that support it",
        default="float32", choices=PRECISIONS,
    )  # fmt: skip
    style: Mapping[str, float] = field(default_factory=dict)
    masks: tuple[str, ...] = ()
    memory: int | None = None
    brush_size: float = option(
        "size of the strokes relative to that in training, after `image_size`; for print, larger strokes with edges "
        "that stay sharp",
        default=1.0, kind=float, minimum=0.25, maximum=8, metavar="0.25..8",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        check_input_files(mask=self.masks)
        for name, weight in self.style.items():
            if not isinstance(weight, Real):
                raise ArgumentError(f"`style` {name}={weight}: a weight must be a number of at least 0")


def parse_styles(values: Sequence[str]) -> dict[str, float]:
    """Return the weights of styles given as NAME=WEIGHT, or NAME for the weight 1.

    Raises:
        ArgumentError: a weight is no number, or a style is named twice.
    """
    try:
        return parse_named_weights(values)
    except StyleError as error:
        raise ArgumentError(f"`style` {error}") from error
