"""A network over a picture in low strips, to compare with the whole."""

from dataclasses import replace

import keras
import numpy as np

from strips.cut import cut
from strips.graph import trace
from strips.plan import make_plan
from strips.run import run_strips


def in_strips(model: keras.Model, pixels: np.ndarray, *, rows: int = 16, kept: str = "as planned") -> np.ndarray:
    """Return the network's answer (height, width, channels) to `pixels`, in strips of so many rows of the picture.

    `kept` may be "in files", where all maps of the plan go to files, or "nothing".
    """
    network = cut(trace(model, *pixels.shape[:2]))
    plan = replace(make_plan(network, 10**9), rows=rows)
    if kept != "as planned":
        plan = replace(plan, stored={} if kept == "nothing" else dict.fromkeys(plan.stored, True))
    answer = np.full(network.graph.output.shape[1:], np.nan, np.float32)

    def sink(span: range, values: np.ndarray) -> None:
        answer[span.start : span.stop] = values

    run_strips(network, plan, lambda span: pixels[span.start : span.stop], sink)
    return answer


def whole(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Return the network's answer to the whole picture."""
    return keras.ops.convert_to_numpy(model(pixels[None]))[0].astype(np.float32)
