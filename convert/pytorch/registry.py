"""The registry of architectures, which are recognised by the names and shapes of their tensors.

A new one is a module in `convert.pytorch.architectures` with a class that has the methods below, decorated with
`architecture`.
"""

from __future__ import annotations

from typing import Protocol

import keras
import numpy as np

from convert.pytorch.state_dicts import StateDict


class Architecture(Protocol):
    """A family of networks.

    `name` is what messages call it.
    """

    name: str

    def matches(self, state: StateDict) -> bool:
        """Return whether the tensors of `state`, by names and shapes, are those of such a network."""

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network under the image contract with the weights of `state`, and what was decided, in words.

        Raises:
            UserError: the numbers of a tensor are missing or not finite.
        """

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return what the network takes or returns in PyTorch, channels last, as RGB pictures in [0, 1].

        Raises:
            UserError: it returns no pictures.
        """


ARCHITECTURES: list[Architecture] = []


def architecture(kind: type[Architecture]) -> type[Architecture]:
    """Register a class of architectures; those registered first are looked for first."""
    ARCHITECTURES.append(kind())
    return kind
