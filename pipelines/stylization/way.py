"""How a picture goes through the network: whole, or in strips where memory is short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from errors import UserError
from pipelines.memory_bound import memory_bound
from runs.machine import anonymous_memory
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


@dataclass(frozen=True)
class Way:
    """How one picture is computed.

    Attributes:
        needed: bytes of memory that the process will take at most, roughly.
        cut: the network in stages, or None: whole.
        plan: what is kept between them.
        reason: why the picture is not cut though it does not fit, or "".
    """

    needed: int
    cut: Cut | None = None
    plan: Plan | None = None
    reason: str = ""

    def __str__(self) -> str:
        size = f"{self.needed / 1e9:.1f} GB of memory"
        if self.plan is None:
            return f"whole, about {size}{self.reason and f': {self.reason}'}"
        files = f" and {self.plan.file_bytes / 1e9:.1f} GB of files" if self.plan.file_bytes else ""
        return f"in strips of {self.plan.rows} rows, about {size}{files}"


def choose_way(network: keras.Model | None, height: int, width: int, memory: int | None) -> Way | None:
    """Return how a picture of this size goes through `network`; None: whole, as it is too small for a plan.

    Args:
        network: with one input and one output; None: several networks, which take the picture whole.
        height: rows of the picture.
        width: columns of the picture.
        memory: bytes that the process may take; None: half of what is free.

    Raises:
        UserError: not even strips fit.
    """
    if network is None or (memory is None and height * width <= SMALL_PIXELS):
        return None
    used, bound = anonymous_memory(), memory_bound(memory)
    try:
        graph = trace(network, height, width)
    except Exception:  # a foreign model may hold anything; what stands in the way is told when it runs
        return None
    whole = Way(used + LIBRARIES + whole_bytes(graph) + WHOLE_PIXEL * height * width)
    return whole if whole.needed <= bound else _strips(graph, whole, used, bound)


def _strips(graph: Graph, whole: Way, used: int, bound: int) -> Way:
    fixed = used + LIBRARIES + STRIPS_PIXEL * graph.input.height * graph.input.shape[2]
    try:
        network = cut(graph)
        plan = make_plan(network, bound - fixed)
    except CannotCutError as error:
        return Way(whole.needed, reason=str(error))
    except TooLittleMemoryError as error:
        size = f"{graph.input.shape[2]} x {graph.input.height}"
        raise UserError(
            f"a picture of {size} pixels takes at least {(fixed + error.needed) / 1e9:.1f} GB; "
            f"`memory` is {bound / 1e9:.1f} GB"
        ) from error
    return Way(fixed + plan.memory, network, plan)
