"""Pictures of sizes that a model does not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from runtimes.graph import GraphError

if TYPE_CHECKING:
    import numpy as np

# Of what networks that reduce pictures inside, and do not round up, may want the sides to be multiples.
MULTIPLE = 32


def fitting_size(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width that a picture is shrunk to, its proportions kept, to fit into `size`."""
    factor = min(1, size[0] / height, size[1] / width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def fitting_steps(height: int, width: int, size: tuple[int, int]) -> str:
    """Return what is done to fit a picture to a model of another size, in words."""
    fitting = fitting_size(height, width, size)
    shrunk = fitting != (height, width)
    steps = [f"shrunk to {fitting[1]} x {fitting[0]}"] if shrunk else []
    steps += ["extended by mirroring"] if fitting != size else []
    steps += ["enlarged again"] if shrunk else []
    return f"{width} x {height} pixels, the model takes only {size[1]} x {size[0]}: {', '.join(steps)}"


def mirrored(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return `pixels` (rows, columns, 3) continued by mirroring at the bottom and the right to `size`.

    Instance normalisation takes its statistics from all pixels: those of a mirrored picture are its own, where grey
    borders would change the style.
    """
    import numpy as np

    missing = [(0, most - side) for most, side in zip(size, pixels.shape, strict=False)]
    return np.pad(pixels, [*missing, (0, 0)], mode="symmetric")


def run_at_any_size(
    run: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, note: Callable[[str], None]
) -> np.ndarray:
    """Return a model's answer to `pixels`, which are extended, and that told, where it fails on their size alone.

    Args:
        run: the model, from (height, width, 3) to the same, or to several times that height and width.
        pixels: (height, width, 3) in [0, 1].
        note: called with what was done in words.

    Raises:
        GraphError: the model fails on both.
    """
    height, width, _ = pixels.shape
    try:
        return run(pixels)
    except GraphError as error:
        fitting = -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE
        if fitting == (height, width):
            raise
        try:
            answer = run(mirrored(pixels, fitting))
        except GraphError:
            raise error from None
    note(f"the model fails on {width} x {height} pixels: extended by mirroring to {fitting[1]} x {fitting[0]}")
    scale = answer.shape[0] // fitting[0]
    return answer[: scale * height, : scale * width]
