"""Loading a model that takes a picture and returns one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes.graph import Graph, GraphError, TensorInfo
from runtimes.loading import load_graph
from runtimes.pictures.image_io import ImageIO
from runtimes.styles import StyleError, Weights, is_style_input, style_row

if TYPE_CHECKING:
    import numpy as np

# The input of a generator of textures, in place of a picture.
NOISE = "noise"


@dataclass(frozen=True)
class PictureGraph:
    """An exported model from pictures to pictures.

    Attributes:
        run: pictures (batch, height, width, 3), float32 RGB in [0, 1] -> the same, whose values may lie outside.
        size: the one (height, width) that it takes, or None for any.
    """

    run: Callable[[np.ndarray], np.ndarray]
    size: tuple[int, int] | None


def load_picture_graph(
    path: Path, style: Weights = (), runtime: str | None = None, image_io: str = "unit"
) -> PictureGraph:
    """Load a model of pictures, exported by this program or another, with the weights of its styles if it has several.

    Args:
        path: see `runtimes.loading.load_graph`.
        style: weights of the styles of a model with several, one for each or by their names.
        runtime: see `runtimes.loading.load_graph`.
        image_io: values of the model's pictures, one of `runtimes.pictures.image_io.CONVENTIONS`.

    Raises:
        GraphError: it cannot be loaded, or takes or returns something else than pictures.
        StyleError: the weights do not fit it.
    """
    graph = load_graph(path, runtime)
    pictures = [tensor for tensor in graph.inputs if not is_style_input(tensor)]
    styles = [tensor for tensor in graph.inputs if is_style_input(tensor)]
    if len(pictures) != 1 or len(styles) > 1 or len(graph.outputs) != 1:
        counts = f"{_counted(graph.inputs, 'input')} and {_counted(graph.outputs, 'output')}"
        raise GraphError(f"{path}: has {counts}; a model with one picture as input and one as output is needed")
    if pictures[0].name == NOISE:
        raise GraphError(f"{path}: makes textures of noise, and takes no pictures")
    try:
        form = ImageIO.of(pictures[0], image_io)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from error
    rows = _style_rows(path, graph, styles, style)
    return PictureGraph(_runner(graph, pictures[0].name, form, rows), form.size)


def _counted(tensors: Sequence[TensorInfo], noun: str) -> str:
    return f"{len(tensors)} {noun}{'' if len(tensors) == 1 else 's'}"


def _style_rows(path: Path, graph: Graph, styles: Sequence[TensorInfo], style: Weights) -> dict[str, np.ndarray]:
    if style and not styles:
        raise StyleError(f"the model {path} has a single style")
    return {tensor.name: style_row(tensor, graph.styles, style) for tensor in styles}


def _runner(graph: Graph, name: str, form: ImageIO, rows: dict[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs a graph on pictures, and checks what it returns.

    Raises:
        GraphError: the model fails on them, or does not return pictures of their shape.
    """
    import numpy as np

    output = graph.outputs[0].name

    def run(pictures: np.ndarray) -> np.ndarray:
        height, width = pictures.shape[1:3]
        try:
            answer = np.asarray(graph.run({name: form.encode(pictures), **rows})[output])
        except Exception as error:  # each runtime has its own kinds
            raise GraphError(f"the model fails on {width} x {height} pixels: {error}") from error
        stylized = form.decode(answer, pictures.shape)
        if not np.isfinite(stylized).all():
            raise GraphError(f"the model returns NaN or infinite values for {width} x {height} pixels")
        return stylized

    return run
