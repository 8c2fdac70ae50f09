"""What the stylisation of a film is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from choices import CODECS
from errors import ArgumentError, unknown_name
from pipelines.stylization.settings import StylizationSettings

MAX_QUALITY = 100
# Containers count time in ticks that are whole numbers; no film is slower or faster.
MIN_FRAME_RATE = 0.01
MAX_FRAME_RATE = 1000


@dataclass(frozen=True)
class FilmSettings:
    """How a film is stylised; checked when it is made.

    Attributes:
        frame: what is done to each frame.
        steady: how firmly frames continue the ones before, 0 (each on its own) to 1.
        codec: of a video: "h264", "hevc" or "av1".
        quality: of a video or an animated WebP, 1 to 100.
        frame_rate: frames per second of numbered frames, from MIN_FRAME_RATE to MAX_FRAME_RATE.

    Raises:
        ArgumentError: an attribute has a value that is not allowed.
    """

    frame: StylizationSettings = field(default_factory=StylizationSettings)
    steady: float = 1.0
    codec: str = "h264"
    quality: int = 75
    frame_rate: float = 25.0

    def __post_init__(self) -> None:
        if not 0 <= self.steady <= 1:
            raise ArgumentError(f"`steady` must be from 0 to 1, not {self.steady}")
        if self.codec not in CODECS:
            raise ArgumentError(unknown_name("`codec`", self.codec, CODECS))
        if not 1 <= self.quality <= MAX_QUALITY:
            raise ArgumentError(f"`quality` must be 1 to {MAX_QUALITY}, not {self.quality}")
        if not MIN_FRAME_RATE <= self.frame_rate <= MAX_FRAME_RATE:
            limits = f"{MIN_FRAME_RATE} to {MAX_FRAME_RATE}"
            raise ArgumentError(f"`frame_rate` must be from {limits}, not {self.frame_rate}")
