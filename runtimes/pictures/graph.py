"""Loading a model that takes a picture and returns one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes.graph import Graph, GraphError, TensorInfo
from runtimes.loading import load_graph
from runtimes.pictures.image_io import ImageIO, is_picture, is_rgb
from runtimes.pictures.reference import Reference
from runtimes.styles import STYLE_RANK, StyleError, Weights, is_style_input, style_row

if TYPE_CHECKING:
    import numpy as np

# The input of a generator of textures, in place of a picture.
NOISE = "noise"


@dataclass(frozen=True)
class PictureGraph:
    """An exported model from pictures to pictures.

    Attributes:
        run: pictures (batch, height, width, 3), float32 RGB in [0, 1] -> the same, 1, 2, 3 ... times as large, whose
            values may lie outside.
        size: the one (height, width) that it takes, or None for any.
    """

    run: Callable[[np.ndarray], np.ndarray]
    size: tuple[int, int] | None


def load_picture_graph(
    path: Path, style: Weights, runtime: str | None, image_io: Sequence[str], reference: Reference | None
) -> PictureGraph:
    """Load a model of pictures, exported by this program or another.

    Args:
        path: see `runtimes.loading.load_graph`.
        style: weights of the styles of a model with several, one for each or by their names; none for others.
        runtime: see `runtimes.loading.load_graph`.
        image_io: names in `runtimes.pictures.image_io.CONVENTIONS` of the values of the pictures that the model takes,
            and of those that it returns if they differ.
        reference: the style picture of a model that takes one; None for others.

    Raises:
        GraphError: it cannot be loaded, takes or returns something else than pictures, or its style is missing.
        StyleError: the weights do not fit it.
    """
    graph = load_graph(path, runtime)
    if len(graph.inputs) not in (1, 2) or len(graph.outputs) != 1:
        counts = f"{_counted(graph.inputs, 'input')} and {_counted(graph.outputs, 'output')}"
        raise GraphError(f"{path}: has {counts}; one or two inputs, a picture and its style, and one output are needed")
    content, about_style = _told_apart(graph.inputs)
    if content.name == NOISE:
        raise GraphError(f"{path}: makes textures of noise, and takes no pictures")
    try:
        form = ImageIO.of(content, image_io)
        given = _style_values(about_style, graph.styles, style, reference)
    except StyleError:
        raise
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from error
    return PictureGraph(_runner(graph, content.name, form, given), form.size)


def _counted(tensors: Sequence[TensorInfo], noun: str) -> str:
    return f"{len(tensors)} {noun}{'' if len(tensors) == 1 else 's'}"


def _told_apart(inputs: Sequence[TensorInfo]) -> tuple[TensorInfo, TensorInfo | None]:
    """Return the input of the picture, and that of its style where there is one: no picture, or called so, or last."""
    if len(inputs) == 1:
        return inputs[0], None
    by_style = sorted(inputs, key=lambda tensor: (-_likeness(tensor), "style" in tensor.name.lower()))
    return by_style[0], by_style[1]


def _likeness(given: TensorInfo) -> int:
    """Return 2 for the axes of RGB pictures, 1 for those of grey ones, which may be masks, and 0 for others."""
    return is_picture(given) + is_rgb(given)


def _style_values(
    wanted: TensorInfo | None, names: Sequence[str], weights: Weights, reference: Reference | None
) -> dict[str, np.ndarray]:
    """Return what a model takes beside the picture, by the input's name."""
    if wanted is None:
        if weights:
            raise StyleError("the model has a single style")
        if reference is not None:
            raise GraphError("the model takes no style picture")
        return {}
    if wanted.shape is not None and len(wanted.shape) < STYLE_RANK:
        raise GraphError(f"takes {wanted.name}, {wanted}, beside the picture; only a style can be given")
    if reference is not None:
        if names:
            raise GraphError(f"takes weights of its styles (--style), not a style picture; it has {', '.join(names)}")
        if weights:
            raise StyleError("weights are not for a model that takes a style picture")
        return {wanted.name: reference.values(wanted)}
    if not is_style_input(wanted):
        raise GraphError(f"takes a style beside the picture, {wanted}: a style picture is needed (--style-image)")
    return {wanted.name: style_row(wanted, names, weights)}


def _runner(graph: Graph, name: str, form: ImageIO, rows: dict[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs a graph on pictures, and checks what it returns.

    Raises:
        GraphError: the model fails on them, or does not return pictures of their shape.
    """
    import numpy as np

    output = graph.outputs[0].name

    def run(pictures: np.ndarray) -> np.ndarray:
        height, width = pictures.shape[1:3]
        values = form.encode(pictures)
        try:
            answer = np.asarray(graph.run({name: values, **rows})[output])
        except Exception as error:  # each runtime has its own kinds
            raise GraphError(f"the model fails on {width} x {height} pixels: {error}") from error
        stylized = form.decode(answer, values.shape)
        if not np.isfinite(stylized).all():
            raise GraphError(f"the model returns NaN or infinite values for {width} x {height} pixels")
        return stylized

    return run
