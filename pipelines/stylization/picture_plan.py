"""Deciding how a picture is computed: as a whole, or in strips if memory is short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from errors import UserError
from pipelines.memory_bound import memory_bound
from pipelines.stylization.brush import painted_sizes
from runs.machine import anonymous_memory, check_memory, gigabytes, gigabytes_of_limit
from strips.cut import CannotCutError, Cut, cut
from strips.graph import Graph, trace
from strips.plan import Plan, TooLittleMemoryError, make_plan, whole_bytes

if TYPE_CHECKING:
    import keras

# Smaller pictures go through whole without a plan, unless a bound is given.
SMALL_PIXELS = 10**6
# What the network's libraries take when they run for the first time, in bytes.
LIBRARIES = 8 * 10**7
# Bytes a pixel of a picture in memory and of its result: float32 RGB beside copies, and in strips levels of 8 bits.
WHOLE_PIXEL, STRIPS_PIXEL = 36, 4
# What strokes of another size take beside it: whole, further pictures in memory; in strips, an input and a result of
# the network in files.
BRUSH_PIXEL, BRUSH_FILE_PIXEL = 60, 24
# What each of several networks' share of the pixels takes, and the sum of their answers beside one of them: in memory,
# or in files where the picture goes in strips.
MASK_PIXEL, MASKED_PIXEL = 4, 24
# Of a film's frames, measured: those that wait for the network and for the encoder, and what steadying keeps of
# earlier ones and works on.
FRAMES_PIXEL = 280


@dataclass(frozen=True)
class Pass:
    """How the network sees a picture of one size in strips.

    Attributes:
        cut: the network in stages.
        plan: what is kept between them.
    """

    cut: Cut
    plan: Plan

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.cut.graph.input.height, self.cut.graph.input.shape[2]


@dataclass(frozen=True)
class PicturePlan:
    """How one picture is computed.

    Attributes:
        needed: bytes of memory that the process will take at most, roughly.
        passes: in strips, one for each size at which a network sees the picture, one network after the other; none:
            whole.
        file_bytes: that are in files meanwhile, at most.
        reason: why the picture is not cut though it does not fit, or "".
    """

    needed: int
    passes: tuple[Pass, ...] = ()
    file_bytes: int = 0
    reason: str = ""

    def __str__(self) -> str:
        size = f"{gigabytes(self.needed)} of memory"
        if not self.passes:
            return f"whole, about {size}{self.reason and f': {self.reason}'}"
        files = f" and {gigabytes(self.file_bytes)} of files" if self.file_bytes else ""
        return f"in strips of {self.passes[-1].plan.rows} rows, about {size}{files}"


def plan_picture(
    networks: Sequence[keras.Model],
    height: int,
    width: int,
    memory: int | None,
    brush_size: float = 1.0,
    masks: int = 0,
) -> PicturePlan | None:
    """Return how a picture of this size goes through a network; None: whole, as it is too small for a plan.

    Args:
        networks: each with one input and one output: one, or one for each mask; none: what is unknown runs whole.
        height: rows of the picture.
        width: columns of the picture.
        memory: bytes that the process may take; None: half of what is free.
        brush_size: size of the strokes, see pipelines.stylization.brush.
        masks: how many there are.

    Raises:
        UserError: not even strips fit, or a network returns pictures of another size than it takes.
    """
    sizes = painted_sizes(height, width, brush_size)
    pixels = max(rows * columns for rows, columns in sizes)
    if not networks or (memory is None and pixels <= SMALL_PIXELS):
        return None
    used, bound = anonymous_memory(), memory_bound(memory)
    try:
        graphs = [trace(network, *size) for network in networks for size in sizes]
    except Exception:  # a foreign model may hold anything; what stands in the way is told when it runs
        return None
    for graph in graphs:
        if graph.output.shape[1:] != graph.input.shape[1:]:
            raise differing_size(graph.output.shape[1:], graph.input.shape[1:])
    beside = _bytes_of_masks(masks) * pixels
    whole = PicturePlan(used + _bytes_of_whole(graphs, brush_size) + beside)
    if whole.needed <= bound:
        return whole
    files = beside if brush_size == 1 else beside + BRUSH_FILE_PIXEL * pixels
    return _strips(graphs, whole, used, bound, beside=files)


def differing_size(returned: tuple[int, ...], given: tuple[int, ...]) -> UserError:
    """Return the error about a network that returns pictures of another size (height, width, channels)."""
    return UserError(f"the model returned {returned} for {given}, which differs in size")


def check_frames(
    networks: Sequence[keras.Model], height: int, width: int, brush_size: float = 1.0, masks: int = 0
) -> None:
    """Refuse a film whose frames, which go through a network whole, do not fit into this machine's memory.

    Args:
        networks: as for `plan_picture`, as the others.
        height: rows of a frame.
        width: columns of a frame.
        brush_size: size of the strokes.
        masks: how many there are.

    Raises:
        ArgumentError: there is less memory.
    """
    if not networks:
        return
    try:
        sizes = painted_sizes(height, width, brush_size)
        graphs = [trace(network, *size) for network in networks for size in sizes]
    except Exception:  # as above
        return
    beside = (FRAMES_PIXEL + _bytes_of_masks(masks)) * height * width
    needed = anonymous_memory() + _bytes_of_whole(graphs, brush_size) + beside
    check_memory(needed, f"a film of {width} x {height} pixels (see `image_size`)")


def _bytes_of_whole(graphs: Sequence[Graph], brush_size: float) -> int:
    """Return what a picture takes that the network sees whole at the sizes of `graphs`."""
    pixels = max(graph.input.height * graph.input.shape[2] for graph in graphs)
    taken = WHOLE_PIXEL if brush_size == 1 else WHOLE_PIXEL + BRUSH_PIXEL
    return LIBRARIES + max(map(whole_bytes, graphs)) + taken * pixels


def _bytes_of_masks(masks: int) -> int:
    """Return what masks take for each pixel."""
    return MASKED_PIXEL + MASK_PIXEL * masks if masks else 0


def _strips(graphs: Sequence[Graph], whole: PicturePlan, used: int, bound: int, *, beside: int) -> PicturePlan:
    fixed = used + LIBRARIES + STRIPS_PIXEL * max(graph.input.height * graph.input.shape[2] for graph in graphs)
    try:
        passes = tuple(_strips_of_one(graph, fixed, bound) for graph in graphs)
    except CannotCutError as error:
        return PicturePlan(whole.needed, reason=str(error))
    files = beside + max(one.plan.file_bytes for one in passes)
    return PicturePlan(fixed + max(one.plan.memory for one in passes), passes, files)


def _strips_of_one(graph: Graph, fixed: int, bound: int) -> Pass:
    try:
        network = cut(graph)
        return Pass(network, make_plan(network, bound - fixed))
    except TooLittleMemoryError as error:
        size = f"{graph.input.shape[2]} x {graph.input.height}"
        raise UserError(
            f"a picture of {size} pixels takes at least {gigabytes(fixed + error.needed)}; "
            f"`memory` is {gigabytes_of_limit(bound)}"
        ) from error
