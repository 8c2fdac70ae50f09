"""The style picture of a network for any style, as in Huang & Belongie 2017 and Ghiasi et al. 2017."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes.graph import GraphError, TensorInfo
from runtimes.loading import load_graph
from runtimes.pictures.image_io import ImageIO, is_picture

if TYPE_CHECKING:
    import numpy as np

Size = tuple[int, int]


@dataclass(frozen=True)
class Reference:
    """A style picture.

    Attributes:
        read: (height, width), or None for a size that suits networks of any -> the picture (height, width, 3), float32
            RGB in [0, 1].
        model: that computes of the picture what the network takes in its place; None where it takes the picture.
        image_io: as of `runtimes.pictures.image_io.ImageIO.of`.
    """

    read: Callable[[Size | None], np.ndarray]
    model: Path | None
    image_io: Sequence[str]

    def values(self, wanted: TensorInfo) -> np.ndarray:
        """Return what a network takes as its input `wanted`.

        Raises:
            GraphError: it is no picture and there is no model, or the model makes something else of pictures.
        """
        if self.model is None:
            if not is_picture(wanted):
                raise GraphError(f"takes the style as {wanted}: the model that computes it is needed (--style-model)")
            return self._picture(wanted)
        graph = load_graph(self.model)
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise GraphError(f"--style-model {self.model}: a model with one input and one output is needed")
        (made,) = graph(self._picture(graph.inputs[0]))
        if len(made.shape) != len(wanted.shape or ()) or not _fits(made.shape, wanted):
            raise GraphError(f"--style-model {self.model}: makes {made.dtype} {made.shape}, the network takes {wanted}")
        return made

    def _picture(self, wanted: TensorInfo) -> np.ndarray:
        form = ImageIO.of(wanted, self.image_io)
        return form.encode(self.read(form.size)[None])


def _fits(shape: tuple[int, ...], wanted: TensorInfo) -> bool:
    return all(side in (None, made) for side, made in zip(wanted.shape or (), shape, strict=True))
