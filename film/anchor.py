"""An earlier frame of a film with its result, and the way back to it: the motion of neighbouring frames, joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from film.flow import grey, inside, refined, warp
from film.matching import likeness


@dataclass(frozen=True)
class Anchor:
    """A frame that later ones are compared with for a while.

    A result that is blended with the one before alone drifts: each step adds a little that is new, and after some
    frames little of the old is left. Seen from the anchor there is one step only, however many frames lie between.

    Attributes:
        content: float32 (height, width, 3) in [0, 1].
        result: what became of it, likewise.
        age: how many frames ago it was.
        flow: float32 (height, width, 2), where each pixel of the present frame lies in it, minus its place; None: it is
            the present frame.
        chain: float32 (height, width), how far every step of that way can be believed, 0 to 1; None likewise.
    """

    content: np.ndarray
    result: np.ndarray
    age: int = 0
    flow: np.ndarray | None = None
    chain: np.ndarray | None = None

    def after(self, flow: np.ndarray, belief: np.ndarray) -> Anchor:
        """Return the anchor as the next frame sees it.

        Args:
            flow: from the next frame to the present one.
            belief: in that flow.
        """
        if self.flow is None or self.chain is None:
            return Anchor(self.content, self.result, 1, flow, belief)
        joined = flow + warp(self.flow, flow, interpolation=cv2.INTER_LINEAR)
        chain = belief * warp(self.chain, flow, interpolation=cv2.INTER_LINEAR)
        return Anchor(self.content, self.result, self.age + 1, joined, chain)

    def refined(self, content: np.ndarray) -> Anchor:
        """Return the anchor as the present frame, whose content is given, sees it, by a more exact way."""
        assert self.flow is not None
        return replace(self, flow=refined(self.flow, grey(content), grey(self.content)))

    def seen_from(self, content: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the result as the present frame, whose content is given, sees it, and how far that is believed.

        Where many steps have led astray the contents differ.
        """
        assert self.flow is not None
        assert self.chain is not None
        moved = warp(self.result, self.flow)
        same = likeness(content, warp(self.content, self.flow, interpolation=cv2.INTER_LINEAR))
        return moved, self.chain * same * inside(self.flow)

    def state(self) -> dict[str, np.ndarray]:
        """Return what `restored` needs."""
        fields = {"content": self.content, "result": self.result, "age": np.array(self.age)}
        return fields if self.flow is None or self.chain is None else {**fields, "flow": self.flow, "chain": self.chain}


def restored(state: Mapping[str, np.ndarray]) -> Anchor:
    """Return the anchor whose `state` this is."""
    return Anchor(state["content"], state["result"], int(state["age"]), state.get("flow"), state.get("chain"))
