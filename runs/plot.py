"""A plain plot of curves over a logarithmic scale, drawn with Pillow."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from images.writing import write_image

SIZE = (960, 600)
LEFT, TOP, RIGHT, BOTTOM = 80, 40, 720, 540
WHITE, BLACK, GREY, LIGHT = (255, 255, 255), (30, 30, 30), (150, 150, 150), (225, 225, 225)
# Okabe & Ito's colours, which colour-blind readers can tell apart; black is the first curve's.
COLORS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (150, 140, 20))
# As many names fit into the legend.
MAX_CURVES = 24


@dataclass(frozen=True)
class Curve:
    """A named line through points; points of 0 or below cannot be shown and are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def write_line_plot(
    path: str | os.PathLike, curves: Sequence[Curve], *, marks: Mapping[float, str], label: str
) -> None:
    """Draw curves with a logarithmic vertical axis.

    Args:
        path: picture file to write.
        curves: the first is drawn thick and black; no more than MAX_CURVES are drawn.
        marks: vertical lines with their texts, by their place on the horizontal axis.
        label: what stands under the horizontal axis.

    Raises:
        ImageError: the file cannot be written.
    """
    curves = curves[:MAX_CURVES]
    plot = _Plot(curves)
    plot.axes(label)
    for place, text in marks.items():
        plot.mark(place, text)
    for i in reversed(range(len(curves))):
        plot.curve(i, curves[i])
    write_image(path, np.asarray(plot.image, dtype=np.float32) / 255)


class _Plot:
    """A picture, and where values lie on it."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.image = Image.new("RGB", SIZE, WHITE)
        self.draw = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default(13)
        shown = [math.log10(y) for curve in curves for y in curve.y if 0 < y < math.inf] or [0.0]
        self.low, self.high = math.floor(min(shown)), max(math.ceil(max(shown)), math.floor(min(shown)) + 1)
        self.end = max((x for curve in curves for x in curve.x), default=1) or 1

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a value."""
        height = (math.log10(y) - self.low) / (self.high - self.low)
        return LEFT + (RIGHT - LEFT) * x / self.end, BOTTOM - (BOTTOM - TOP) * height

    def axes(self, label: str) -> None:
        """Draw a line for each power of ten and the ends of the horizontal axis."""
        for power in range(self.low, self.high + 1):
            _, y = self.point(0, 10.0**power)
            self.draw.line([(LEFT, y), (RIGHT, y)], fill=LIGHT)
            self.draw.text((LEFT - 8, y), f"{10.0**power:g}", fill=BLACK, font=self.font, anchor="rm")
        self.draw.rectangle([(LEFT, TOP), (RIGHT, BOTTOM)], outline=GREY)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            x = LEFT + (RIGHT - LEFT) * share
            self.draw.text((x, BOTTOM + 8), f"{self.end * share:.0f}", fill=BLACK, font=self.font, anchor="ma")
        self.draw.text(((LEFT + RIGHT) / 2, BOTTOM + 30), label, fill=BLACK, font=self.font, anchor="ma")

    def mark(self, place: float, text: str) -> None:
        """Draw a vertical line."""
        x, _ = self.point(place, 10.0**self.low)
        self.draw.line([(x, TOP), (x, BOTTOM)], fill=GREY)
        self.draw.text((x + 4, TOP - 6), text, fill=BLACK, font=self.font, anchor="lb")

    def curve(self, number: int, curve: Curve) -> None:
        """Draw a curve and its name."""
        color = BLACK if number == 0 else COLORS[(number - 1) % len(COLORS)]
        width = 3 if number == 0 else 1
        points = [self.point(x, y) for x, y in zip(curve.x, curve.y, strict=True) if 0 < y < math.inf]
        if len(points) > 1:
            self.draw.line(points, fill=color, width=width)
        y = TOP + 8 + 20 * number
        self.draw.line([(RIGHT + 16, y), (RIGHT + 40, y)], fill=color, width=width)
        self.draw.text((RIGHT + 48, y), curve.name, fill=BLACK, font=self.font, anchor="lm")
