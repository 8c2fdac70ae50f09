"""The settings of stylising pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from choices import PRECISIONS
from errors import ArgumentError, unknown_name
from pipelines.inputs import check_input_files

MIN_BRUSH_SIZE, MAX_BRUSH_SIZE = 0.25, 8.0


@dataclass(frozen=True)
class StylizationSettings:
    """What is done to each picture.

    Attributes:
        image_size: the longer side in pixels to which each picture is resized first; None keeps its size.
        strength: weight of the stylised picture in the mean of both, 0 to 1; the content has the rest.
        keep_colors: keep the content's colours and brightness; the strokes are the stylised picture's.
        precision: what the network computes in: "float32" or "bfloat16" (faster where the processor has it).
        style: of a network of several styles those that are blended, and their weights relative to each other.
        masks: files of pictures, white where a style goes: one for each of `style`, or one for a network of one style.
        memory: bytes of memory that the process may take, mapped files left out; None: half of what is free. Larger
            pictures go through the network in strips, with the same result.
        brush_size: size of the strokes as a multiple of what the network was trained for, from MIN_BRUSH_SIZE to
            MAX_BRUSH_SIZE (see pipelines.stylization.brush); 1 leaves them as they are.

    Raises:
        ArgumentError: a value is not allowed.
    """

    image_size: int | None = None
    strength: float = 1.0
    keep_colors: bool = False
    precision: str = "float32"
    style: Mapping[str, float] = field(default_factory=dict)
    masks: tuple[str, ...] = ()
    memory: int | None = None
    brush_size: float = 1.0

    def __post_init__(self) -> None:
        if self.image_size is not None and self.image_size < 1:
            raise ArgumentError(f"`image_size` must be 1 or more, not {self.image_size}")
        if not 0 <= self.strength <= 1:
            raise ArgumentError(f"`strength` must be from 0 to 1, not {self.strength}")
        if not MIN_BRUSH_SIZE <= self.brush_size <= MAX_BRUSH_SIZE:
            limits = f"{MIN_BRUSH_SIZE:g} to {MAX_BRUSH_SIZE:g}"
            raise ArgumentError(f"`brush_size` must be from {limits}, not {self.brush_size:g}")
        if self.precision not in PRECISIONS:
            raise ArgumentError(unknown_name("`precision`", self.precision, PRECISIONS))
        check_input_files(mask=self.masks)
        if self.masks and self.memory is not None:
            raise ArgumentError("`memory` cannot be used with `mask`: pictures with masks are not split into strips")


def parse_styles(values: Sequence[str]) -> dict[str, float]:
    """Return the weights of styles given as NAME=WEIGHT, or NAME for the weight 1.

    Raises:
        ArgumentError: a weight is no number, or a style is named twice.
    """
    styles: dict[str, float] = {}
    for value in values:
        name, _, weight = value.partition("=")
        if name in styles:
            raise ArgumentError(f"`style` {name} is given twice")
        try:
            styles[name] = float(weight or 1)
        except ValueError:
            raise ArgumentError(f"`style` {value}: {weight!r} is not a number; NAME=WEIGHT is expected") from None
    return styles
