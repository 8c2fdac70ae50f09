"""Stylised film without flicker: each frame continues the one before along the content's motion.

A network that stylises frames one by one draws its strokes anew wherever noise or motion changes its input a little.
Here the stylised frame is blended with the last result, moved along the optical flow of the content, where the two
show the same thing (as in Ruder, Dosovitskiy & Brox 2016, "Artistic Style Transfer for Videos", whose consistency
loss this replaces for a network that is not trained for film).
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from film.flow import warp
from film.matching import Matcher

# Of the last result in a blend, where it is wholly believed and the strength is 1.
MAX_SHARE = 0.9
# A blend of strokes that do not fit is softer than either. Its detail (what a Gaussian of this deviation in pixels
# takes away) is given back the energy that the stylised frame's has, over windows, by so large a factor at most.
DETAIL_SIGMA = 1.0
DETAIL_WINDOW = 25
MAX_GAIN = 1.5


class Steadier:
    """Steadies stylised frames, given in order with their content.

    Args:
        strength: 0 (frames stay as they are) to 1.

    Attributes:
        result: the last steadied frame; None before the first.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.result: np.ndarray | None = None
        self._match = Matcher()

    @property
    def is_cut(self) -> bool:
        """Whether there was a cut before the last frame; never at strength 0, which does not look for them."""
        return self._match.is_cut

    def __call__(self, content: np.ndarray, stylized: np.ndarray) -> np.ndarray:
        """Return the steadied frame.

        Args:
            content: float32 (height, width, 3) in [0, 1].
            stylized: what the network made of it, the same shape and range.
        """
        last, self.result = self.result, stylized
        if self.strength and (match := self._match(content)) is not None and last is not None:
            self.result = self._blended(stylized, last, *match)
        return self.result

    def _blended(self, stylized: np.ndarray, last: np.ndarray, flow: np.ndarray, belief: np.ndarray) -> np.ndarray:
        share = (MAX_SHARE * self.strength) * belief[..., np.newaxis]
        moved = warp(last, flow, interpolation=cv2.INTER_LANCZOS4)
        return np.clip(_sharpened(stylized + share * (moved - stylized), stylized), 0, 1)

    def state(self) -> dict[str, np.ndarray]:
        """Return what a new object needs to go on from here; after a cut it needs nothing."""
        state = {} if self.result is None else {"result": self.result}
        return state if self._match.last is None else {"content": self._match.last, **state}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self.result = state.get("result")
        if "content" in state:
            self._match.begin_after(state["content"])


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
