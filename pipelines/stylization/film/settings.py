"""The settings of stylising a film."""

from __future__ import annotations

from dataclasses import dataclass, field

from choices import CODECS
from options import check, described, option
from pipelines.stylization.settings import StylizationSettings


@described
@dataclass(frozen=True)
class FilmSettings:
    """How a film is stylised, each frame as `frame` says; checked when it is made.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """

    frame: StylizationSettings = field(default_factory=StylizationSettings)
    steady: float = option(
        "how strongly each frame is tied to the previous one, to avoid flicker; 0 treats frames independently",
        default=1.0, kind=float, minimum=0, maximum=1, metavar="0..1",
    )  # fmt: skip
    codec: str = option("codec of a video", default="h264", choices=CODECS)
    quality: int = option(
        "quality of a video or an animated WebP", default=75, kind=int, minimum=1, maximum=100, metavar="1..100"
    )
    # Containers count time in ticks that are whole numbers; no film is slower or faster.
    frame_rate: float = option(
        "frame rate of numbered frames",
        default=25.0, kind=float, minimum=0.01, maximum=1000, metavar="FRAMES_A_SECOND",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
