"""Stylised film without flicker: each frame continues the one before along the content's motion.

A network that stylises frames one by one draws its strokes anew wherever noise or motion changes its input a little.
Here the stylised frame is blended with earlier results, moved along the optical flow of the content, where they show
the same thing: with the last one, and with one that lies further back. So do the short-term and long-term consistency
losses of Ruder, Dosovitskiy & Brox 2016, "Artistic Style Transfer for Videos", for pictures that are optimised; this
stands in their place for a network that is not trained for film.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from film.anchor import Anchor, restored
from film.flow import sum_of_squares, warp
from film.matching import Matcher

# Of earlier results in a blend, where they are wholly believed and the strength is 1; of the anchor's among them.
MAX_SHARE, ANCHOR_SHARE = 0.95, 0.8
# Frames after which the last result becomes the anchor.
MAX_AGE = 16
# How the anchor's fields are called in the state.
ANCHOR = "anchor_"
# A blend of strokes that do not fit is softer than either. Its detail (what a Gaussian of this deviation in pixels
# takes away) is given back, over windows, so large a share of the stylised frame's, by so large a factor at most: the
# last bit of it flickers most.
DETAIL_SIGMA = 1.0
DETAIL_WINDOW = 25
DETAIL_SHARE = 0.96
MAX_GAIN = 1.5
# Masks stand still while the content moves under them: how much of the belief in an earlier result is lost where a mask
# has changed on the way, per share of white. So little of what is stylised is carried to where it should not be.
MASK_SLOPE = 8


class Steadier:
    """Steadies stylised frames, given in order with their content.

    What a stylised frame has left as it is in the content stays so.

    Args:
        strength: 0 (frames stay as they are) to 1.
        masks: where each of several styles is applied, float32 (height, width) in [0, 1].

    Attributes:
        result: the last steadied frame; None before the first.
    """

    def __init__(self, strength: float, masks: Sequence[np.ndarray] = ()) -> None:
        self.strength = strength
        self.masks = masks
        self.result: np.ndarray | None = None
        self._match = Matcher()
        self._anchor: Anchor | None = None

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
        if not self.strength:
            return stylized
        match = self._match(content)
        if match is None or last is None or self._anchor is None:
            self._anchor = Anchor(content, stylized)
            return stylized
        self._anchor = self._anchor.after(*match)
        self.result = self._blended(content, stylized, last, *match)
        if self._anchor.age == MAX_AGE:
            self._anchor = Anchor(content, self.result)
        return self.result

    def _blended(
        self, content: np.ndarray, stylized: np.ndarray, last: np.ndarray, flow: np.ndarray, belief: np.ndarray
    ) -> np.ndarray:
        assert self._anchor is not None
        earlier = warp(last, flow)
        if self._anchor.age > 1:
            self._anchor = self._anchor.refined(content)
            far, far_belief = self._anchor.seen_from(content)
            assert self._anchor.flow is not None
            far_belief = far_belief * self._same_style(self._anchor.flow)
            earlier += (ANCHOR_SHARE * far_belief[..., np.newaxis]) * (far - earlier)
        share = (MAX_SHARE * self.strength) * (belief * self._same_style(flow))[..., np.newaxis]
        blend = np.clip(_sharpened(stylized + share * (earlier - stylized), stylized), 0, 1)
        return np.where((stylized == content).all(axis=-1, keepdims=True), stylized, blend)

    def _same_style(self, flow: np.ndarray) -> np.ndarray:
        """Return how far the masks are alike where a flow leads, (height, width) in [0, 1]."""
        same = np.ones(flow.shape[:2], np.float32)
        for mask in self.masks:
            change = np.abs(mask - warp(mask, flow, interpolation=cv2.INTER_LINEAR))
            same = np.minimum(same, np.maximum(0, 1 - MASK_SLOPE * change))
        return same

    def state(self) -> dict[str, np.ndarray]:
        """Return what a new object needs to go on from here; after a cut it needs nothing."""
        state = {} if self.result is None else {"result": self.result}
        if self._match.last is not None:
            state["content"] = self._match.last
        anchor = {} if self._anchor is None else self._anchor.state()
        return state | {f"{ANCHOR}{name}": values for name, values in anchor.items()}

    def restore(self, state: Mapping[str, np.ndarray], height: int, width: int) -> None:
        """Go on from what `state` returned after frames of this size.

        Raises:
            ValueError: it is not such a state.
        """
        _check_state(state, height, width)
        self.result = state.get("result")
        if "content" in state:
            self._match.begin_after(state["content"])
        if anchor := {name.removeprefix(ANCHOR): values for name, values in state.items() if name.startswith(ANCHOR)}:
            self._anchor = restored(anchor)


def _check_state(state: Mapping[str, np.ndarray], height: int, width: int) -> None:
    """Raise ValueError unless a state has the arrays, of the types and shapes, that go with frames of this size."""
    picture = (height, width, 3)
    anchor = {"content": picture, "result": picture, "age": (), "flow": (height, width, 2), "chain": (height, width)}
    shapes = {"result": picture, "content": picture, **{ANCHOR + name: shape for name, shape in anchor.items()}}
    groups = [("result",), tuple(shapes)[:5], tuple(shapes)]  # without steadying, at an anchor, after it
    if state and set(state) not in map(set, groups):
        raise ValueError(f"its arrays are {', '.join(sorted(state))}")
    for name, values in state.items():
        if values.shape != shapes[name] or not (values.dtype.kind in "fiu" and np.isfinite(values).all()):
            raise ValueError(f"{name} is {values.dtype} {values.shape}, or not finite; frames are {width} x {height}")


def _sharpened(blend: np.ndarray, stylized: np.ndarray) -> np.ndarray:
    """Return a blend with about the detail that the stylised frame has."""
    smooth = cv2.GaussianBlur(blend, (0, 0), DETAIL_SIGMA)
    detail = blend - smooth
    wanted = _energy(stylized - cv2.GaussianBlur(stylized, (0, 0), DETAIL_SIGMA))
    gain = DETAIL_SHARE * np.sqrt((wanted + 1e-6) / (_energy(detail) + 1e-6))
    return smooth + np.clip(gain, 1, MAX_GAIN)[..., np.newaxis] * detail


def _energy(detail: np.ndarray) -> np.ndarray:
    """Return the mean square of detail around each place, (height, width)."""
    return cv2.boxFilter(sum_of_squares(detail) / detail.shape[-1], -1, (DETAIL_WINDOW, DETAIL_WINDOW))
