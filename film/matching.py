"""Correspondence between neighbouring frames, and detection of cuts."""

from __future__ import annotations

import cv2
import numpy as np

from film.flow import FlowFinder, grey, refined, resize_flow, seen_in_both, sum_of_squares, warp

# Root mean squared difference of content and moved content, over small windows, at which belief has fallen to 1 / e.
CONTENT_TOLERANCE = 0.15
WINDOW = 9
# How much more the way there and back may miss its beginning than Sundaram et al. allow: where motion is fast it is
# found less exactly, and what is taken for uncovered flickers.
WAY_BACK_SLACK = 3.0
# A cut: the content of so large a share of the picture is nowhere to be found in the frame before.
CUT_SHARE = 0.65


class Matcher:
    """Matches each frame with the one before.

    Attributes:
        last: the last frame, None before the first.
        is_cut: whether there was a cut before it.
    """

    def __init__(self) -> None:
        self._find_flow = FlowFinder()
        self._small: np.ndarray | None = None
        self.last: np.ndarray | None = None
        self.is_cut = False

    def __call__(self, content: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Take the next frame.

        Args:
            content: float32 (height, width, 3) in [0, 1].

        Returns:
            float32 (height, width, 2), where each pixel lies in the frame before, minus its place, and float32
            (height, width), how far that can be believed, 0 to 1; None for the first frame and after a cut.
        """
        small = grey(content)
        match = (
            None if self.last is None or self._small is None else self._match(content, small, self.last, self._small)
        )
        self.is_cut = self.last is not None and match is None
        self.last, self._small = content, small
        return match

    def begin_after(self, content: np.ndarray) -> None:
        """Go on as if `content` had been the last frame."""
        self.last, self._small = content, grey(content)

    def _match(
        self, content: np.ndarray, small: np.ndarray, last: np.ndarray, last_small: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        backwards = refined(self._find_flow(small, last_small), small, last_small)
        seen = seen_in_both(backwards, self._find_flow(last_small, small), slack=WAY_BACK_SLACK)
        height, width = content.shape[:2]
        flow = resize_flow(backwards, height, width)
        belief = cv2.resize(cv2.erode(seen, np.ones((3, 3), np.uint8)), (width, height), interpolation=cv2.INTER_LINEAR)
        belief *= likeness(content, warp(last, flow, interpolation=cv2.INTER_LINEAR))
        return None if np.mean(belief > 0.5) < 1 - CUT_SHARE else (flow, belief)


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how alike two pictures are around each place, (height, width) in [0, 1]."""
    squares = sum_of_squares(first - second) / first.shape[-1]
    return np.exp(-cv2.boxFilter(squares, -1, (WINDOW, WINDOW)) / CONTENT_TOLERANCE**2)
