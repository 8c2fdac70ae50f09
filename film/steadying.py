"""Stylised film without flicker: each frame continues the one before along the content's motion.

A network that stylises frames one by one draws its strokes anew wherever noise or motion changes its input a little.
Here the stylised frame is blended with the last result, moved along the optical flow of the content, where the two
show the same thing (as in Ruder, Dosovitskiy & Brox 2016, "Artistic Style Transfer for Videos", whose consistency
loss this replaces for a network that is not trained for film).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from film.flow import FlowFinder, grey, resize_flow, seen_in_both, warp

# Of the last result in a blend, where it is wholly believed and the strength is 1.
MAX_SHARE = 0.9
# A blend of strokes that do not fit is softer than either. Its detail (what a Gaussian of this deviation in pixels
# takes away) is given back the energy that the stylised frame's has, over windows, by so large a factor at most.
DETAIL_SIGMA = 1.0
DETAIL_WINDOW = 25
MAX_GAIN = 1.5
# Root mean squared difference of content and moved content, over small windows, at which belief has fallen to 1 / e.
CONTENT_TOLERANCE = 0.06
WINDOW = 9
# A cut: the content of so large a share of the picture is nowhere to be found in the frame before.
CUT_SHARE = 0.65


@dataclass(frozen=True, eq=False)
class _Shown:
    """A frame that was shown: its content, that as the flow takes it, and the result."""

    content: np.ndarray
    small: np.ndarray
    result: np.ndarray


class Steadier:
    """Steadies stylised frames, given in order with their content.

    Args:
        strength: 0 (frames stay as they are) to 1.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._find_flow = FlowFinder()
        self._last: _Shown | None = None

    @property
    def result(self) -> np.ndarray | None:
        """The last steadied frame; None before the first."""
        return None if self._last is None else self._last.result

    def __call__(self, content: np.ndarray, stylized: np.ndarray) -> np.ndarray:
        """Return the steadied frame.

        Args:
            content: float32 (height, width, 3) in [0, 1].
            stylized: what the network made of it, the same shape and range.
        """
        small = grey(content)
        result = stylized
        if self.strength and self._last is not None:
            result = self._blended(content, small, stylized, self._last)
        self._last = _Shown(content, small, result)
        return result

    def _blended(self, content: np.ndarray, small: np.ndarray, stylized: np.ndarray, last: _Shown) -> np.ndarray:
        backwards = self._find_flow(small, last.small)
        seen = seen_in_both(backwards, self._find_flow(last.small, small))
        height, width = content.shape[:2]
        flow = resize_flow(backwards, height, width)
        belief = cv2.resize(cv2.erode(seen, np.ones((3, 3), np.uint8)), (width, height), interpolation=cv2.INTER_LINEAR)
        belief *= _likeness(content, warp(last.content, flow, interpolation=cv2.INTER_LINEAR))
        if np.mean(belief > 0.5) < 1 - CUT_SHARE:
            return stylized
        share = (MAX_SHARE * self.strength) * belief[..., np.newaxis]
        moved = warp(last.result, flow, interpolation=cv2.INTER_LANCZOS4)
        return np.clip(_sharpened(stylized + share * (moved - stylized), stylized), 0, 1)

    def state(self) -> dict[str, np.ndarray]:
        """Return what a new object needs to go on from here."""
        return {} if self._last is None else {"content": self._last.content, "result": self._last.result}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self._last = _Shown(state["content"], grey(state["content"]), state["result"]) if state else None


def _sharpened(blend: np.ndarray, stylized: np.ndarray) -> np.ndarray:
    """Return a blend with the energy of detail that the stylised frame has."""
    smooth = cv2.GaussianBlur(blend, (0, 0), DETAIL_SIGMA)
    detail = blend - smooth
    wanted = _energy(stylized - cv2.GaussianBlur(stylized, (0, 0), DETAIL_SIGMA))
    gain = np.sqrt((wanted + 1e-6) / (_energy(detail) + 1e-6))
    return smooth + np.clip(gain, 1, MAX_GAIN)[..., np.newaxis] * detail


def _energy(detail: np.ndarray) -> np.ndarray:
    """Return the mean square of detail around each place, (height, width)."""
    return cv2.boxFilter(np.square(detail).mean(axis=-1), -1, (DETAIL_WINDOW, DETAIL_WINDOW))


def _likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how alike two pictures are around each place, (height, width) in [0, 1]."""
    squares = np.square(first - second).mean(axis=-1)
    return np.exp(-cv2.boxFilter(squares, -1, (WINDOW, WINDOW)) / CONTENT_TOLERANCE**2)
