"""What is asked for when pictures are stylised."""

from __future__ import annotations

from dataclasses import dataclass

from choices import PRECISIONS
from errors import ArgumentError, unknown_name


@dataclass(frozen=True)
class StylizationSettings:
    """What is done to each picture.

    Attributes:
        image_size: the longer side in pixels to which each picture is resized first; None keeps its size.
        strength: weight of the stylised picture in the mean of both, 0 to 1; the content has the rest.
        keep_colors: keep the content's colours and brightness; the strokes are the stylised picture's.
        precision: what the network computes in: "float32" or "bfloat16" (faster where the processor has it).

    Raises:
        ArgumentError: a value is not allowed.
    """

    image_size: int | None = None
    strength: float = 1.0
    keep_colors: bool = False
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.image_size is not None and self.image_size < 1:
            raise ArgumentError(f"`image_size` must be 1 or more, not {self.image_size}")
        if not 0 <= self.strength <= 1:
            raise ArgumentError(f"`strength` must be from 0 to 1, not {self.strength}")
        if self.precision not in PRECISIONS:
            raise ArgumentError(unknown_name("`precision`", self.precision, PRECISIONS))
